package trail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"

	"github.com/elevenminutes/interlock/audit/proof"
)

// VerifyOptions say how [Verify] works. The zero VerifyOptions use all
// processors and know nothing from before.
type VerifyOptions struct {
	// Workers is how many bundles are read and hashed at the same time, at most
	// 1,024; zero means GOMAXPROCS. It may not be negative.
	Workers int
	// Progress, if not nil, is told how many of all entries have been verified,
	// from the first to the last. It is called by the goroutine that called
	// Verify, and holds it up.
	Progress func(done, total uint64)
	// Head is a signed checkpoint of the log that was kept from before, such as
	// its trusted head; nil means none. Only with it can a log that was cut,
	// put back or rewritten by somebody with its key be told from the true one.
	Head []byte
}

// Verified is what [Verify] has found to be true. The zero Verified comes with
// an error only.
type Verified struct {
	// Checkpoint is the log's, of a tree that was verified as a whole.
	Checkpoint proof.Checkpoint
	// Signed is the checkpoint with its signatures: the Head for the next time.
	Signed []byte
}

// Verify verifies the public face of a log, in its directory or in a copy:
//
//   - the checkpoint is signed with a key of v;
//   - each entry has the hash that its tile of level 0 holds, each hash in a
//     tile above is that of the tile below it, and the root that they make is
//     the checkpoint's, through all tiles, full and partial, of its size;
//   - entries are of kinds that this version knows, and records in parts are
//     whole; what a record says is not looked at;
//   - the log begins with the entries that o.Head covers, if there is one.
//
// Tiles and bundles that the checkpoint does not cover are not looked at, nor is
// what is in <dir>/log. A log may grow while it is verified. Where a partial
// tile or bundle is missing, the full one that came after it is taken.
//
// What does not fit is a [*DamageError] with the first entry that nobody can
// vouch for and the file at fault. A file is judged by what stands above it, up
// to the checkpoint: where an entry and its tile differ, the tile above tells
// which of them is wrong. A hash in a tile is at fault from the first entry
// below it on, and a file that is missing or not as long as it should be from
// the first entry that it covers on; only of a bundle that ends too early or too
// late are the entries before still good. If several files are at fault at once
// the file that is named may be the one above, and if all tiles agree with the
// entries and not with the checkpoint it is the checkpoint, with entry 0.
//
// The error wraps [ErrRolledBack] or [ErrRewritten] if it is o.Head that does
// not fit. It can't tell which of the entries that o.Head covers was rewritten:
// Index is then 0.
//
// Other errors say nothing about the log: an o.Head that v does not accept, a
// file that can't be read for another reason than that there is none, and the
// error of ctx. Verify returns as soon as ctx is done, and leaves a read that
// hangs to itself.
//
// Each byte is read and hashed once, so that time is linear in the size of the
// log, divided among the workers. Memory does not grow with the log: it is that
// of three bundles, of 16 MiB at most, for each worker, and one tile for each
// level.
func Verify(ctx context.Context, fsys fs.FS, v *proof.Verifier, o VerifyOptions) (Verified, error) {
	if fsys == nil || v == nil {
		return Verified{}, errors.New("trail: verifying: no file system or no Verifier was given")
	}
	if o.Workers < 0 {
		return Verified{}, fmt.Errorf("trail: verifying: %d workers were asked for", o.Workers)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	from := face{fsys}
	found, err := from.checkpoint(ctx, v)
	if err != nil {
		return Verified{}, err
	}
	head, err := parseHead(v, o.Head, found.Checkpoint)
	if err != nil {
		return Verified{}, err
	}
	w := &walk{face: from, size: found.Checkpoint.Size, root: found.Checkpoint.Root, head: head}
	if err := verifyEntries(ctx, w, o); err != nil {
		return Verified{}, err
	}
	if err := head.check(); err != nil {
		return Verified{}, err
	}
	return found, nil
}

// verifyEntries verifies all that is below the checkpoint, in the order of the
// entries, so that the first error is that of the lowest one.
func verifyEntries(ctx context.Context, w *walk, o VerifyOptions) error {
	q := newQueue(o.Workers, w.size)
	q.start(ctx, w)
	var p parts
	for {
		s, err := q.next(ctx)
		if err != nil {
			return err
		}
		if s == nil {
			return p.end(w.size)
		}
		if err := p.check(s); err != nil {
			return err
		}
		w.head.keep(s.expected)
		if o.Progress != nil {
			o.Progress(s.First()+uint64(s.Width), w.size)
		}
		q.release(s)
	}
}

// cutShort is the error when ctx is done. The cause is shown and not wrapped: it
// may be the damage of another log.
func cutShort(ctx context.Context) error {
	if err := ctx.Err(); err != context.Cause(ctx) {
		return fmt.Errorf("trail: verifying was cut short: %w: %v", err, context.Cause(ctx))
	}
	return fmt.Errorf("trail: verifying was cut short: %w", ctx.Err())
}

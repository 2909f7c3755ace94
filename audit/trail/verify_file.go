package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// face reads the public face of a log. It believes nothing that it is told about
// a file before the file has been read.
type face struct{ fsys fs.FS }

// unusable says why a file can't be what it should be. Any other error of
// reading says nothing about the file.
type unusable string

func (u unusable) Error() string { return string(u) }

func isUnusable(err error) bool {
	_, is := err.(unusable)
	return is
}

const missing = unusable("file is missing")

// errEnded is the error of a read that ended its goroutine.
var errEnded = errors.New("trail: verifying: a read of the file system ended its goroutine")

// checkpoint reads the log's checkpoint and checks its signature.
func (f face) checkpoint(ctx context.Context, v *proof.Verifier) (Verified, error) {
	type answer struct {
		signed []byte
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errEnded}
		defer func() { answers <- a }()
		a.signed, a.err = f.read(nil, tiles.CheckpointPath, proof.MaxText)
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return Verified{}, damaged(a.err, tiles.CheckpointPath, 0)
		}
		return parseFound(a.signed, v)
	case <-ctx.Done():
		return Verified{}, cutShort(ctx)
	}
}

func parseFound(signed []byte, v *proof.Verifier) (Verified, error) {
	c, err := v.Checkpoint(signed)
	if err != nil {
		return Verified{}, &DamageError{
			File:    tiles.CheckpointPath,
			Problem: "and all others are covered by no checkpoint",
			Err:     err,
		}
	}
	return Verified{Checkpoint: c, Signed: signed}, nil
}

// located is what a tile or a bundle has, and where.
type located struct {
	data []byte
	path string // the partial one's, or the full one's in its place
}

// hashes reads the hashes of a tile into the memory of buf, or more.
func (f face) hashes(buf []byte, t tiles.Tile) (located, error) {
	at, width, err := f.locate(buf, t.Width, tiles.TileSize, func(width int) string {
		return tiles.HashPath(t.Level, t.N, width)
	})
	if err != nil {
		return at, err
	}
	if n := len(at.data); n != width*tiles.HashSize {
		at.data = nil
		return at, unusable(fmt.Sprintf("file has %d bytes, not %d", n, width*tiles.HashSize))
	}
	at.data = at.data[:t.Width*tiles.HashSize]
	return at, nil
}

// bundle reads the bundle beside a tile of level 0 into the memory of buf, or
// more. It need not be well-formed.
func (f face) bundle(buf []byte, t tiles.Tile) (located, error) {
	at, width, err := f.locate(buf, t.Width, tiles.MaxBundle, func(width int) string {
		return tiles.EntriesPath(t.N, width)
	})
	if err == nil && width > t.Width {
		at.data = firstEntries(at.data, t.Width)
	}
	return at, err
}

// firstEntries cuts a bundle after its first entries, if it has them.
func firstEntries(bundle []byte, width int) []byte {
	r := tiles.NewReader(bundle, width)
	for r.Next() {
	}
	if r.Read() < width {
		return bundle
	}
	return bundle[:len(bundle)-len(r.Rest())]
}

// locate reads a file of a width or, where a partial one is missing, the full
// one that came after it. It returns the width of the one that it read.
func (f face) locate(buf []byte, width, limit int, path func(width int) string) (located, int, error) {
	at := located{path: path(width)}
	var err error
	at.data, err = f.read(buf, at.path, limit)
	if err != missing || width == tiles.Width {
		return at, width, err
	}
	full, err := f.read(buf, path(tiles.Width), limit)
	if err == missing {
		return at, width, err
	}
	return located{full, path(tiles.Width)}, tiles.Width, err
}

// read reads a file of at most limit bytes into the memory of buf, or more.
func (f face) read(buf []byte, path string, limit int) (_ []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("trail: reading %s: panic: %v", path, v)
		}
	}()
	buf, err = f.readFile(buf, path, limit)
	if err == nil {
		return buf, nil
	}
	if err = classify(err); isUnusable(err) {
		return nil, err
	}
	return nil, fmt.Errorf("trail: reading %s: %w", path, err)
}

func (f face) readFile(buf []byte, path string, limit int) ([]byte, error) {
	info, err := fs.Stat(f.fsys, path) // before Open: a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	size := info.Size()
	switch {
	case !info.Mode().IsRegular():
		return nil, unusable("it is no regular file: " + info.Mode().String())
	case size < 0 || size > int64(limit):
		return nil, unusable(fmt.Sprintf("file has %d bytes, not 0 to %d", size, limit))
	}
	file, err := f.fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // nothing was written
	if cap(buf) <= int(size) {
		buf = make([]byte, 0, size+1) // one more finds the end
	}
	return readAll(buf[:0], file, limit)
}

// readAll reads what r has, and gives up beyond limit bytes.
func readAll(buf []byte, r io.Reader, limit int) ([]byte, error) {
	for idle := 0; idle < 100; idle++ {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return nil, unusable(fmt.Sprintf("file has more than %d bytes", limit))
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		case n > 0:
			idle = 0
		}
	}
	return nil, io.ErrNoProgress
}

// classify tells a file that is not what it should be from one that can't be
// read.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return missing
	case errors.Is(err, syscall.ELOOP):
		return unusable("file is a link that leads nowhere")
	}
	return err
}

// damaged is the error for a file that could not be read: damage from an entry
// on if that is the file's fault, and otherwise what reading it said.
func damaged(err error, path string, index uint64) error {
	if !isUnusable(err) {
		return err
	}
	return &DamageError{File: path, Index: index, Problem: "can't be verified", Err: err}
}

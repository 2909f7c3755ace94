package trail

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// recovered is the log as it was found.
type recovered struct {
	base   tlog.Tree // what is published for sure
	tree   tree      // with the groups that were written ahead
	note   []byte    // its checkpoint; nil if it is empty
	groups []*group  // from base to tree
	turn   int       // the write-ahead file that was begun last
	header wal.Header

	headless bool // a write-ahead file has no header

	// The tree of the trusted head's size, if it was passed on the way.
	passed bool
	root   tlog.Hash
}

// base is a checkpoint from which a log can be recovered.
type base struct {
	checkpoint proof.Checkpoint
	note       []byte
	tree       tree
}

// recover finds out what the log has. It changes nothing but the file of
// hashes, which it makes anew if it is damaged.
func (o *opening) recover() (recovered, error) {
	headers, latest := o.headers()
	from, err := o.base(headers)
	if err != nil {
		return recovered{}, err
	}
	r := recovered{
		base: tlog.Tree{N: int64(from.tree.size), Hash: from.tree.root()},
		tree: from.tree, note: from.note, turn: latest,
		headless: headers[0] == nil || headers[1] == nil,
	}
	if h := headers[latest]; h != nil {
		r.header = *h
	}
	for _, i := range []int{1 - latest, latest} {
		h := headers[i]
		if h == nil || i != latest && (h.Epoch+1 != r.header.Epoch || r.header.Start <= r.tree.size) {
			continue
		}
		if i == latest && r.tree.size < h.Start {
			missing := &DamageError{File: walName(1 - i), Index: r.tree.size, Problem: fmt.Sprintf("and those up to entry %d are missing", h.Start-1)}
			if o.trusted != nil && o.trusted.Size > r.tree.size {
				missing.Err = ErrRolledBack
			}
			return recovered{}, missing
		}
		if err := o.scan(i, *h, &r); err != nil {
			return recovered{}, err
		}
	}
	return r, o.checkHeaders(headers, r.tree.size)
}

// checkHeaders returns an error if a write-ahead file has lost the header under
// which entries were written to it that nothing else has.
func (o *opening) checkHeaders(headers [2]*wal.Header, size uint64) error {
	for i, h := range headers {
		if h == nil {
			h = &wal.Header{} // fill begins such a file anew
		}
		f := &o.writer.files[i]
		g, later, err := wal.Later(f.file, f.size, *h)
		if err != nil {
			return fmt.Errorf("trail: reading %s: %w", f.path, err)
		}
		if later && g.First+uint64(g.Count) > size {
			return &DamageError{File: walName(i), Index: size, Problem: "and all after it were written under a header that is damaged"}
		}
	}
	return nil
}

// headers reads those of the write-ahead files, and tells which file was begun
// last.
func (o *opening) headers() (headers [2]*wal.Header, latest int) {
	for i := range headers {
		if h, err := wal.ReadHeader(o.writer.files[i].file); err == nil {
			headers[i] = &h
		}
	}
	if h := headers; h[0] == nil || h[1] != nil && h[1].Epoch > h[0].Epoch {
		latest = 1
	}
	return headers, latest
}

// base returns the newest checkpoint whose tree is durable: the published one,
// or one with which a write-ahead file was begun.
func (o *opening) base(headers [2]*wal.Header) (base, error) {
	var known []base
	var problem error
	add := func(name string, signed []byte) {
		c, err := o.verifier.Checkpoint(signed)
		if err != nil {
			problem = &DamageError{File: name, Problem: "and all after it can't be vouched for", Err: err}
			return
		}
		known = append(known, base{checkpoint: c, note: bytes.Clone(signed)})
	}
	if signed, err := readFile(o.files, filepath.Join(o.config.Dir, checkpointFile), proof.MaxText); err == nil {
		add(checkpointFile, signed)
	}
	begun := false
	for i, h := range headers {
		if h == nil {
			continue
		}
		begun = begun || h.Start == 0
		if h.Start > 0 && h.Base == h.Start {
			add(walName(i), h.Note)
		}
	}
	for len(known) > 0 {
		newest := 0
		for i := range known {
			if known[i].checkpoint.Size > known[newest].checkpoint.Size {
				newest = i
			}
		}
		b := known[newest]
		t, err := o.edge(b.checkpoint)
		if err == nil {
			b.tree = t
			return b, nil
		}
		problem = err
		known = append(known[:newest], known[newest+1:]...)
	}
	if begun || problem == nil && headers == [2]*wal.Header{} {
		return base{}, nil
	}
	if problem == nil {
		problem = &DamageError{File: checkpointFile, Problem: "and all after it are missing"}
	}
	return base{}, problem
}

// edge reads the right edge of the tree of a checkpoint. Hashes that do not lead
// to its root are made anew from the tiles.
func (o *opening) edge(c proof.Checkpoint) (tree, error) {
	hashes, err := o.openHashes()
	if err != nil {
		return tree{}, err
	}
	if t, err := readTree(c.Size, hashes); err == nil && t.root() == c.Root {
		return t, nil
	}
	t, err := o.rebuildHashes(hashes, c)
	if err != nil {
		return tree{}, err
	}
	if t.root() != c.Root {
		return tree{}, &DamageError{File: tiles.HashPath(0, 0, tiles.Width), Index: 0, Problem: "or one after it is not what the checkpoint covers; trail.Verify finds out which"}
	}
	return t, nil
}

func (o *opening) openHashes() (*hashFile, error) {
	if o.publisher.hashes != nil {
		return o.publisher.hashes, nil
	}
	h, err := openHashFile(o.files, filepath.Join(o.config.Dir, privateDir, hashesFile))
	if err != nil {
		return nil, fmt.Errorf("trail: opening the file of hashes: %w", err)
	}
	o.publisher.hashes = h
	return h, nil
}

// rebuildHashes writes the file of hashes anew, from the tiles of level 0.
func (o *opening) rebuildHashes(hashes *hashFile, c proof.Checkpoint) (tree, error) {
	var t tree
	f := publicFace{o.files, o.config.Dir, tlog.Tree{N: int64(c.Size), Hash: c.Root}}
	for t.size < c.Size {
		if err := o.ctx.Err(); err != nil {
			return tree{}, err
		}
		n := t.size / tiles.Width
		width := int(min(tiles.Width, c.Size-t.size))
		data, err := f.ReadTiles([]tlog.Tile{{H: tiles.Height, N: int64(n), W: width}})
		if err != nil {
			return tree{}, err
		}
		at := tlog.StoredHashCount(int64(t.size))
		var stored []tlog.Hash
		for ; width > 0; width-- {
			stored = t.append(tlog.Hash(data[0]), stored)
			data[0] = data[0][tlog.HashSize:]
		}
		b := make([]byte, 0, len(stored)*tlog.HashSize)
		for i := range stored {
			b = append(b, stored[i][:]...)
		}
		if err := hashes.write(at, b); err != nil {
			return tree{}, fmt.Errorf("trail: %w", err)
		}
	}
	return t, nil
}

// scan adds the groups of a write-ahead file that are not published.
func (o *opening) scan(i int, h wal.Header, r *recovered) error {
	f := &o.writer.files[i]
	_, err := wal.Scan(f.file, f.size, h, func(w wal.Group) error { return o.apply(i, w, r) })
	if errors.Is(err, wal.ErrDamaged) {
		return &DamageError{File: walName(i), Index: max(r.tree.size, h.Start), Problem: "is damaged", Err: err}
	}
	if err != nil {
		return fmt.Errorf("trail: reading %s: %w", f.path, err)
	}
	return nil
}

// apply adds a group.
func (o *opening) apply(i int, w wal.Group, r *recovered) error {
	if w.First+uint64(w.Count) <= r.tree.size {
		return nil // published
	}
	bad := func(problem string, err error) error {
		return &DamageError{File: walName(i), Index: w.First, Problem: problem, Err: err}
	}
	if w.First != r.tree.size {
		return bad(fmt.Sprintf("does not follow the %d entries before it", r.tree.size), nil)
	}
	g := newGroup(w.First, 0, len(w.Entries))
	entries, err := split(w.Entries, int(w.Count))
	if err != nil {
		return bad("is damaged", err)
	}
	for _, e := range entries {
		leaf := tlog.RecordHash(e)
		g.add(e, leaf)
		g.stored = r.tree.append(leaf, g.stored)
	}
	g.root, g.note = r.tree.root(), w.Note
	c, err := o.verifier.Checkpoint(g.note)
	if err != nil {
		return bad("has no valid checkpoint", err)
	}
	if c.Size != r.tree.size || c.Root != g.root {
		return bad("is not what its checkpoint covers", nil)
	}
	if o.trusted != nil && o.trusted.Size == c.Size {
		r.passed, r.root = true, g.root
	}
	r.note = g.note
	r.groups = append(r.groups, g)
	close(g.done)
	return nil
}

// checkHead holds what was found against the trusted head.
func (o *opening) checkHead() error {
	size := o.found.tree.size
	switch {
	case o.trusted != nil || size == 0:
	case o.found.headless:
		return &DamageError{File: walName(0), Index: size, Problem: "and all after it are missing if there were any: a write-ahead file has no header"}
	case o.config.WithoutTrustedHead:
		return nil
	default:
		return &DamageError{File: checkpointFile, Index: 0, Problem: "and all after it can't be vouched for", Err: ErrNoHead}
	}
	switch h := o.trusted; {
	case h == nil:
		return nil
	case h.Size > size:
		return &DamageError{File: o.lastFile(), Index: size, Problem: fmt.Sprintf("and those after it up to %d are missing", h.Size-1), Err: ErrRolledBack}
	case h.Size == 0:
		return nil
	case h.Size > uint64(o.found.base.N):
		if o.found.passed && o.found.root == h.Root {
			return nil
		}
	default:
		_, err := o.prove(o.found.base, func(r tlog.HashReader) ([]tlog.Hash, error) {
			return proveTree(o.found.base, tlog.Tree{N: int64(h.Size), Hash: h.Root}, r)
		})
		if err == nil {
			return nil
		}
	}
	return &DamageError{File: checkpointFile, Index: o.trusted.Size - 1, Problem: "or one before it was changed", Err: ErrRewritten}
}

// lastFile names the file that should have what follows the last entry found.
func (o *opening) lastFile() string {
	switch f := &o.found; {
	case f.header.Epoch == 0:
		return checkpointFile // neither write-ahead file has a header
	case f.headless:
		return walName(1 - f.turn)
	default:
		return walName(f.turn)
	}
}

// openPublisher returns a publisher that goes on from what is published.
func (o *opening) openPublisher() (*publisher, error) {
	hashes, err := o.openHashes()
	if err != nil {
		return nil, err
	}
	size := uint64(o.found.base.N)
	history, err := openHistoryFile(o.files, filepath.Join(o.config.Dir, privateDir, historyName), size)
	if err != nil {
		return nil, fmt.Errorf("trail: opening the history: %w", err)
	}
	p := &publisher{files: o.files, dir: o.config.Dir, size: size, hashes: hashes, history: history}
	o.publisher = p // which is closed if what follows fails
	if p.edge, err = o.readEdge(); err != nil {
		return nil, err
	}
	return p, nil
}

// readEdge reads the tiles that are not full.
func (o *opening) readEdge() (edge, error) {
	var e edge
	size := uint64(o.found.base.N)
	f := publicFace{o.files, o.config.Dir, o.found.base}
	for level := 0; size>>(tiles.Height*level) > 0; level++ {
		count := size >> (tiles.Height * level)
		width := int(count % tiles.Width)
		hashes := e.level(level)
		e.on[level] = width > 0
		if width == 0 {
			continue
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(tiles.Height*level, int64(count)-int64(width)+int64(i))
		}
		read, err := f.ReadHashes(indexes)
		if err != nil {
			return edge{}, asDamage(tiles.HashPath(level, count/tiles.Width, width), 0, err)
		}
		*hashes = append(*hashes, read...)
	}
	if size%tiles.Width == 0 {
		return e, nil
	}
	last, err := f.bundle(o.ctx, size-1)
	if err != nil {
		return edge{}, err
	}
	for _, entry := range last.entries {
		e.bundle = tiles.AppendEntry(e.bundle, entry)
	}
	return e, nil
}

package trail

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
	"github.com/elevenminutes/interlock/internal/disk"
)

// publisher writes the public face of a log, and the hashes and the history
// beside it. What it has written is durable when publish returns nil; after an
// error it writes the same again.
type publisher struct {
	files   disk.FS
	dir     string
	size    uint64 // how many entries are published
	edge    edge
	named   map[string]bool // directories whose names are durable
	hashes  *hashFile
	history *historyFile
}

// edge is the tiles at the right edge, which are not full.
type edge struct {
	bundle []byte        // the entries of the last bundle
	levels [][]tlog.Hash // the hashes of the last tile of each level
	on     []bool        // by level: part of that tile is on disk already
}

func (e *edge) clone() edge {
	c := edge{bundle: append(make([]byte, 0, cap(e.bundle)), e.bundle...), on: append([]bool(nil), e.on...)}
	for _, level := range e.levels {
		c.levels = append(c.levels, append(make([]tlog.Hash, 0, tiles.Width), level...))
	}
	return c
}

// level returns the last tile of a level.
func (e *edge) level(i int) *[]tlog.Hash {
	for len(e.levels) <= i {
		e.levels = append(e.levels, make([]tlog.Hash, 0, tiles.Width))
		e.on = append(e.on, false)
	}
	return &e.levels[i]
}

// publish adds groups to the public face.
func (p *publisher) publish(groups []*group) error {
	if len(groups) == 0 {
		return nil
	}
	last := groups[len(groups)-1]
	if p.named == nil {
		p.named = make(map[string]bool)
	}
	out := &faceWriter{files: p.files, dir: p.dir, fresh: make(map[string]bool), named: p.named}
	defer out.abandon()
	edge := p.edge.clone()
	for _, g := range groups {
		if err := edge.addGroup(out, g); err != nil {
			return err
		}
	}
	if err := edge.flush(out, last.size()); err != nil {
		return err
	}
	if err := errors.Join(p.hashes.append(p.size, groups), p.history.append(groups)); err != nil {
		return err
	}
	if err := out.sync(); err != nil {
		return err
	}
	if err := p.checkpoint(last.note); err != nil {
		return err
	}
	p.history.count.Add(int64(len(groups)))
	out.removeOutgrown()
	p.edge, p.size = edge, last.size()
	return nil
}

// addGroup adds a group's entries, and writes the tiles that they fill.
func (e *edge) addGroup(out *faceWriter, g *group) error {
	stored := g.stored
	for i := range g.ends {
		index := g.first + uint64(i)
		e.bundle = append(e.bundle, g.buffer[g.end(i):g.ends[i]]...)
		n := bits.TrailingZeros64(index+1) + 1
		for k := 0; k < n; k += tiles.Height {
			level := e.level(k / tiles.Height)
			*level = append(*level, stored[k])
		}
		stored = stored[n:]
		if err := e.writeFull(out, index); err != nil {
			return err
		}
	}
	return nil
}

// writeFull writes the tiles that the entry of an index has filled.
func (e *edge) writeFull(out *faceWriter, index uint64) error {
	for i := range e.levels {
		if len(e.levels[i]) < tiles.Width {
			return nil
		}
		n := index >> (tiles.Height * (i + 1))
		if err := out.tile(i, n, e.levels[i]); err != nil {
			return err
		}
		if i == 0 {
			if err := out.bundle(n, tiles.Width, e.bundle); err != nil {
				return err
			}
			e.bundle = e.bundle[:0]
		}
		if e.on[i] {
			out.outgrown(i, n)
		}
		e.levels[i], e.on[i] = e.levels[i][:0], false
	}
	return nil
}

// flush writes the tiles that are not full, for a tree of a size.
func (e *edge) flush(out *faceWriter, size uint64) error {
	for i, hashes := range e.levels {
		if len(hashes) == 0 {
			continue
		}
		n := size >> (tiles.Height * (i + 1))
		if err := out.tile(i, n, hashes); err != nil {
			return err
		}
		if i == 0 {
			if err := out.bundle(n, len(hashes), e.bundle); err != nil {
				return err
			}
		}
		e.on[i] = true
	}
	return nil
}

// checkpoint puts a new checkpoint in place of the one before it.
func (p *publisher) checkpoint(note []byte) error {
	path := filepath.Join(p.dir, checkpointFile)
	if err := createFile(p.files, path+".new", string(note), os.O_TRUNC); err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	if err := errors.Join(p.files.Rename(path+".new", path), p.files.SyncDir(p.dir)); err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	return nil
}

// faceWriter writes files of the public face and makes them durable together.
type faceWriter struct {
	files  disk.FS
	dir    string
	open   []disk.File
	fresh  map[string]bool // directories with new names in them
	named  map[string]bool // directories whose names are durable
	old    []string        // directories of partial tiles that are full now
	hashes []byte          // of the last tile
}

const (
	// maxOpen is how many files are open before they are synced.
	maxOpen = 256
	// syncers is how many of them are synced at a time.
	syncers = 16
)

func (w *faceWriter) tile(level int, n uint64, hashes []tlog.Hash) error {
	w.hashes = w.hashes[:0]
	for i := range hashes {
		w.hashes = append(w.hashes, hashes[i][:]...)
	}
	return w.write(tiles.HashPath(level, n, len(hashes)), w.hashes)
}

func (w *faceWriter) bundle(n uint64, width int, entries []byte) error {
	return w.write(tiles.EntriesPath(n, width), entries)
}

// write writes a file whole, over what a crash may have left of it.
func (w *faceWriter) write(name string, b []byte) error {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	f, err := w.create(path)
	if err != nil {
		return err
	}
	w.open = append(w.open, f)
	runtime.Gosched() // before others, who wait for a processor
	if err := writeAll(f, b, 0); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != int64(len(b)) {
		err = f.Truncate(int64(len(b)))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if len(w.open) >= maxOpen {
		return w.syncFiles()
	}
	return nil
}

// create opens a file for writing, and makes the directories above it.
func (w *faceWriter) create(path string) (disk.File, error) {
	const flag = os.O_WRONLY | os.O_CREATE
	w.fresh[filepath.Dir(path)] = true
	for dir := filepath.Dir(path); dir != w.dir && !w.named[dir]; dir = filepath.Dir(dir) {
		w.fresh[filepath.Dir(dir)] = true // even if it is there: who made it may have been stopped before
	}
	f, err := w.files.OpenFile(path, flag, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := w.files.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return w.files.OpenFile(path, flag, 0o600)
}

// outgrown notes that a tile is full, so that what was published of it before,
// and of its bundle, can go once the new checkpoint is there.
func (w *faceWriter) outgrown(level int, n uint64) {
	w.old = append(w.old, tiles.HashPath(level, n, tiles.Width)+".p")
	if level == 0 {
		w.old = append(w.old, tiles.EntriesPath(n, tiles.Width)+".p")
	}
}

// removeOutgrown removes it. What can't be removed does no harm.
func (w *faceWriter) removeOutgrown() {
	for _, name := range w.old {
		dir := filepath.Join(w.dir, filepath.FromSlash(name))
		entries, err := w.files.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			_ = w.files.Remove(filepath.Join(dir, e.Name()))
		}
		_ = w.files.Remove(dir)
		delete(w.named, dir)
	}
}

// sync makes everything durable that was written.
func (w *faceWriter) sync() error {
	if err := w.syncFiles(); err != nil {
		return err
	}
	for dir := range w.fresh {
		if err := w.files.SyncDir(dir); err != nil {
			return fmt.Errorf("syncing %s: %w", dir, err)
		}
	}
	for dir := range w.fresh {
		w.named[dir] = true // for the directory above it was among them, or named before
	}
	clear(w.fresh)
	return nil
}

// syncFiles syncs the open files, several at a time: what one sync has to wait
// for in a file system's journal, others then get with it.
func (w *faceWriter) syncFiles() error {
	errs := make([]error, len(w.open))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(syncers, len(w.open)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(errs)); i = next.Add(1) - 1 {
				errs[i] = w.open[i].Sync()
			}
		})
	}
	group.Wait()
	for i, f := range w.open {
		if err := errors.Join(errs[i], f.Close()); err != nil {
			errs[i] = fmt.Errorf("syncing %s: %w", f.Name(), err)
		}
	}
	w.open = w.open[:0]
	return errors.Join(errs...)
}

// abandon closes what an error left open.
func (w *faceWriter) abandon() {
	for _, f := range w.open {
		f.Close()
	}
}

package trail_test

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/internal/disk"
)

// ramDisk is a disk in memory, for tests that open a log thousands of times. It
// knows no rights.
type ramDisk struct {
	room  int64 // of the log
	blind bool  // it has no trusted head
	mu    sync.Mutex
	files map[string]*ramFile // directories too
}

type ramFile struct {
	name   string
	dir    bool
	data   []byte
	shared bool // with another disk: copied before it is written to
	locked bool
	twin   *os.File // has the length, and an identity for os.SameFile
}

// The places of a log on such a disk.
const (
	ramBase = "/base"
	ramLog  = ramBase + "/trail"
	ramKey  = ramBase + "/key"
	ramHead = ramBase + "/head"
)

// loadDisk returns a disk with what is below a place.
func loadDisk(tb testing.TB, p place) *ramDisk {
	tb.Helper()
	d := &ramDisk{files: map[string]*ramFile{}}
	err := filepath.WalkDir(p.base, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f := &ramFile{name: filepath.Base(path), dir: e.IsDir()}
		if !e.IsDir() {
			if f.data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		rest, err := filepath.Rel(p.base, path)
		if err != nil {
			return err
		}
		d.files[filepath.Join(ramBase, rest)] = f
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	d.room = int64(len(d.files[ramLog+"/log/wal-0"].data))
	return d
}

// clone returns a disk with the same files.
func (d *ramDisk) clone() *ramDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &ramDisk{room: d.room, blind: d.blind, files: make(map[string]*ramFile, len(d.files))}
	for path, f := range d.files {
		f.shared = true
		c.files[path] = &ramFile{name: f.name, dir: f.dir, data: f.data, shared: true}
	}
	return c
}

// put gives a file other bytes; nil removes it.
func (d *ramDisk) put(path string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, path)
	if data == nil {
		return
	}
	d.makeDirs(filepath.Dir(path))
	d.files[path] = &ramFile{name: filepath.Base(path), data: data, shared: true}
}

// removeAll removes what is below a path.
func (d *ramDisk) removeAll(path string) {
	maps.DeleteFunc(d.files, func(name string, _ *ramFile) bool {
		return name == path || strings.HasPrefix(name, path+"/")
	})
}

// paths returns the files that are no directories, below a path.
func (d *ramDisk) paths(below string) (paths []string) {
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		if strings.HasPrefix(path, below) && !d.files[path].dir {
			paths = append(paths, path)
		}
	}
	return paths
}

// public returns the log's directory.
func (d *ramDisk) public() fs.FS {
	files := fstest.MapFS{}
	for _, path := range d.paths(ramLog + "/") {
		files[path[len(ramLog)+1:]] = &fstest.MapFile{Data: d.files[path].data, Mode: 0o600}
	}
	return files
}

// config returns that of a log on the disk.
func (d *ramDisk) config() trail.Config {
	c := trail.Config{
		Dir:          ramLog,
		Origin:       "example.com/trail",
		KeyFile:      ramKey,
		TrustedHead:  trail.HeadFileOn(d, ramHead),
		Room:         d.room,
		PublishEvery: time.Hour,
	}
	if d.blind {
		c.TrustedHead, c.WithoutTrustedHead = nil, true
	}
	return c
}

func (d *ramDisk) open(ctx context.Context) (*trail.Log, error) {
	return trail.OpenOn(ctx, d, d.config())
}

func (d *ramDisk) find(op, path string) (*ramFile, error) {
	if f := d.files[path]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

// OpenFile implements disk.FS.
func (d *ramDisk) OpenFile(path string, flag int, _ os.FileMode) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find("open", path)
	switch {
	case err == nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrExist}
	case err == nil:
	case flag&os.O_CREATE == 0:
		return nil, err
	default:
		if _, err := d.find("open", filepath.Dir(path)); err != nil {
			return nil, err
		}
		f = &ramFile{name: filepath.Base(path)}
		d.files[path] = f
	}
	if flag&os.O_TRUNC != 0 {
		f.data, f.shared = nil, false
	}
	return &ramHandle{f, d, path, false}, nil
}

// Stat implements disk.FS.
func (d *ramDisk) Stat(path string) (os.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find("stat", path)
	if err != nil {
		return nil, err
	}
	return f.stat()
}

// Rename implements disk.FS.
func (d *ramDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find("rename", from)
	if err != nil {
		return err
	}
	delete(d.files, from)
	f.name = filepath.Base(to)
	d.files[to] = f
	return nil
}

// Remove implements disk.FS.
func (d *ramDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.find("remove", path)
	delete(d.files, path)
	return err
}

// MkdirAll implements disk.FS.
func (d *ramDisk) MkdirAll(path string, _ os.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.makeDirs(path)
	return nil
}

func (d *ramDisk) makeDirs(path string) {
	for ; d.files[path] == nil && path != "/"; path = filepath.Dir(path) {
		d.files[path] = &ramFile{name: filepath.Base(path), dir: true}
	}
}

// ReadDir implements disk.FS.
func (d *ramDisk) ReadDir(path string) ([]os.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.find("readdir", path); err != nil {
		return nil, err
	}
	var entries []os.DirEntry
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if filepath.Dir(name) == path {
			entries = append(entries, fs.FileInfoToDirEntry(d.files[name].info()))
		}
	}
	return entries, nil
}

// SyncDir implements disk.FS.
func (d *ramDisk) SyncDir(path string) error {
	_, err := d.Stat(path)
	return err
}

func (f *ramFile) info() ramInfo { return ramInfo{f.name, int64(len(f.data)), f.dir} }

// stat describes the file; one that a log must be able to tell from another of
// its name it describes by its twin.
func (f *ramFile) stat() (os.FileInfo, error) {
	if !strings.HasPrefix(f.name, "wal-") {
		return f.info(), nil
	}
	if f.twin == nil {
		twin, err := os.CreateTemp("", "twin")
		if err != nil {
			return nil, err
		}
		f.twin = twin
		_ = os.Remove(twin.Name())
	}
	if err := f.twin.Truncate(int64(len(f.data))); err != nil {
		return nil, err
	}
	return f.twin.Stat()
}

// drop gives back what the disk has taken.
func (d *ramDisk) drop() {
	for _, f := range d.files {
		if f.twin != nil {
			f.twin.Close()
		}
	}
}

// ramHandle is an open file.
type ramHandle struct {
	*ramFile
	disk  *ramDisk
	path  string
	owner bool // of the lock
}

// own makes the file's bytes its own, and as long as they have to be.
func (h *ramHandle) own(size int) {
	if h.shared {
		h.data, h.shared = append(make([]byte, 0, max(size, len(h.data))), h.data...), false
	}
	if missing := size - len(h.data); missing > 0 {
		h.data = append(h.data, make([]byte, missing)...)
	}
}

func (h *ramHandle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	n := copy(p, h.data[min(off, int64(len(h.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *ramHandle) WriteAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.own(int(off) + len(p))
	return copy(h.data[off:], p), nil
}

func (h *ramHandle) Write(p []byte) (int, error) {
	h.disk.mu.Lock()
	end := len(h.data)
	h.disk.mu.Unlock()
	return h.WriteAt(p, int64(end))
}

func (h *ramHandle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if size == int64(len(h.data)) {
		return nil
	}
	h.own(int(size))
	h.data = h.data[:size]
	return nil
}

func (h *ramHandle) Lock() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.locked {
		return disk.ErrLocked
	}
	h.locked, h.owner = true, true
	return nil
}

func (h *ramHandle) Unlock() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.owner {
		h.locked, h.owner = false, false
	}
	return nil
}

func (h *ramHandle) Stat() (os.FileInfo, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return h.stat()
}

func (h *ramHandle) Close() error { return h.Unlock() }
func (h *ramHandle) Name() string { return h.path }
func (h *ramHandle) Sync() error  { return nil }

type ramInfo struct {
	name string
	size int64
	dir  bool
}

func (i ramInfo) Name() string       { return i.name }
func (i ramInfo) Size() int64        { return i.size }
func (i ramInfo) ModTime() time.Time { return time.Time{} }
func (i ramInfo) IsDir() bool        { return i.dir }
func (i ramInfo) Sys() any           { return nil }

func (i ramInfo) Mode() os.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

package index_test

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/internal/disk"
)

// ramDisk is a disk in memory, for tests that do very many operations. It does
// what an index asks of a disk, and knows no rights and no times.
type ramDisk struct {
	mu    sync.Mutex
	files map[string]*ramFile // directories too
	open  atomic.Int64        // handles
}

type ramFile struct {
	mu   sync.Mutex
	name string
	dir  bool
	data []byte
}

const dir = "/log/index"

func newRAMDisk() *ramDisk {
	return &ramDisk{files: map[string]*ramFile{"/log": {name: "log", dir: true}}}
}

// read returns what is in a file of the index.
func (d *ramDisk) read(t testing.TB, name string) []byte {
	t.Helper()
	f := d.files[filepath.Join(dir, name)]
	if f == nil {
		t.Fatalf("there is no %s", name)
	}
	return slices.Clone(f.data)
}

// write puts a file into the directory of the index.
func (d *ramDisk) write(name string, data []byte) {
	d.files[filepath.Join(dir, name)] = &ramFile{name: name, data: data}
}

// cut shortens a file of the index, which may be open.
func (d *ramDisk) cut(name string, size int) {
	f := d.files[filepath.Join(dir, name)]
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = f.data[:size]
}

// remove removes files of the index.
func (d *ramDisk) remove(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := d.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// list returns the names of the files of the index.
func (d *ramDisk) list() (names []string) {
	entries, _ := d.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (d *ramDisk) find(op, path string) (*ramFile, error) {
	if f := d.files[path]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

func (d *ramDisk) OpenFile(path string, flag int, _ os.FileMode) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find("open", path)
	if err != nil && flag&os.O_CREATE == 0 {
		return nil, err
	}
	if err != nil {
		f = &ramFile{name: filepath.Base(path)}
		d.files[path] = f
	}
	h := &ramHandle{ramFile: f, disk: d, path: path}
	d.open.Add(1)
	if flag&os.O_TRUNC != 0 {
		return h, h.Truncate(0)
	}
	return h, nil
}

func (d *ramDisk) Stat(path string) (os.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find("stat", path)
	if err != nil {
		return nil, err
	}
	return f.info(), nil
}

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

func (d *ramDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.find("remove", path)
	delete(d.files, path)
	return err
}

func (d *ramDisk) MkdirAll(path string, perm os.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; d.files[path] == nil && path != "/"; path = filepath.Dir(path) {
		d.files[path] = &ramFile{name: filepath.Base(path), dir: true}
	}
	return nil
}

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

func (d *ramDisk) SyncDir(string) error { return nil }

func (f *ramFile) info() ramInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return ramInfo{f.name, int64(len(f.data)), f.dir}
}

// ramHandle is an open file.
type ramHandle struct {
	*ramFile
	disk     *ramDisk
	path     string
	closed   bool
	position int64 // of Write
}

func (h *ramHandle) ReadAt(p []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, os.ErrClosed
	}
	n := copy(p, h.data[min(off, int64(len(h.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *ramHandle) WriteAt(p []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if missing := int(off) + len(p) - len(h.data); missing > 0 {
		h.data = append(h.data, make([]byte, missing)...)
	}
	return copy(h.data[off:], p), nil
}

func (h *ramHandle) Write(p []byte) (int, error) {
	n, err := h.WriteAt(p, h.position)
	h.position += int64(n)
	return n, err
}

func (h *ramHandle) Truncate(size int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.data = append(h.data[:min(size, int64(len(h.data)))], make([]byte, max(0, size-int64(len(h.data))))...)
	return nil
}

func (h *ramHandle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	h.closed = true
	h.disk.open.Add(-1)
	return nil
}

func (h *ramHandle) Name() string               { return h.path }
func (h *ramHandle) Stat() (os.FileInfo, error) { return h.info(), nil }
func (h *ramHandle) Sync() error                { return nil }
func (h *ramHandle) Lock() error                { return nil }
func (h *ramHandle) Unlock() error              { return nil }

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

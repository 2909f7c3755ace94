package audit

import (
	"errors"
	"os"
	"sync"
)

// faultyDisk does what the operating system does, apart from one operation.
type faultyDisk struct {
	osDisk

	mu     sync.Mutex
	log    []string // the operations so far
	fail   func(n int, op string) error
	during func(op string) // called before each operation, if set
}

func (d *faultyDisk) operation(op string) error {
	if d.during != nil {
		d.during(op)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, op)
	if d.fail == nil {
		return nil
	}
	return d.fail(len(d.log)-1, op)
}

func (d *faultyDisk) count(op string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, done := range d.log {
		if done == op {
			n++
		}
	}
	return n
}

func (d *faultyDisk) open(path string) (handle, error) {
	return d.wrap("open", path, d.osDisk.open)
}

func (d *faultyDisk) create(path string) (handle, error) {
	return d.wrap("create", path, d.osDisk.create)
}

func (d *faultyDisk) wrap(op, path string, open func(string) (handle, error)) (handle, error) {
	if err := d.operation(op); err != nil {
		return nil, err
	}
	h, err := open(path)
	if err != nil {
		return nil, err
	}
	return &faultyHandle{h, d}, nil
}

func (d *faultyDisk) stat(path string) (os.FileInfo, error) {
	if err := d.operation("stat"); err != nil {
		return nil, err
	}
	return d.osDisk.stat(path)
}

func (d *faultyDisk) syncDir(dir string) error {
	return errors.Join(d.operation("syncDir"), d.osDisk.syncDir(dir))
}

type faultyHandle struct {
	handle
	disk *faultyDisk
}

func (h *faultyHandle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.disk.operation("read"); err != nil {
		return 0, err
	}
	return h.handle.ReadAt(p, off)
}

// errShort makes a write stop half way without saying so.
var errShort = errors.New("short")

// Write leaves half of what it was given when it fails.
func (h *faultyHandle) Write(p []byte) (int, error) {
	err := h.disk.operation("write")
	if err == nil {
		return h.handle.Write(p)
	}
	n, _ := h.handle.Write(p[:len(p)/2])
	if err == errShort {
		return n, nil
	}
	return n, err
}

func (h *faultyHandle) Stat() (os.FileInfo, error) {
	if err := h.disk.operation("fstat"); err != nil {
		return nil, err
	}
	return h.handle.Stat()
}

func (h *faultyHandle) Truncate(size int64) error {
	if err := h.disk.operation("truncate"); err != nil {
		return err
	}
	return h.handle.Truncate(size)
}

func (h *faultyHandle) sync() error {
	if err := h.disk.operation("sync"); err != nil {
		return err
	}
	return h.handle.sync()
}

func (h *faultyHandle) lock() error {
	if err := h.disk.operation("lock"); err != nil {
		return err
	}
	return h.handle.lock()
}

func (h *faultyHandle) unlock() error {
	return errors.Join(h.disk.operation("unlock"), h.handle.unlock())
}

func (h *faultyHandle) Close() error {
	return errors.Join(h.handle.Close(), h.disk.operation("close"))
}

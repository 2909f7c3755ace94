package disktest

import (
	"os"

	"github.com/elevenminutes/interlock/internal/disk"
)

// file is a file that was opened through a Faulty.
type file struct {
	disk   *Faulty
	behind disk.File
	name   string
	node   *node // nil unless LoseUnsynced
	atEnd  bool  // each Write goes to the end of the file
	next   int64 // where the next Write goes if not
}

// openFile opens a file while d.mu is held.
func (d *Faulty) openFile(path string, flag int, perm os.FileMode) (disk.File, error) {
	f := &file{disk: d, name: path, atEnd: flag&os.O_APPEND != 0}
	var err error
	if d.LoseUnsynced {
		f.behind, f.node, err = d.unsynced.openFile(d.fs(), path, flag, perm)
	} else {
		f.behind, err = d.fs().OpenFile(path, flag, perm)
	}
	if err != nil {
		return nil, err
	}
	if d.open == nil {
		d.open = map[*file]bool{}
	}
	d.open[f] = true
	return f, nil
}

func (f *file) Name() string { return f.name }

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.disk.do(OpRead, f.name, func() (err error) {
		n, err = f.behind.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *file) Write(p []byte) (n int, err error) {
	return f.halve(p, func(p []byte) (int, error) {
		off := f.next
		if f.atEnd {
			info, err := f.behind.Stat()
			if err != nil {
				return 0, err
			}
			off = info.Size()
		}
		if err := f.node.write(f.behind, p, off); err != nil {
			return 0, err
		}
		n, err := f.behind.Write(p)
		f.next = off + int64(n)
		return n, err
	})
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	return f.halve(p, func(p []byte) (int, error) {
		if f.atEnd {
			return f.behind.WriteAt(p, off) // which refuses
		}
		if err := f.node.write(f.behind, p, off); err != nil {
			return 0, err
		}
		return f.behind.WriteAt(p, off)
	})
}

// halve writes what it is given, or half of it when the script lets it fail.
func (f *file) halve(p []byte, write func([]byte) (int, error)) (n int, err error) {
	err = f.disk.doOr(OpWrite, f.name, func() (err error) {
		n, err = write(p)
		return err
	}, func(fault error) (err error) {
		if n, err = write(p[:len(p)/2]); err == nil && fault != Short {
			err = fault
		}
		return err
	})
	return n, err
}

func (f *file) Stat() (info os.FileInfo, err error) {
	err = f.disk.do(OpFileStat, f.name, func() (err error) {
		info, err = f.behind.Stat()
		return err
	})
	return info, err
}

func (f *file) Truncate(size int64) error {
	return f.disk.do(OpTruncate, f.name, func() error {
		if err := f.node.truncate(f.behind, size); err != nil {
			return err
		}
		return f.behind.Truncate(size)
	})
}

func (f *file) Sync() error {
	return f.disk.doOr(OpSync, f.name, func() error {
		if f.node == nil {
			return f.behind.Sync()
		}
		f.node.sync()
		return nil
	}, func(err error) error {
		f.node.failSync()
		return err
	})
}

func (f *file) Lock() error {
	return f.disk.do(OpLock, f.name, f.behind.Lock)
}

func (f *file) Unlock() error {
	return f.disk.doOr(OpUnlock, f.name, f.behind.Unlock, func(err error) error {
		_ = f.behind.Unlock()
		return err
	})
}

func (f *file) Close() error {
	return f.disk.doOr(OpClose, f.name, f.close, func(err error) error {
		_ = f.close()
		return err
	})
}

func (f *file) close() error {
	delete(f.disk.open, f)
	return f.behind.Close()
}

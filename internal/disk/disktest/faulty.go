// Package disktest puts faults between a program and its disk: operations that
// fail, writes that stop half way, and crashes after which only what was synced
// is there.
package disktest

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/elevenminutes/interlock/internal/disk"
)

// The operations, by the names that a script, a hook and the log see. The
// path of an operation is the one that was given to it, or with which the file
// was opened; that of a rename is the new name.
const (
	OpOpen     = "open"   // OpenFile, unless it is OpCreate
	OpCreate   = "create" // OpenFile of a file that must not exist (os.O_EXCL)
	OpStat     = "stat"
	OpRename   = "rename"
	OpRemove   = "remove"
	OpMkdir    = "mkdir"
	OpReadDir  = "readdir"
	OpSyncDir  = "syncdir"
	OpRead     = "read"
	OpWrite    = "write" // Write and WriteAt
	OpFileStat = "fstat"
	OpTruncate = "truncate"
	OpSync     = "sync"
	OpLock     = "lock"
	OpUnlock   = "unlock"
	OpClose    = "close"
)

type fault string

func (f fault) Error() string { return string(f) }

// Short, returned by a script, makes a write stop half way without an error. It
// is an error like any other for other operations.
const Short fault = "disktest: short"

// What a script may return to stop the program.
var (
	// ErrCrashed ends the program's access to the disk: the operation is not
	// done, and it and all later ones fail with ErrCrashed. See [Faulty.Crash].
	ErrCrashed = errors.New("disktest: crashed")
	// ErrTorn is ErrCrashed in the middle of a write, half of which is done. It
	// is the same as ErrCrashed for other operations.
	ErrTorn = fmt.Errorf("%w in the middle of a write", ErrCrashed)
)

// Faulty is a file system that does what another one does, apart from the
// operations that its script lets fail. The zero Faulty is around [disk.OS] and
// lets none fail. It must not be copied after first use, and its fields must
// not be changed while an operation runs. Its methods may be called by many
// goroutines at once; it does one operation at a time.
type Faulty struct {
	// FS is the file system behind. Nil is disk.OS.
	FS disk.FS
	// During is called before each operation, if it is set. It may hang without
	// holding up other operations, change files by other means, and call
	// Faulty's own methods, Crash included.
	During func(op, path string)
	// Fail tells what operation number n, counted from 0 in the order in which
	// they are done, fails with; nil is no fault. A write that fails has
	// written half of what it was given; an unlock or a close that fails is
	// done all the same, and all else that fails is not done. Fail is called
	// for one operation at a time, and must not call Faulty's methods. No Fail,
	// no faults.
	Fail func(n int, op, path string) error
	// LoseUnsynced lets a crash take back what was not synced. What a file holds
	// is durable once its Sync has returned nil, and what a directory holds
	// (the names that were created, renamed and removed in it) once SyncDir of
	// it has; what exists when Faulty meets it is durable. Nothing that a
	// failed sync was to make durable ever is, whatever a later one returns.
	//
	// Nothing is then synced in earnest. Files must not be changed by other
	// means, directories can't be renamed, and what is written to a file that
	// has no name any more is not kept for it.
	LoseUnsynced bool
	// Survives tells at a crash with LoseUnsynced which of the changes that
	// were not synced reach the disk all the same. It is asked for each file
	// and each directory with such changes, for one after the other, counted
	// from 0 in the order in which they were made: for a file each sector of
	// 512 bytes that was written, and each change of length; for a directory
	// each name. Any choice is one that a real disk can make. No Survives:
	// nothing survives. It must not call Faulty's methods.
	Survives func(path string, change int) bool

	mu       sync.Mutex
	log      []operation
	crashed  bool
	open     map[*file]bool
	unsynced unsynced
}

type operation struct{ op, path string }

// FailAt returns a script for [Faulty.Fail] that lets operation number n fail
// with err, and no other.
func FailAt(n int, err error) func(n int, op, path string) error {
	return func(i int, _, _ string) error {
		if i == n {
			return err
		}
		return nil
	}
}

// Crash ends the program's access to the disk as the end of its process would,
// or a power failure with LoseUnsynced: all files are closed and their locks
// released, and every later operation fails with [ErrCrashed] and is neither
// counted nor done. Who wants to open the files again uses another FS. A second
// Crash does nothing.
func (d *Faulty) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crash()
}

// Crashed reports whether there was a crash.
func (d *Faulty) Crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crashed
}

// Count returns how many operations of that name there were, those that failed
// included.
func (d *Faulty) Count(op string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, done := range d.log {
		if done.op == op {
			n++
		}
	}
	return n
}

// Log returns the operations so far in order, those that failed included, each
// as its name, a space and its path.
func (d *Faulty) Log() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := make([]string, len(d.log))
	for i, done := range d.log {
		lines[i] = done.op + " " + done.path
	}
	return lines
}

// Ops returns the names of the operations so far in order, those that failed
// included.
func (d *Faulty) Ops() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ops := make([]string, len(d.log))
	for i, done := range d.log {
		ops[i] = done.op
	}
	return ops
}

// OpenFile implements [disk.FS].
func (d *Faulty) OpenFile(path string, flag int, perm os.FileMode) (disk.File, error) {
	op := OpOpen
	if flag&os.O_EXCL != 0 {
		op = OpCreate
	}
	var opened disk.File
	err := d.do(op, path, func() (err error) {
		opened, err = d.openFile(path, flag, perm)
		return err
	})
	return opened, err
}

// Stat implements [disk.FS].
func (d *Faulty) Stat(path string) (info os.FileInfo, err error) {
	err = d.do(OpStat, path, func() (err error) {
		info, err = d.fs().Stat(path)
		return err
	})
	return info, err
}

// Rename implements [disk.FS].
func (d *Faulty) Rename(from, to string) error {
	return d.do(OpRename, to, func() error {
		if d.LoseUnsynced {
			return d.unsynced.rename(d.fs(), from, to)
		}
		return d.fs().Rename(from, to)
	})
}

// Remove implements [disk.FS].
func (d *Faulty) Remove(path string) error {
	return d.do(OpRemove, path, func() error {
		if d.LoseUnsynced {
			return d.unsynced.remove(d.fs(), path)
		}
		return d.fs().Remove(path)
	})
}

// MkdirAll implements [disk.FS].
func (d *Faulty) MkdirAll(path string, perm os.FileMode) error {
	return d.do(OpMkdir, path, func() error {
		if d.LoseUnsynced {
			return d.unsynced.mkdirAll(d.fs(), path, perm)
		}
		return d.fs().MkdirAll(path, perm)
	})
}

// ReadDir implements [disk.FS].
func (d *Faulty) ReadDir(path string) (entries []os.DirEntry, err error) {
	err = d.do(OpReadDir, path, func() (err error) {
		entries, err = d.fs().ReadDir(path)
		return err
	})
	return entries, err
}

// SyncDir implements [disk.FS].
func (d *Faulty) SyncDir(path string) error {
	return d.do(OpSyncDir, path, func() error {
		if d.LoseUnsynced {
			return d.unsynced.syncDir(d.fs(), path)
		}
		return d.fs().SyncDir(path)
	})
}

func (d *Faulty) fs() disk.FS {
	if d.FS == nil {
		return disk.OS{}
	}
	return d.FS
}

// do does an operation unless the script lets it fail.
func (d *Faulty) do(op, path string, act func() error) error {
	return d.doOr(op, path, act, func(err error) error { return err })
}

// doOr does an operation, or what is left of it if the script lets it fail with
// an error, which is not ErrCrashed. d.mu is held meanwhile.
func (d *Faulty) doOr(op, path string, act func() error, failed func(error) error) error {
	if d.During != nil {
		d.During(op, path)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return ErrCrashed
	}
	d.log = append(d.log, operation{op, path})
	var err error
	if d.Fail != nil {
		err = d.Fail(len(d.log)-1, op, path)
	}
	switch {
	case err == nil:
		return act()
	case !errors.Is(err, ErrCrashed):
		return failed(err)
	case errors.Is(err, ErrTorn) && op == OpWrite:
		_ = failed(err)
	}
	d.crash()
	return ErrCrashed
}

// crash is Crash while d.mu is held.
func (d *Faulty) crash() {
	if d.crashed {
		return
	}
	d.crashed = true
	for f := range d.open {
		_ = f.behind.Unlock()
		_ = f.behind.Close()
	}
	d.open = nil
	if !d.LoseUnsynced {
		return
	}
	survives := d.Survives
	if survives == nil {
		survives = func(string, int) bool { return false }
	}
	if err := d.unsynced.lose(d.fs(), survives); err != nil {
		panic(fmt.Sprintf("disktest: taking back what was not synced: %v", err))
	}
}

// Package disk is what the sinks ask of the file system, so that tests can put
// faults between the two; package disktest does.
package disk

import (
	"errors"
	"io"
	"os"
)

// ErrLocked is wrapped when a file is locked by another handle, in this
// process or in another one.
var ErrLocked = errors.New("audit: file is in use")

// FS is a file system. [OS] is the real one.
type FS interface {
	// OpenFile opens or creates a file, as os.OpenFile does.
	OpenFile(path string, flag int, perm os.FileMode) (File, error)
	// Stat describes the file that path names now.
	Stat(path string) (os.FileInfo, error)
	// Rename gives a file another name, and replaces what had that name.
	Rename(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// MkdirAll makes a directory and those above it.
	MkdirAll(path string, perm os.FileMode) error
	// ReadDir returns what is in a directory, sorted by name.
	ReadDir(path string) ([]os.DirEntry, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Writer
	io.Closer
	// Name is the path with which the file was opened.
	Name() string
	// Stat describes the open file.
	Stat() (os.FileInfo, error)
	// Truncate changes the file's length.
	Truncate(size int64) error
	// Sync makes what was written durable, together with the file's length.
	Sync() error
	// Lock takes the file for this handle alone; it fails with ErrLocked, and
	// with errors.ErrUnsupported where files can't be locked.
	Lock() error
	// Unlock is needed besides closing: a child that was just forked may still
	// hold the file, and the lock with it.
	Unlock() error
}

// OS is the file system of the operating system.
type OS struct{}

// OpenFile implements [FS].
func (OS) OpenFile(path string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err // not a File that holds a nil pointer
	}
	return osFile{f}, nil
}

// Stat implements [FS].
func (OS) Stat(path string) (os.FileInfo, error) { return os.Stat(path) }

// Rename implements [FS].
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements [FS].
func (OS) Remove(path string) error { return os.Remove(path) }

// MkdirAll implements [FS].
func (OS) MkdirAll(path string, perm os.FileMode) error { return os.MkdirAll(path, perm) }

// ReadDir implements [FS].
func (OS) ReadDir(path string) ([]os.DirEntry, error) { return os.ReadDir(path) }

// SyncDir implements [FS].
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type osFile struct{ *os.File }

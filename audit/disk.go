package audit

import (
	"io"
	"os"
)

// disk is what File asks of the file system, so that tests can put faults
// between the two.
type disk interface {
	// open opens a file for reading and for appending, and creates it for the
	// owner alone if there is none.
	open(path string) (handle, error)
	// create makes a new file for the owner alone.
	create(path string) (handle, error)
	// stat describes the file that path names now.
	stat(path string) (os.FileInfo, error)
	// syncDir makes the names in a directory durable.
	syncDir(dir string) error
}

// handle is an open file.
type handle interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	// sync makes what was written durable, together with the file's length.
	sync() error
	// lock takes the file for this handle alone; it fails with ErrLocked.
	lock() error
	unlock() error
}

type osDisk struct{}

func (osDisk) open(path string) (handle, error) {
	return openOS(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
}

func (osDisk) create(path string) (handle, error) {
	return openOS(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
}

func openOS(path string, flags int) (handle, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err // not a handle that holds a nil file
	}
	return osFile{f}, nil
}

func (osDisk) stat(path string) (os.FileInfo, error) {
	return os.Stat(path)
}

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type osFile struct{ *os.File }

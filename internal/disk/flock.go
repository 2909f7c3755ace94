//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func (f osFile) Lock() error {
	err := f.flock(syscall.LOCK_EX | syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: %s is open in this process or in another one; close it there", ErrLocked, f.Name())
	}
	return err
}

// Unlock implements [File].
func (f osFile) Unlock() error {
	return f.flock(syscall.LOCK_UN)
}

func (f osFile) flock(how int) error {
	return f.control("flock", func(fd int) error { return syscall.Flock(fd, how) })
}

// control calls a system call with the file's descriptor until no signal
// interrupts it.
func (f osFile) control(name string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = conn.Control(func(fd uintptr) {
		for {
			if failure = call(int(fd)); failure != syscall.EINTR {
				return
			}
		}
	})
	if err = errors.Join(err, failure); err != nil {
		return &os.PathError{Op: name, Path: f.Name(), Err: err}
	}
	return nil
}

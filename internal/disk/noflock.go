//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package disk

import (
	"errors"
	"fmt"
	"runtime"
)

// Lock always fails: without it two processes could write to one trail.
func (f osFile) Lock() error {
	return fmt.Errorf("audit: a file can't be locked on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (f osFile) Unlock() error { return nil }

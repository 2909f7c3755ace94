//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package audit

import (
	"errors"
	"fmt"
	"runtime"
)

// lock always fails: without it two processes could write to one trail.
func (f osFile) lock() error {
	return fmt.Errorf("audit: a file can't be locked on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (f osFile) unlock() error { return nil }

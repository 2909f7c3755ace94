//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/internal/disk"
)

func TestLockIsForOneHandleUntilItIsGivenBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	first, second := open(t, path, os.O_RDWR|os.O_CREATE), open(t, path, os.O_RDWR)
	lock := func(f disk.File) {
		t.Helper()
		if err := f.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	lock(first)
	if err := second.Lock(); !errors.Is(err, disk.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second lock: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	lock(second)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	lock(first)
}

func TestClosedFileCannotBeLocked(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"Lock": f.Lock(), "Unlock": f.Unlock()} {
		if err == nil || errors.Is(err, disk.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

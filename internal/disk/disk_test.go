package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/internal/disk"
)

func open(t *testing.T, path string, flag int) disk.File {
	t.Helper()
	f, err := disk.OS{}.OpenFile(path, flag, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFileThatCannotBeOpenedIsNoFile(t *testing.T) {
	t.Parallel()
	f, err := disk.OS{}.OpenFile(filepath.Join(t.TempDir(), "none"), os.O_RDWR, 0)
	if f != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %#v, %v", f, err)
	}
}

func TestFileIsWrittenReadCutAndSynced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path, os.O_RDWR|os.O_CREATE)
	_, err1 := f.Write([]byte("0123"))
	_, err2 := f.WriteAt([]byte("x"), 1)
	if err := errors.Join(err1, err2, f.Truncate(3), f.Sync()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "0x2" {
		t.Errorf("read %q, %v", got, err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() != 3 || f.Name() != path {
		t.Errorf("%s has %d bytes, %v", f.Name(), info.Size(), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err == nil {
		t.Error("Sync after Close returned nil")
	}
}

func TestNamesInADirectory(t *testing.T) {
	t.Parallel()
	var files disk.OS
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	open(t, path("a"), os.O_RDWR|os.O_CREATE)
	open(t, path("b"), os.O_RDWR|os.O_CREATE)
	steps := []error{
		files.MkdirAll(path("d/e"), 0o700),
		files.Rename(path("b"), path("c")),
		files.Remove(path("a")),
		files.SyncDir(dir),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	entries, err := files.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"c", "d"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if _, err := files.Stat(path("a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat of what was removed: %v", err)
	}
	if err := files.SyncDir(path("a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("SyncDir of what is not there: %v", err)
	}
}

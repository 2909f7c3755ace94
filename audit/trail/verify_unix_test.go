//go:build unix

package trail_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

func TestWhatADirectoryCanHaveInPlaceOfAFileIsDamage(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 300)
	tricks := map[string]func(path string) error{
		"a directory":                func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe that nobody writes":  func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a device":         func(path string) error { return os.Symlink("/dev/zero", path) },
		"a link to nothing":          func(path string) error { return os.Symlink("nowhere", path) },
		"a link to itself":           func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"a link to a directory":      func(path string) error { return os.Symlink(".", path) },
		"a link that goes in a ring": func(path string) error { return ring(path) },
		"a file of a tebibyte":       sparse,
	}
	for name, trick := range tricks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for path := range files {
				dir := t.TempDir()
				writeFiles(t, dir, files)
				at := filepath.Join(dir, filepath.FromSlash(path))
				if err := os.Remove(at); err != nil {
					t.Fatal(err)
				}
				if err := trick(at); err != nil {
					t.Fatal(err)
				}
				wantDamage(t, verify(t, key, os.DirFS(dir), trail.VerifyOptions{}), firstOf(t, path))
			}
		})
	}
	t.Run("a file in place of a directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		writeFiles(t, dir, files)
		if err := os.RemoveAll(filepath.Join(dir, "tile/entries")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tile/entries"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		wantDamage(t, verify(t, key, os.DirFS(dir), trail.VerifyOptions{}), where{"tile/entries/000", 0})
	})
}

func ring(path string) error {
	if err := os.Symlink(filepath.Base(path), path+"-2"); err != nil {
		return err
	}
	return os.Symlink(filepath.Base(path)+"-2", path)
}

func sparse(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(1 << 40)
}

func TestALinkToTheRightFileIsFollowed(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 300)
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "tile")
	writeFiles(t, dir, files)
	at := filepath.Join(dir, tiles.EntriesPath(0, tiles.Width))
	if err := os.Rename(at, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, at); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, key, os.DirFS(dir), trail.VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

//go:build unix

package trail_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit/trail"
)

func TestWhatALogMakesIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	newTruth(t, l).add(t, l, briefs(0, 300)...)
	saveState(t, l, "state")
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifierKey := l.VerifierKey()
	closeLog(t, l)
	files := 0
	err := filepath.WalkDir(p.base, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == p.base {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		files++
		return nil
	})
	if err != nil || files < 15 {
		t.Errorf("%d files: %v", files, err)
	}
	public, err := os.ReadFile(filepath.Join(p.base, "key.pub"))
	if diff := cmp.Diff(verifierKey+"\n", string(public)); err != nil || diff != "" {
		t.Errorf("%v: key.pub (-want +got):\n%s", err, diff)
	}
	private, err := os.ReadFile(filepath.Join(p.base, "key"))
	if err != nil || !strings.HasPrefix(string(private), "PRIVATE+KEY+example.com/trail+") {
		t.Errorf("key: %v", err)
	}
}

func TestAKeyFileThatIsNotRightIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	other, public, err := note.GenerateKey(rand.Reader, "example.com/other")
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := note.GenerateKey(rand.Reader, "example.com/trail")
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string, mode fs.FileMode) error {
		return errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode))
	}
	tests := map[string]struct {
		change func(path string) error
		says   string
	}{
		"its group can read it":  {func(path string) error { return os.Chmod(path, 0o640) }, "chmod 600"},
		"all can read it":        {func(path string) error { return os.Chmod(path, 0o604) }, "chmod 600"},
		"all can write it":       {func(path string) error { return os.Chmod(path, 0o602) }, "chmod 600"},
		"empty":                  {func(path string) error { return write(path, "", 0o600) }, "no private key"},
		"garbage":                {func(path string) error { return write(path, strings.Repeat("x", 10_000), 0o600) }, "no private key"},
		"a public key":           {func(path string) error { return write(path, public, 0o600) }, "no private key"},
		"two keys":               {func(path string) error { return write(path, stranger+"\n"+other, 0o600) }, "no private key"},
		"the key of another log": {func(path string) error { return write(path, other, 0o600) }, "example.com/other"},
		"another key":            {func(path string) error { return write(path, stranger, 0o600) }, "not signed with a key that is known"},
		"a directory":            {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "not a regular file"},
		"a link to nothing":      {func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path+".gone", path)) }, "no key file"},
		"gone":                   {os.Remove, "no key file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			l := p.open(t)
			w := newTruth(t, l)
			w.add(t, l, briefs(0, 2)...)
			closeLog(t, l)
			path := filepath.Join(p.base, "key")
			if err := tt.change(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			for range 2 {
				_, err := trail.Open(t.Context(), p.config())
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error = %v, want one that says %q", err, tt.says)
				}
				if err != nil && strings.Contains(err.Error(), stranger[len(stranger)-20:]) {
					t.Errorf("the error shows the key: %v", err)
				}
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

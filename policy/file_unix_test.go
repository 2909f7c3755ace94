//go:build unix

package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/elevenminutes/interlock/policy"
)

func TestFileRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 512<<20+1); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, path, want string }{
		{"no path", "", "no such file"},
		{"no file", filepath.Join(dir, "none"), "no such file"},
		{"a directory", dir, "is not a regular file"},
		{"a pipe, which could hang", pipe, "is not a regular file"},
		{"a file that is too large", huge, "has more than 536870912 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rows, err := policy.File(tc.path).Load(t.Context())
			if rows != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load = %v, %v; want no rows and %q", rows, err, tc.want)
			}
		})
	}
}

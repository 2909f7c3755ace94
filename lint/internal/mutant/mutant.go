// Package mutant puts deliberate defects into the guard, one at a time, and
// runs its tests: a defect that no test notices is a promise that nobody holds.
package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Mutant is a defect: a text in a file that another one takes the place of.
type Mutant struct {
	Defect string // what is wrong with it, for people
	File   string // slash-separated, relative to the repository
	Old    string // occurs once in the file
	New    string
}

// Outcome is what became of a mutant.
type Outcome struct {
	Mutant Mutant
	Killed string // the first test that failed; empty where none did
	Output string // of go test
}

// Apply returns the file with the defect. It is an error where the text to
// replace does not occur exactly once, or what comes of it is not Go.
func (m Mutant) Apply(tree fs.FS) ([]byte, error) {
	source, err := fs.ReadFile(tree, m.File)
	if err != nil {
		return nil, fmt.Errorf("mutant %q: %w", m.Defect, err)
	}
	if n := bytes.Count(source, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("mutant %q: %s has the text to replace %d times, not once; adapt the mutant:\n%s", m.Defect, m.File, n, m.Old)
	}
	mutated := bytes.Replace(source, []byte(m.Old), []byte(m.New), 1)
	if _, err := format.Source(mutated); err != nil {
		return nil, fmt.Errorf("mutant %q: %s: %w", m.Defect, m.File, err)
	}
	return mutated, nil
}

// Test runs the tests of a package directory of the repository at root with
// the defect in place. The files of the repository are not touched. A mutant
// that does not build is an error: it shows nothing.
func (m Mutant) Test(ctx context.Context, root string, packages ...string) (Outcome, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Outcome{}, err
	}
	mutated, err := m.Apply(os.DirFS(root))
	if err != nil {
		return Outcome{}, err
	}
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(scratch)
	overlay, err := m.overlay(root, scratch, mutated)
	if err != nil {
		return Outcome{}, err
	}
	if output, err := run(ctx, root, append([]string{"build", "-overlay", overlay}, packages...)); err != nil {
		return Outcome{}, fmt.Errorf("mutant %q does not build: %w\n%s", m.Defect, err, output)
	}
	args := []string{"test", "-overlay", overlay, "-vet=off", "-count=1", "-failfast", "-timeout=10m"}
	output, err := run(ctx, root, append(args, packages...))
	o := Outcome{Mutant: m, Output: string(output)}
	var failed *exec.ExitError
	switch {
	case err == nil:
		return o, nil
	case !errors.As(err, &failed) || ctx.Err() != nil:
		return o, fmt.Errorf("mutant %q: %w", m.Defect, errors.Join(err, ctx.Err()))
	}
	o.Killed = killer(o.Output)
	if o.Killed == "" {
		return o, fmt.Errorf("mutant %q: go test failed, but no test did:\n%s", m.Defect, output)
	}
	return o, nil
}

// overlay writes the mutated file, and what go build's -overlay reads.
func (m Mutant) overlay(root, scratch string, mutated []byte) (string, error) {
	file := filepath.Join(scratch, "mutated.go")
	replace := map[string]map[string]string{"Replace": {filepath.Join(root, filepath.FromSlash(m.File)): file}}
	text, err := json.Marshal(replace)
	if err != nil {
		return "", err
	}
	path := filepath.Join(scratch, "overlay.json")
	return path, errors.Join(os.WriteFile(file, mutated, 0o600), os.WriteFile(path, text, 0o600))
}

func run(ctx context.Context, dir string, args []string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = dir
	return c.CombinedOutput()
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// killer returns the first test that failed. A mutant may also end the test
// process, by a panic or a deadlock, in which case that is what noticed it.
func killer(output string) string {
	if found := failedTest.FindStringSubmatch(output); found != nil {
		return found[1]
	}
	for _, end := range []string{"panic: test timed out", "panic:", "fatal error:"} {
		if strings.Contains(output, end) {
			return strings.TrimSuffix(strings.TrimPrefix(end, "panic: "), ":")
		}
	}
	return ""
}

package gotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/source"
)

// Suite is the tests of all modules of a repository.
type Suite struct {
	Root    string    // directory of the repository
	Out     io.Writer // where the output of go goes
	Env     []string  // added to the environment of go
	Least   float64   // percent of the root module's statements to be covered
	Profile string    // file for the root module's coverage profile
}

// Run builds and tests every module by itself, with the race detector and in
// random order, and prints the root module's coverage. It goes on after a
// failure and returns all of them, joined: what does not build, a test that
// fails or is skipped, coverage below the least.
func (s Suite) Run(ctx context.Context) error {
	tree := os.DirFS(s.Root)
	modules, err := source.Modules(tree)
	if err != nil {
		return err
	}
	var all Result
	var failures []error
	for _, m := range modules {
		s.printf("\n== %s (%s)\n", m.Path, m.Dir)
		packages, err := source.Packages(tree, modules, m)
		if err != nil {
			return err
		}
		if len(packages) == 0 {
			s.printf("no Go files, so nothing to build or test\n")
			continue
		}
		result, err := s.module(ctx, m)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m.Path, err))
		}
		all.add(result)
	}
	s.printf("\n%d tests passed in %d packages of %d modules, %d failed, %d skipped\n",
		all.Passed, all.Packages, len(modules), len(all.Failed), len(all.Skipped))
	return errors.Join(failures...)
}

func (r *Result) add(other Result) {
	r.Packages += other.Packages
	r.Passed += other.Passed
	r.Failed = append(r.Failed, other.Failed...)
	r.Skipped = append(r.Skipped, other.Skipped...)
}

// module builds and tests one module.
func (s Suite) module(ctx context.Context, m source.Module) (Result, error) {
	if err := s.supported(ctx, m); err != nil {
		return Result{}, err
	}
	if err := s.build(ctx, m); err != nil {
		return Result{}, err
	}
	result, err := s.test(ctx, m)
	failures := []error{err}
	for _, skipped := range result.Skipped {
		failures = append(failures, fmt.Errorf("skipped test %s\n\tA skipped test shows nothing: make it run here, or delete it", skipped))
	}
	if m.Dir == source.Root && err == nil {
		failures = append(failures, s.coverage(ctx, m))
	}
	return result, errors.Join(failures...)
}

// supported says what to do where the Go at hand is too old for the module.
func (s Suite) supported(ctx context.Context, m source.Module) error {
	output, err := s.command(ctx, m, "list", "-m").CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(output))
	if strings.Contains(text, "requires go >=") || strings.Contains(text, "toolchain") {
		text += "\n\tInstall that version of Go or a newer one (https://go.dev/dl), or let the go command fetch it (GOTOOLCHAIN=auto)"
	}
	return fmt.Errorf("go list: %w: %s", err, text)
}

func (s Suite) build(ctx context.Context, m source.Module) error {
	build := s.command(ctx, m, "build", "-buildvcs=false", "-o", os.DevNull, "./...")
	build.Stdout, build.Stderr = s.Out, s.Out
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build ./... failed, see above: %w", err)
	}
	return nil
}

func (s Suite) test(ctx context.Context, m source.Module) (Result, error) {
	args := []string{"test", "-json", "-buildvcs=false", "-race", "-shuffle=on",
		"-timeout=30m"} // a package has minutes of crashes to go through on a slow machine
	if m.Dir == source.Root {
		args = append(args, "-covermode=atomic", "-coverpkg=./...", "-coverprofile="+s.Profile)
	}
	test := s.command(ctx, m, append(args, "./...")...)
	test.Stderr = s.Out
	events, err := test.StdoutPipe()
	if err != nil {
		return Result{}, err
	}
	if err := test.Start(); err != nil {
		return Result{}, err
	}
	result, err := Relay(events, s.Out)
	ended := test.Wait()
	switch {
	case err != nil:
		return result, err
	case ended != nil && len(result.Failed) > 0:
		return result, fmt.Errorf("go test failed: %s", strings.Join(result.Failed, ", "))
	case ended != nil:
		return result, fmt.Errorf("go test failed, see above: %w", ended)
	case len(result.Failed) > 0:
		return result, fmt.Errorf("go test reported failures and yet ended well: %s", strings.Join(result.Failed, ", "))
	}
	return result, nil
}

// coverage prints the share of each package of the module, and compares that
// of all of them with the least.
func (s Suite) coverage(ctx context.Context, m source.Module) error {
	profile, err := os.ReadFile(s.Profile)
	if err != nil {
		return err
	}
	packages, err := ReadProfile(bytes.NewReader(profile))
	if err != nil {
		return err
	}
	listed, err := s.command(ctx, m, "list", "./...").Output()
	if err != nil {
		return fmt.Errorf("go list ./...: %w", err)
	}
	for name := range strings.FieldsSeq(string(listed)) {
		packages[name] = packages[name].plus(Coverage{})
	}
	s.printf("\ncoverage of the root module by all of its tests:\n")
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s.printf("  %-60s %s\n", name, packages[name].orNone())
	}
	total := Total(packages)
	s.printf("  %-60s %s\n", "total", total)
	if total.Percent() < s.Least {
		return fmt.Errorf("coverage is %s, below %g %%\n\tAdd tests for the packages above that have the most statements uncovered", total, s.Least)
	}
	return nil
}

func (c Coverage) orNone() string {
	if c.Statements == 0 {
		return "no statements"
	}
	return c.String()
}

// command returns the go command, to be run in the module.
func (s Suite) command(ctx context.Context, m source.Module, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = filepath.Join(s.Root, filepath.FromSlash(m.Dir))
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=1") // the race detector needs cgo
	command.Env = append(command.Env, s.Env...)
	return command
}

func (s Suite) printf(format string, args ...any) { fmt.Fprintf(s.Out, format, args...) }

// Elevenminutes replays 2 November 2017, when one contractor took down one
// account on the last day of the job and it stayed down for eleven minutes:
// first as it was, then the same evening under a policy that guards such
// accounts. With -dir it replays any other folder in the same form, and checks
// the answers that its timeline expects. The README is the manual.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/story"
)

// The exit codes.
const (
	exitGood     = 0
	exitDiffers  = 1 // an expectation did not hold, or an earlier trail was changed
	exitNotReady = 2 // malformed input, or the replay could not be run
)

// intro stands before the two replays that are built in.
const intro = "2 November 2017, told twice: as it was, and under a policy that guards such accounts.\n\n"

//go:embed before after
var folders embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitGood
	case err != nil:
		return exitNotReady // flag has said why
	}
	differs, err := replayAll(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitNotReady
	case differs:
		return exitDiffers
	}
	return exitGood
}

// replayAll verifies the trails of earlier runs, replays the scenarios and tells
// what came of them.
func replayAll(ctx context.Context, o options, stdout, stderr io.Writer) (differs bool, err error) {
	scenarios, err := load(ctx, o)
	if err != nil {
		return false, err
	}
	folder, err := openTrails(o.trail)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	out := &stickyWriter{w: stdout}
	told := io.Writer(out)
	if o.fill {
		told = io.Discard // all that is printed is the timeline
	}
	if changed, err := inspect(ctx, folder, told, stderr); changed || err != nil {
		return changed, err
	}
	places, err := folder.Begin(names(scenarios)...)
	if err != nil {
		return false, err
	}
	if o.dir == "" {
		fmt.Fprint(out, intro)
	}
	var all []story.Named
	for i, s := range scenarios {
		r, err := replay.Run(ctx, s, places[i].Config())
		if err == nil {
			err = folder.End(places[i])
		}
		if err != nil {
			return false, err
		}
		all = append(all, story.Named{Name: places[i].Name, Result: r})
		if o.fill {
			fmt.Fprint(out, replay.Fill(r))
			continue
		}
		differs = differs || len(r.Failures) > 0
		if err := errors.Join(story.Tell(out, r), out.line()); err != nil {
			return differs, err
		}
	}
	if !o.fill {
		err = errors.Join(story.Summarize(out, all), story.Expose(ctx, out, all), verdict(out, stderr, all))
	}
	changed, verifyErr := verify(ctx, places, told, stderr)
	return differs || changed, errors.Join(err, verifyErr, out.err)
}

// load reads the folder that was named, or the two that are built in.
func load(ctx context.Context, o options) ([]*scenario.Scenario, error) {
	if o.dir != "" {
		s, err := scenario.Load(ctx, os.DirFS(o.dir), o.dir)
		if err != nil {
			return nil, err
		}
		return []*scenario.Scenario{s}, nil
	}
	var all []*scenario.Scenario
	for _, name := range []string{"before", "after"} {
		folder, err := fs.Sub(folders, name)
		if err != nil {
			return nil, err
		}
		s, err := scenario.Load(ctx, folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// names are what scenarios are called in summaries, and their trails.
func names(scenarios []*scenario.Scenario) []string {
	var all []string
	for _, s := range scenarios {
		all = append(all, baseName(s.Folder))
	}
	return all
}

// baseName is what a folder is called, also where it is named as . or ..
func baseName(folder string) string {
	if whole, err := filepath.Abs(folder); err == nil {
		folder = whole
	}
	return filepath.Base(folder)
}

// verdict tells whether what the timelines expect came true. What differs goes
// to stderr.
func verdict(stdout, stderr io.Writer, all []story.Named) error {
	expected, differ := 0, 0
	for _, r := range all {
		for _, line := range r.Result.Scenario.Lines {
			looks := line.Event != nil && (line.Event.Verb == scenario.ExpectAccount || line.Event.Verb == scenario.ExpectTicket)
			if line.Want != nil || looks {
				expected++
			}
		}
		differ += len(r.Result.Failures)
		if err := story.Differences(stderr, r.Result); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("\nAll %d expectations hold.\n", expected)
	switch {
	case expected == 0:
		text = "\nThe timeline expects nothing; -write-expect fills in the answers.\n"
	case differ > 0:
		text = fmt.Sprintf("\n%d of %d expectations do not hold.\n", differ, expected)
	}
	_, err := io.WriteString(stdout, text)
	return err
}

// stickyWriter keeps the first error.
type stickyWriter struct {
	w   io.Writer
	err error
}

// Write writes unless it has failed before.
func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

// line writes the end of a line.
func (s *stickyWriter) line() error {
	_, err := io.WriteString(s, "\n")
	return err
}

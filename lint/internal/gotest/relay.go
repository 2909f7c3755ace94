// Package gotest reads what go test -json reports: it passes on the lines that
// go test would print, counts the tests, finds the skipped ones and adds up
// coverage.
package gotest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Result is what a run of go test came to.
type Result struct {
	Packages int      // that have tests
	Passed   int      // tests, Examples, fuzz targets and their subtests
	Failed   []string // tests and packages that failed
	Skipped  []string // tests that were skipped, each with its reason
}

// event is one line of go test -json; see go doc test2json and buildjson.
type event struct {
	Action     string
	Package    string
	ImportPath string // in place of Package, for output of the build
	Test       string
	Output     string
}

// Relay reads events from r until its end, and writes to w what go test prints
// without -json and -v: the result of each package, and all that failed tests
// printed.
func Relay(r io.Reader, w io.Writer) (Result, error) {
	run := run{w: w, packages: map[string]*pkg{}}
	reader := bufio.NewReader(r)
	for {
		text, err := reader.ReadBytes('\n')
		if len(text) > 0 {
			run.line(text)
		}
		if err == nil {
			continue
		}
		run.flush()
		if err != io.EOF {
			return run.result, fmt.Errorf("gotest: reading events: %w", err)
		}
		return run.result, run.err
	}
}

type run struct {
	w        io.Writer
	packages map[string]*pkg // those that have not ended
	result   Result
	err      error // the first of writing to w
}

// pkg is a package whose tests run.
type pkg struct {
	output []event // in the order of printing
	passed map[string]bool
	tests  bool // a test was started
}

func (r *run) print(text string) {
	if _, err := io.WriteString(r.w, text); err != nil && r.err == nil {
		r.err = fmt.Errorf("gotest: %w", err)
	}
}

func (r *run) line(text []byte) {
	var e event
	if text[0] != '{' || json.Unmarshal(text, &e) != nil {
		r.print(string(text)) // not from a test, such as a warning of the go command
		return
	}
	if e.ImportPath != "" {
		r.print(e.Output)
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{passed: map[string]bool{}}
		r.packages[e.Package] = p
	}
	if e.Action == "output" {
		p.output = append(p.output, e)
		return
	}
	if e.Test != "" {
		p.tests = true
		r.test(p, e)
		return
	}
	r.end(p, e)
}

func (r *run) test(p *pkg, e event) {
	switch e.Action {
	case "pass":
		p.passed[e.Test] = true
		r.result.Passed++
	case "fail":
		r.result.Failed = append(r.result.Failed, e.Package+" "+e.Test)
	case "skip":
		r.result.Skipped = append(r.result.Skipped, e.Package+" "+e.Test+p.reason(e.Test))
	}
}

// reason returns what a skipped test printed, in one line.
func (p *pkg) reason(test string) string {
	var lines []string
	for _, e := range p.output {
		text := strings.TrimSpace(e.Output)
		if e.Test == test && text != "" && !starts(text, "=== ", "--- ") {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, " ")
}

// end prints what a package that has ended leaves to say.
func (r *run) end(p *pkg, e event) {
	switch e.Action {
	case "pass", "skip": // skip: it has no test files
		r.print(p.summary())
	case "fail":
		r.result.Failed = append(r.result.Failed, e.Package)
		r.print(p.failure())
	default: // start
		return
	}
	if p.tests {
		r.result.Packages++
	}
	delete(r.packages, e.Package)
}

// summary is the line in which go test says how a package without failures
// went. It may come in several pieces.
func (p *pkg) summary() string {
	text := ""
	for _, e := range p.output {
		switch {
		case e.Test != "":
		case starts(e.Output, "ok  \t", "?   \t", "\t"):
			text = e.Output
		case text != "":
			text += e.Output
		}
	}
	return line(text)
}

func starts(text string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

// line returns the text with an end of line, unless it is empty.
func line(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// failure is all that tests printed, but for those that passed.
func (p *pkg) failure() string {
	var b strings.Builder
	for _, e := range p.output {
		if !p.passed[e.Test] && !strings.HasPrefix(e.Output, "=== ") {
			b.WriteString(e.Output)
		}
	}
	return line(b.String())
}

// flush prints what is left of packages that never ended, as when go test is
// killed, and counts them as failed.
func (r *run) flush() {
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		r.result.Failed = append(r.result.Failed, name+" did not end")
		r.print(r.packages[name].failure())
	}
}

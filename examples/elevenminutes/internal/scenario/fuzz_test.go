package scenario_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// FuzzTimeline: a timeline is either read whole, in order, or every fault
// names a place that is there.
func FuzzTimeline(f *testing.F) {
	for _, path := range []string{"../../before", "../../after", "../../testdata/everyverb", "../../testdata/wrong"} {
		text, err := os.ReadFile(path + "/" + scenario.TimelineFile)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) { // short seeds are quicker to vary
			f.Add(good[scenario.TimelineFile] + line)
		}
	}
	for _, line := range []string{
		good[scenario.TimelineFile], "", "\n", ">", "#", "->", `"`, `a="`, "+", "+0s", "08:01", "08:01 mod", "expect",
		`08:01 host person "x" person=y`, "08:01 host account \"x\" handles=\"@a @a x\" tier=ordinary domain=en", "08:01 mod do =", "+9999999999d x",
		"2024-03-31T02:30 expect account @plain up", "08:01 mod tickets limit=99999999999999999999",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, timeline string) {
		s, err := load(t, map[string]string{scenario.TimelineFile: timeline})
		if err != nil {
			var faults scenario.Faults
			if s != nil || !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("Load = %v, %v; want Faults", s, err)
			}
			checkPlaces(t, faults, timeline)
			return
		}
		for i, line := range s.Lines {
			if i > 0 && (line.At.Before(s.Lines[i-1].At) || line.Number <= s.Lines[i-1].Number) {
				t.Errorf("line %d goes back", line.Number)
			}
			if line.Text != s.Timeline[line.Number-1] || line.Arrow > len(line.Text) {
				t.Errorf("line %d is %q, arrow at %d", line.Number, line.Text, line.Arrow)
			}
			if (line.Story == "") == (line.Event == nil) && !strings.HasPrefix(strings.TrimSpace(line.Text), ">") {
				t.Errorf("line %d is neither a sentence nor an event", line.Number)
			}
		}
	})
}

func checkPlaces(t *testing.T, faults scenario.Faults, timeline string) {
	t.Helper()
	lines := strings.Split(timeline, "\n")
	for _, fault := range faults {
		if fault.Text == "" || fault.Line < 0 || fault.Line > len(lines) {
			t.Errorf("fault %v; there are %d lines", fault, len(lines))
			continue
		}
		if !utf8.ValidString(fault.Error()) || strings.ContainsFunc(fault.Error(), isHarmful) {
			t.Errorf("fault %q can't be printed", fault.Error())
		}
		if fault.Line > 0 && fault.Column > utf8.RuneCountInString(lines[fault.Line-1])+1 {
			t.Errorf("fault %v is behind the end of its line", fault)
		}
	}
}

func isHarmful(r rune) bool { return r != '\t' && unicode.IsControl(r) }

package replay

import (
	"fmt"
	"strings"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// Fill returns the timeline with what was answered in the place of what was
// expected. Lines without an answer stay as they are, comments behind an
// expectation are lost, and what lines that only look expect is left for the
// author.
func Fill(r *Result) string {
	answers := make(map[int]*Answer)
	verbs := make(map[int]scenario.Verb)
	arrows := make(map[int]int)
	for _, e := range r.Entries {
		if e.Line.Event != nil && e.Answer != nil {
			answers[e.Line.Number], verbs[e.Line.Number] = e.Answer, e.Line.Event.Verb
			arrows[e.Line.Number] = e.Line.Arrow
		}
	}
	var b strings.Builder
	for i, text := range r.Scenario.Timeline {
		if a := answers[i+1]; a != nil {
			text = fmt.Sprintf("%s  -> %s", strings.TrimRight(text[:arrows[i+1]], " \t"), a.Short(verbs[i+1]))
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

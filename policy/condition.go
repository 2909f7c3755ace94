package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// condition is one part of a p2 row's column when. All can hold at once, so
// that the most that a step can ever need is what all rows ask for together.
type condition struct {
	about string // one of the about constants
	label string // for aboutLabel, without its @
	above int64  // for those that compare
}

const (
	aboutLabel     = "@"
	aboutPermanent = "permanent"
	aboutDuration  = "duration"
	aboutReach     = "reach"
	aboutBatch     = "batch"
	aboutAge       = "age"
)

func (c *condition) holds(q *moderation.Question) bool {
	switch c.about {
	case aboutLabel:
		return slices.Contains(q.Actor.Labels, c.label)
	case aboutPermanent:
		return q.Duration == moderation.Permanent
	case aboutDuration:
		return int64(q.Duration) > c.above
	case aboutReach:
		return q.Target.Reach > c.above
	case aboutBatch:
		return int64(q.Count) > c.above
	case aboutAge:
		return int64(q.Since) > c.above
	}
	return true // a condition that can't be told asks for more, never for less
}

// parseWhen reads the column when: * for always, or conditions joined by &.
func parseWhen(a *at, v *vocabulary, step moderation.Step, text string) []condition {
	if text == "*" {
		return nil
	}
	var conditions []condition
	for part := range strings.SplitSeq(text, "&") {
		conditions = append(conditions, parseCondition(a, v, step, strings.TrimSpace(part)))
	}
	return conditions
}

func parseCondition(a *at, v *vocabulary, step moderation.Step, text string) condition {
	if label, ok := strings.CutPrefix(text, "@"); ok {
		if !v.labels.set[label] {
			a.wrong("when", text, "is no label; %s", v.labels.hint(label))
		}
		return condition{about: aboutLabel, label: label}
	}
	if text == aboutPermanent {
		return condition{about: aboutPermanent}
	}
	about, bound, _ := strings.Cut(text, ">")
	c := condition{about: strings.TrimSpace(about)}
	bound = strings.TrimSpace(bound)
	switch c.about {
	case aboutAge, aboutDuration:
		if c.about == aboutAge && step != moderation.StepUndo {
			a.wrong("when", text, "is about what is undone; only rows for undo may have it")
		}
		c.above = int64(parseBoundDuration(a, text, bound))
	case aboutReach, aboutBatch:
		c.above = parseBoundNumber(a, text, bound)
	default:
		a.wrong("when", text, "is no condition; write * or, joined by &, @label, permanent, duration>168h, reach>1000000, batch>25 or, for undo, age>24h")
	}
	return c
}

func parseBoundDuration(a *at, text, bound string) time.Duration {
	d, err := parseDuration(bound)
	if err != nil {
		a.wrong("when", text, "%q %v", bound, err)
	}
	return d
}

func parseBoundNumber(a *at, text, bound string) int64 {
	n, err := strconv.ParseUint(bound, 10, 63)
	if err != nil {
		a.wrong("when", text, "%q is no whole number from 0 to %d", bound, int64(math.MaxInt64))
	}
	return int64(n)
}

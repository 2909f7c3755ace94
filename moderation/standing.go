package moderation

import (
	"fmt"
	"time"
)

// alreadyStands tells who did the same thing before, where asking again would
// change nothing. Asking for longer is a new request.
//
// A change of the policy ends with the next one: whether it is in force is for
// the policy to say.
func alreadyStands(head Head, f *findings, now time.Time) error {
	if f.kind.Name == PolicyChangeKind {
		return nil
	}
	for _, s := range head.Standing {
		if s.Action.Kind != f.action.Kind || !sameParameters(s.Action.Parameters, f.action.Parameters) {
			continue
		}
		lasts := s.Until.IsZero() || f.action.Duration != Permanent && !s.Until.Before(now.Add(f.action.Duration))
		if lasts && (s.Until.IsZero() || now.Before(s.Until)) {
			return &Refusal{Code: CodeStands, Ticket: s.ID,
				Text: fmt.Sprintf("%s stands on %s already: %s did it at %s (ticket %s).",
					f.action.Kind, f.subject.ID, s.Action.Actor, s.Executed.Format(time.RFC3339), s.ID)}
		}
	}
	return nil
}

func sameParameters(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			return false
		}
	}
	return true
}

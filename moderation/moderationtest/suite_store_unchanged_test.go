package moderationtest

import (
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func unchangedDefects() []storeDefect {
	ruled := func(name string, holds func(s *naiveStore, c moderation.Change) bool) func(*testing.T) moderation.Store {
		s := newNaiveStore().without("unchanged hold")
		s.rules = append(s.rules, commitRule{name, holds})
		return broken(s)
	}
	const moved = "a ticket that should not have moved and did conflicts"
	return []storeDefect{
		{name: "what a change relies on is not looked at", check: moved, open: broken(newNaiveStore().without("unchanged hold"))},
		{name: "what a change relies on may have moved on", check: moved, open: ruled("at least", func(s *naiveStore, c moderation.Change) bool {
			return len(c.Unchanged) == 0 || s.revision(c.Unchanged[0].Ticket) >= c.Unchanged[0].Revision
		})},
		{name: "what does not exist has not moved", check: moved, open: ruled("where it exists", func(s *naiveStore, c moderation.Change) bool {
			return len(c.Unchanged) > 0 && s.revision(c.Unchanged[0].Ticket) == 0 || unchangedHold(s, c)
		})},
		{name: "a change without tickets relies on none", check: moved, open: ruled("with tickets", func(s *naiveStore, c moderation.Change) bool {
			return len(c.Tickets) == 0 || unchangedHold(s, c)
		})},
		{name: "only the first ticket relied on is looked at", check: "every ticket that should not have moved is looked at",
			open: ruled("first", func(s *naiveStore, c moderation.Change) bool {
				return len(c.Unchanged) == 0 || s.revision(c.Unchanged[0].Ticket) == c.Unchanged[0].Revision
			})},
		{name: "what two rely on is looked at before the lock", check: "of two that rely on each other one wins", open: hasty("")},
	}
}

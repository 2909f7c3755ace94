package moderationtest

import (
	"context"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func debtDefects() []storeDefect {
	// keeps is a store that goes by another idea of what is owed.
	keeps := func(owes func(moderation.Ticket) bool) func(*testing.T) moderation.Store {
		s := newNaiveStore().without("one debt")
		s.rules = append(s.rules, commitRule{"broken debts", func(s *naiveStore, c moderation.Change) bool {
			return oneDebtOf(owes, s.after(c))
		}})
		return broken(s)
	}
	before := newNaiveStore().without("one debt")
	before.rules = append(before.rules, commitRule{"debts before the change", func(s *naiveStore, c moderation.Change) bool {
		for _, t := range c.Tickets {
			if !oneDebtOf(moderation.Ticket.Owes, s.after(moderation.Change{Tickets: []moderation.Ticket{t}})) {
				return false
			}
		}
		return true
	}})
	return []storeDefect{
		{name: "debts are not kept", check: "a person owes for one bypass at a time", open: broken(newNaiveStore().without("one debt"))},
		{name: "debts are compared with those before the change only", check: "two bypasses in one change can't be one person's", open: broken(before)},
		{name: "a debt is forgotten when its ticket is over", check: "a bypass goes on being owed when it is over",
			open: keeps(func(t moderation.Ticket) bool { return t.Owes() && !t.Status.Final() })},
		{name: "a settled debt is kept", check: "a settled bypass makes room for the next",
			open: keeps(func(t moderation.Ticket) bool {
				t.Settled = t.Over
				return t.Owes() || t.Status == moderation.StatusExecuted && t.Step == moderation.StepBypass
			})},
		{name: "every bypass is owed", check: "a bypass that changed nothing is not owed",
			open: keeps(func(t moderation.Ticket) bool { return t.Step == moderation.StepBypass && t.Settled.IsZero() })},
		{name: "a bypass is in its own way", check: "a settled bypass makes room for the next",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if slices.ContainsFunc(c.Tickets, func(t moderation.Ticket) bool { return t.Revision > 1 && t.Step == moderation.StepBypass }) {
					return moderation.ErrConflict
				}
				return s.Commit(ctx, c)
			})},
		{name: "a query forgets Owed", check: "Owed selects what is owed", open: onQuery(func(q *moderation.Query) { q.Owed = false })},
	}
}

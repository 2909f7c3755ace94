package moderationtest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func standingDefects() []storeDefect {
	refilled := func(keep func(t moderation.Ticket) bool) func(*testing.T) moderation.Store {
		return onHead(func(s *naiveStore, id string, h *moderation.Head) {
			h.Standing = nil
			for _, t := range s.tickets {
				if t.Subject.ID == id && keep(t) {
					h.Standing = append(h.Standing, t)
				}
			}
			slices.SortStableFunc(h.Standing, func(a, b moderation.Ticket) int { return a.Executed.Compare(b.Executed) })
		})
	}
	lastBy := func(is func(t moderation.Ticket) bool) func(*testing.T) moderation.Store {
		return onHead(func(s *naiveStore, id string, h *moderation.Head) {
			h.Last = nil
			for _, t := range s.tickets {
				if t.Subject.ID == id && is(t) {
					h.Last = &t
				}
			}
		})
	}
	endedBadly := func(t moderation.Ticket) bool {
		return t.Status == moderation.StatusRejected || t.Status == moderation.StatusUndone
	}
	return []storeDefect{
		{name: "what stands is ordered by commit", check: "what stands is ordered by its execution",
			open: onHead(func(_ *naiveStore, _ string, h *moderation.Head) {
				slices.SortFunc(h.Standing, func(a, b moderation.Ticket) int { return cmp.Compare(a.Fence, b.Fence) })
			})},
		{name: "what stands is shown as it was first", check: "what stands is ordered by its execution",
			open: onHead(func(s *naiveStore, _ string, h *moderation.Head) {
				for i, t := range h.Standing {
					for _, c := range slices.Backward(s.changes) {
						if c.Tickets[0].ID == t.ID {
							h.Standing[i] = c.Tickets[0]
						}
					}
				}
			})},
		{name: "whatever has a time of execution stands", check: "only what was executed stands",
			open: refilled(func(t moderation.Ticket) bool { return !t.Executed.IsZero() })},
		{name: "what is unknown stands", check: "only what was executed stands",
			open: refilled(func(t moderation.Ticket) bool {
				return t.Undoes == "" && (t.Status == moderation.StatusExecuted || t.Status == moderation.StatusUnknown)
			})},
		{name: "what was once executed stands for ever", check: "what was undone or ended stands no more",
			open: refilled(func(t moderation.Ticket) bool { return t.Undoes == "" && !t.Executed.IsZero() })},
		{name: "an undo stands like a restriction", check: "an executed undo does not stand",
			open: refilled(func(t moderation.Ticket) bool { return t.Status == moderation.StatusExecuted })},
		{name: "what stands goes by the store's own clock", check: "what should have ended stands until it is ended",
			open: refilled(func(t moderation.Ticket) bool {
				return t.Status == moderation.StatusExecuted && t.Undoes == "" && (t.Until.IsZero() || t.Until.After(time.Now()))
			})},
		{name: "the last ticket is the last that is over", check: "the last ticket is the one that was rejected or undone last",
			open: lastBy(func(t moderation.Ticket) bool { return t.Status.Final() })},
		{name: "the last ticket is the one asked for last", check: "the last ticket is the one that was rejected or undone last",
			open: lastBy(endedBadly)},
		{name: "a rejection is not remembered", check: "the last ticket is the one that was rejected or undone last",
			open: lastBy(func(t moderation.Ticket) bool { return t.Status == moderation.StatusUndone })},
	}
}

package moderationtest

import (
	"context"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func headDefects() []storeDefect {
	eachBefore := newNaiveStore().without("one at work")
	eachBefore.rules = append(eachBefore.rules, commitRule{"one at work before", func(s *naiveStore, c moderation.Change) bool {
		for _, t := range c.Tickets {
			if !oneAtWork(s, moderation.Change{Tickets: []moderation.Ticket{t}}) {
				return false
			}
		}
		return true
	}})
	onlyExecuting := newNaiveStore().without("one at work")
	onlyExecuting.rules = append(onlyExecuting.rules, commitRule{"one executing", func(s *naiveStore, c moderation.Change) bool {
		executing := 0
		for _, t := range s.after(c) {
			if t.Status == moderation.StatusExecuting && t.Subject.ID == "42" {
				executing++
			}
		}
		return executing < 2
	}})
	neverJoins := newNaiveStore().without("one at work")
	neverJoins.rules = append(neverJoins.rules, commitRule{"one at work", func(s *naiveStore, c moderation.Change) bool {
		n := 0
		for _, t := range s.after(c) {
			if atWork(t) {
				n++
			}
		}
		return n < 2
	}})
	firstHead := newNaiveStore().without("heads hold")
	firstHead.rules = append(firstHead.rules, commitRule{"first head holds", func(s *naiveStore, c moderation.Change) bool {
		return len(c.Heads) == 0 || s.head(c.Heads[0].Target).Fence == c.Heads[0].Fence
	}})
	headsAfter := newNaiveStore().without("heads hold")
	headsAfter.rules = append(headsAfter.rules, commitRule{"heads hold after", func(s *naiveStore, c moderation.Change) bool {
		return headsHold(&naiveStore{tickets: s.after(c)}, c)
	}})
	tierBy := func(pick func(tickets []moderation.Ticket, changes []moderation.Change) moderation.Ticket) func(*testing.T) moderation.Store {
		return onHead(func(s *naiveStore, id string, h *moderation.Head) {
			t := pick(s.tickets, s.changes)
			h.Tier, h.TierSeen = t.Subject.Tier, t.Subject.TierSeen
		})
	}
	return []storeDefect{
		{name: "a head without tickets is an error", check: "a target that was never acted on has the zero head",
			open: broken(altered{naiveStore: newNaiveStore(), heads: func(s *naiveStore, ctx context.Context, id string) (moderation.Head, error) {
				if h, _ := s.Head(ctx, id); h.Fence > 0 {
					return h, nil
				}
				return moderation.Head{}, moderation.ErrNoTicket
			}})},
		{name: "a head is that of IDs that begin the same", check: "a target that was never acted on has the zero head",
			open: broken(altered{naiveStore: newNaiveStore(), heads: func(s *naiveStore, ctx context.Context, id string) (moderation.Head, error) {
				if id == "4" {
					id = "42"
				}
				return s.Head(ctx, id)
			}})},
		{name: "many can be at work", check: "one ticket at a time is executing or unknown on a target", open: broken(newNaiveStore().without("one at work"))},
		{name: "unknown is not at work", check: "one ticket at a time is executing or unknown on a target", open: broken(onlyExecuting)},
		{name: "a head does not say who is at work", check: "one ticket at a time is executing or unknown on a target",
			open: onHead(func(_ *naiveStore, _ string, h *moderation.Head) { h.Busy = "" })},
		{name: "a target is never free again", check: "a target is free when its ticket is not at work any more",
			open: onHead(func(s *naiveStore, id string, h *moderation.Head) {
				for _, t := range s.tickets {
					if t.Subject.ID == id && t.Fence > 0 {
						h.Busy = t.ID
					}
				}
			})},
		{name: "who is at work is compared with before the change only", check: "two tickets of a change can't both be at work on a target", open: broken(eachBefore)},
		{name: "who is at work is compared ticket by ticket", check: "a change can hand a target over", open: broken(eachBefore)},
		{name: "an undo waits for the unknown ticket", check: "an undo may join the unknown ticket that it takes back", open: broken(neverJoins)},
		{name: "the fence is that of the last ticket", check: "the fence is the highest of the target's tickets and never falls",
			open: onHead(func(s *naiveStore, id string, h *moderation.Head) {
				for _, t := range s.tickets {
					if t.Subject.ID == id {
						h.Fence = t.Fence
					}
				}
			})},
		{name: "the fence falls when a ticket is over", check: "the fence is the highest of the target's tickets and never falls",
			open: onHead(func(s *naiveStore, id string, h *moderation.Head) {
				h.Fence = 0
				for _, t := range s.tickets {
					if t.Subject.ID == id && !t.Status.Final() {
						h.Fence = max(h.Fence, t.Fence)
					}
				}
			})},
		{name: "heads are not compared", check: "a head that moved conflicts", open: broken(newNaiveStore().without("heads hold"))},
		{name: "a head may have been lower", check: "a head that moved conflicts",
			open: func() func(*testing.T) moderation.Store {
				s := newNaiveStore().without("heads hold")
				s.rules = append(s.rules, commitRule{"heads are reached", func(s *naiveStore, c moderation.Change) bool {
					return !slices.ContainsFunc(c.Heads, func(h moderation.HeadIs) bool { return s.head(h.Target).Fence > h.Fence })
				}})
				return broken(s)
			}()},
		{name: "only the first head is compared", check: "every head of a change must hold", open: broken(firstHead)},
		{name: "heads are compared after the change", check: "heads are compared as they were before the change", open: broken(headsAfter)},
		{name: "the tier is that of the first ticket", check: "the tier is that of the target's last ticket",
			open: tierBy(func(tickets []moderation.Ticket, _ []moderation.Change) moderation.Ticket { return tickets[0] })},
		{name: "the tier is that of the last commit", check: "the tier is that of the target's last ticket",
			open: tierBy(func(_ []moderation.Ticket, changes []moderation.Change) moderation.Ticket {
				return changes[len(changes)-1].Tickets[0]
			})},
	}
}

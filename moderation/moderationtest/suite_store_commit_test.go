package moderationtest

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func commitDefects() []storeDefect {
	eachTicket := func(f func(t *moderation.Ticket)) func(*testing.T) moderation.Store {
		return onCommit(func(_ *naiveStore, c *moderation.Change) {
			for i := range c.Tickets {
				f(&c.Tickets[i])
			}
		})
	}
	return []storeDefect{
		{name: "times are kept to the microsecond", check: "a committed ticket is read back whole",
			open: eachTicket(func(t *moderation.Ticket) { t.Due = t.Due.Truncate(time.Microsecond) })},
		{name: "a column is forgotten", check: "a committed ticket is read back whole",
			open: eachTicket(func(t *moderation.Ticket) { t.Requester.Owners = nil })},
		{name: "reasons are cut to a column's width", check: "hostile texts survive",
			open: eachTicket(func(t *moderation.Ticket) { t.Action.Reason = t.Action.Reason[:min(len(t.Action.Reason), 1000)] })},
		{name: "texts are escaped on the way in", check: "hostile texts survive",
			open: eachTicket(func(t *moderation.Ticket) { t.Action.Case = strings.ReplaceAll(t.Action.Case, "<", "&lt;") })},
		{name: "a target's ID is matched as a pattern", check: "hostile texts survive",
			open: onFound(func(s *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
				if q.Target == "*" {
					return cloneTickets(s.tickets)
				}
				return found
			})},
		{name: "a ticket that does not exist is the zero ticket", check: "a ticket that was not committed does not exist",
			open: broken(altered{naiveStore: newNaiveStore(), ticket: func(s *naiveStore, ctx context.Context, id string) (moderation.Ticket, error) {
				t, _ := s.Ticket(ctx, id)
				return t, nil
			}})},
		{name: "IDs are compared without case", check: "a ticket that was not committed does not exist",
			open: broken(altered{naiveStore: newNaiveStore(), ticket: func(s *naiveStore, ctx context.Context, id string) (moderation.Ticket, error) {
				return s.Ticket(ctx, strings.ToLower(id))
			}})},
		{name: "a change without a record is fine", check: "a zero change is refused",
			open: onCommit(func(_ *naiveStore, c *moderation.Change) { c.Record.ID = cmp.Or(c.Record.ID, "none") })},
		{name: "a change needs a ticket", check: "a record without tickets is committed",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if len(c.Tickets) == 0 {
					return errors.New("no tickets")
				}
				return s.Commit(ctx, c)
			})},
		{name: "revision 0 is taken for new", check: "revision 0 is refused", open: broken(newNaiveStore().without("begins at 1"))},
		{name: "a ticket begins at any revision", check: "a new ticket does not begin at revision 2", open: broken(newNaiveStore().without("revision follows"))},
		{name: "revision 1 overwrites", check: "revision 1 of a ticket that exists conflicts", open: broken(newNaiveStore().without("new is new"))},
		{name: "revisions are not compared", check: "a stale revision conflicts", open: broken(newNaiveStore().without("revision follows"))},
		{name: "the last commit wins", check: "a stale revision conflicts",
			open: onCommit(func(s *naiveStore, c *moderation.Change) {
				for i := range c.Tickets {
					c.Tickets[i].Revision = s.revision(c.Tickets[i].ID) + 1
				}
			})},
		{name: "any later revision will do", check: "a gap between revisions conflicts", open: broken(newNaiveStore().without("revision follows"))},
		{name: "a conflict is reported as another error", check: "a gap between revisions conflicts",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if s.Commit(ctx, c) != nil {
					return errors.New("serialization failure")
				}
				return nil
			})},
		{name: "only the first ticket of a change is written", check: "an undo and what it undoes change together",
			open: onCommit(func(_ *naiveStore, c *moderation.Change) { c.Tickets = c.Tickets[:min(len(c.Tickets), 1)] })},
		{name: "tickets are written until one conflicts", check: "a conflict writes nothing",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				for _, t := range c.Tickets {
					one := c
					one.Tickets, one.Record.ID = []moderation.Ticket{t}, c.Record.ID+t.ID
					if err := s.Commit(ctx, one); err != nil {
						return err
					}
				}
				return nil
			})},
		{name: "a conflict is nil", check: "a conflict writes nothing",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if err := s.Commit(ctx, c); !errors.Is(err, moderation.ErrConflict) {
					return err
				}
				return nil
			})},
		{name: "a repeated change is a further revision", check: "the same change again makes no second revision",
			open: onCommit(func(s *naiveStore, c *moderation.Change) {
				for i, t := range c.Tickets {
					if t.Revision == s.revision(t.ID) {
						c.Tickets[i].Revision++
						c.Record.ID += "again"
					}
				}
			})},
		{name: "a repeated change is an error of its own", check: "the same change again makes no second revision",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				for _, old := range s.changes {
					if old.Record.ID == c.Record.ID {
						return errors.New("duplicate key value")
					}
				}
				return s.Commit(ctx, c)
			})},
		{name: "a repeated change is written again", check: "a change that was overtaken can't come back",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, old := range s.changes {
					if old.Record.ID == c.Record.ID {
						s.write(c)
						return nil
					}
				}
				s.write(c)
				return nil
			})},
	}
}

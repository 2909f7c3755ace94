package moderationtest

import (
	"bytes"
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

func keepDefects() []storeDefect {
	sharedOut := broken(altered{
		naiveStore: newNaiveStore(),
		ticket: func(s *naiveStore, _ context.Context, id string) (moderation.Ticket, error) {
			return s.tickets[s.index(id)], nil
		},
	})
	sharedIn := instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
		err := s.Commit(ctx, c)
		for _, t := range c.Tickets {
			s.tickets[s.index(t.ID)] = t
		}
		return err
	})
	return []storeDefect{
		{name: "what was passed in is kept as it is", check: "what was passed in can be changed afterwards", open: sharedIn},
		{name: "what is kept is handed out as it is", check: "what was handed out can be changed afterwards", open: sharedOut},
		{name: "a conflict is recorded", check: "the records are those of what was committed, in order",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				err := s.Commit(ctx, c)
				if err != nil {
					s.changes = append(s.changes, c)
				}
				return err
			})},
		{name: "a record without a ticket is not kept", check: "the records are those of what was committed, in order",
			open: broken(altered{naiveStore: newNaiveStore()}),
			records: func(s *naiveStore) []audit.Record {
				return slices.DeleteFunc(s.records(), func(r audit.Record) bool { return r.Ticket == "" })
			}},
		{name: "records are written again in other words", check: "the records are those of what was committed, in order",
			open: broken(altered{naiveStore: newNaiveStore()}),
			records: func(s *naiveStore) []audit.Record {
				records := s.records()
				for i := range records {
					records[i].State = bytes.ToUpper(records[i].State)
				}
				return records
			}},
		{name: "record IDs are not compared", check: "a record ID never stands for two changes",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				for i := range s.changes {
					if s.changes[i].Record.ID == c.Record.ID {
						s.write(c)
						return nil
					}
				}
				return s.Commit(ctx, c)
			})},
		{name: "what a change relies on is looked at before the lock", check: "the records are in an order in which every commit could be made", open: hasty("")},
		{name: "an empty store can't be reopened", check: "an empty store is reopened empty", open: broken(newNaiveStore()),
			reopen: func(s *naiveStore) moderation.Store {
				if len(s.tickets) == 0 {
					return nil
				}
				return s.reopen()
			}},
		{name: "the last commit is lost at exit", check: "after reopening everything is as it was", open: broken(newNaiveStore()),
			reopen: func(s *naiveStore) moderation.Store {
				s.changes = s.changes[:len(s.changes)-2]
				return s.reopen()
			}},
		{name: "a conflict comes back to life", check: "after reopening what conflicted conflicts",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				err := s.Commit(ctx, c)
				if err != nil {
					s.changes = append(s.changes, c)
				}
				return err
			})},
		{name: "keys are forgotten at exit", check: "after reopening what conflicted conflicts", open: broken(newNaiveStore()),
			reopen: func(s *naiveStore) moderation.Store { return s.reopen().without("key is free") }},
		{name: "what is committed after reopening is lost", check: "after reopening work goes on", open: broken(newNaiveStore()),
			reopen: func(s *naiveStore) moderation.Store {
				return altered{naiveStore: s.reopen(), commit: func(s *naiveStore, ctx context.Context, c moderation.Change) error {
					err := s.Commit(ctx, c)
					s.changes = s.changes[:len(s.changes)-1]
					return err
				}}
			}},
	}
}

// TestScrambleReaches sees to it that the copy checks change everything that
// could be shared, and nothing of a clone.
func TestScrambleReaches(t *testing.T) {
	t.Parallel()
	shared := full()
	clone, parameters := shared.Clone(), maps.Clone(shared.Action.Parameters)
	scramble(reflect.ValueOf(shared))
	if diff(full(), clone) != "" {
		t.Error("Ticket.Clone shares something with its original")
	}
	if maps.Equal(parameters, shared.Action.Parameters) || diff(full().Reviews[0].Roles, shared.Reviews[0].Roles) == "" {
		t.Error("scramble leaves something as it was")
	}
}

package moderationtest

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

func TestNaiveStorePasses(t *testing.T) {
	t.Parallel()
	TestStore(t, func(*testing.T) moderation.Store { return newNaiveStore() }, naiveOptions())
}

func naiveOptions() StoreOptions {
	return StoreOptions{
		Reopen:  func(_ *testing.T, s moderation.Store) moderation.Store { return s.(*naiveStore).reopen() },
		Records: func(_ *testing.T, s moderation.Store) []audit.Record { return s.(*naiveStore).records() },
		Fill:    func(_ *testing.T, s moderation.Store) func() { return fillNaive(s) },
	}
}

func TestStoreDoubleWithoutFaultsPasses(t *testing.T) {
	t.Parallel()
	TestStore(t, func(t *testing.T) moderation.Store { return NewStore(t, newNaiveStore()) }, StoreOptions{})
}

func TestStoreOptionsAddChecks(t *testing.T) {
	t.Parallel()
	few, many := len(storeChecks(StoreOptions{Shared: true})), len(storeChecks(naiveOptions()))
	if extra := len(copyChecks()) + len(recordChecks()) + len(reopenChecks()) + len(fullChecks()); many-few != extra {
		t.Errorf("options add %d checks, want %d", many-few, extra)
	}
}

// altered is a naive store of which some methods do something else.
type altered struct {
	*naiveStore
	commit  func(s *naiveStore, ctx context.Context, c moderation.Change) error
	ticket  func(s *naiveStore, ctx context.Context, id string) (moderation.Ticket, error)
	tickets func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error]
	heads   func(s *naiveStore, ctx context.Context, id string) (moderation.Head, error)
}

func (a altered) Commit(ctx context.Context, c moderation.Change) error {
	if a.commit == nil {
		return a.naiveStore.Commit(ctx, c)
	}
	return a.commit(a.naiveStore, ctx, c)
}

func (a altered) Ticket(ctx context.Context, id string) (moderation.Ticket, error) {
	if a.ticket == nil {
		return a.naiveStore.Ticket(ctx, id)
	}
	return a.ticket(a.naiveStore, ctx, id)
}

func (a altered) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	if a.tickets == nil {
		return a.naiveStore.Tickets(ctx, q)
	}
	return a.tickets(a.naiveStore, ctx, q)
}

func (a altered) Head(ctx context.Context, id string) (moderation.Head, error) {
	if a.heads == nil {
		return a.naiveStore.Head(ctx, id)
	}
	return a.heads(a.naiveStore, ctx, id)
}

// Ways to break a store.

func broken(s moderation.Store) func(*testing.T) moderation.Store {
	return func(*testing.T) moderation.Store { return s }
}

// onCommit changes a change before it is committed.
func onCommit(f func(s *naiveStore, c *moderation.Change)) func(*testing.T) moderation.Store {
	return broken(altered{naiveStore: newNaiveStore(), commit: func(s *naiveStore, ctx context.Context, c moderation.Change) error {
		c.Tickets = cloneTickets(c.Tickets)
		f(s, &c)
		return s.Commit(ctx, c)
	}})
}

// instead replaces Commit.
func instead(f func(s *naiveStore, ctx context.Context, c moderation.Change) error) func(*testing.T) moderation.Store {
	return broken(altered{naiveStore: newNaiveStore(), commit: f})
}

// onHead changes heads that are handed out.
func onHead(f func(s *naiveStore, id string, h *moderation.Head)) func(*testing.T) moderation.Store {
	return broken(altered{naiveStore: newNaiveStore(), heads: func(s *naiveStore, _ context.Context, id string) (moderation.Head, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		h := s.head(id)
		f(s, id, &h)
		return h, nil
	}})
}

// onQuery changes queries before they are answered.
func onQuery(f func(q *moderation.Query)) func(*testing.T) moderation.Store {
	return broken(altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
		f(&q)
		return s.Tickets(ctx, q)
	}})
}

// onFound changes what queries return.
func onFound(f func(s *naiveStore, q moderation.Query, tickets []moderation.Ticket) []moderation.Ticket) func(*testing.T) moderation.Store {
	return broken(altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
		tickets, err := s.find(q)
		tickets = f(s, q, tickets)
		return func(yield func(moderation.Ticket, error) bool) {
			for _, t := range tickets {
				if !yield(t, nil) {
					return
				}
			}
			if err != nil {
				yield(moderation.Ticket{}, err)
			}
		}
	}})
}

func hasty(rule string) func(*testing.T) moderation.Store {
	return func(*testing.T) moderation.Store {
		s := newNaiveStore()
		s.hasty = true
		if rule != "" {
			s.without(rule)
		}
		return s
	}
}

func TestStoreSuiteCatches(t *testing.T) {
	t.Parallel()
	var defects []defect[storeSubject]
	for _, d := range slices.Concat(commitDefects(), keyDefects(), debtDefects(), headDefects(), unchangedDefects(), standingDefects(), queryDefects(), pageDefects(), raceDefects(), keepDefects(), fullDefects()) {
		defects = append(defects, defect[storeSubject]{d.name, d.check, func(t *testing.T) storeSubject {
			return storeSubject{
				Store:   d.open(t),
				samples: new(samples),
				reopen:  reopenBroken(d.reopen),
				records: func(s moderation.Store) []audit.Record {
					if d.records != nil {
						return d.records(s.(altered).naiveStore)
					}
					return inner(s).records()
				},
				fill: fillNaive,
			}
		}})
	}
	mustCatch(t, storeChecks(naiveOptions()), defects)
}

type storeDefect struct {
	name, check string
	open        func(t *testing.T) moderation.Store
	reopen      func(s *naiveStore) moderation.Store
	records     func(s *naiveStore) []audit.Record
}

func inner(s moderation.Store) *naiveStore {
	if a, ok := s.(altered); ok {
		return a.naiveStore
	}
	return s.(*naiveStore)
}

func reopenBroken(reopen func(s *naiveStore) moderation.Store) func(moderation.Store) moderation.Store {
	return func(s moderation.Store) moderation.Store {
		if reopen == nil {
			return inner(s).reopen()
		}
		return reopen(inner(s))
	}
}

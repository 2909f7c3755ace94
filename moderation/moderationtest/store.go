package moderationtest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/elevenminutes/interlock/moderation"
)

// Store is a [moderation.Store] that hands everything on to the store behind
// it, and fails where it is told to: before the store was asked, or after
// ([After]). A commit that was made although it says otherwise is
// After(Fail(err)); one that is said to be made and was not is [Zero]; a
// conflict that is none is Fail([moderation.ErrConflict]). The zero Store has
// no store behind it and refuses everything.
type Store struct {
	// OnCommit, OnTicket, OnTickets and OnHead are the seams of its methods.
	// Tickets counts as called when its sequence is ranged over. The changes
	// that OnCommit keeps are the caller's own: they are not to be changed.
	OnCommit  Seam[moderation.Change, struct{}]
	OnTicket  Seam[string, moderation.Ticket]
	OnTickets Seam[moderation.Query, []moderation.Ticket]
	OnHead    Seam[string, moderation.Head]

	behind moderation.Store
}

var errNoStore = errors.New("moderationtest: no store behind; make the double by NewStore with one")

// NewStore returns a store that hands everything on to behind; nil refuses.
// What hangs in it is let go at the end of the test.
func NewStore(t Cleaner, behind moderation.Store) *Store {
	s := &Store{behind: behind}
	t.Cleanup(s.LetGo)
	return s
}

// Commit hands a change on.
func (s *Store) Commit(ctx context.Context, c moderation.Change) error {
	_, err := s.OnCommit.call(ctx, c, func(ctx context.Context) (struct{}, error) {
		if s.behind == nil {
			return struct{}{}, errNoStore
		}
		return struct{}{}, s.behind.Commit(ctx, c)
	})
	return err
}

// Ticket hands a question on.
func (s *Store) Ticket(ctx context.Context, id string) (moderation.Ticket, error) {
	return s.OnTicket.call(ctx, id, func(ctx context.Context) (moderation.Ticket, error) {
		if s.behind == nil {
			return moderation.Ticket{}, errNoStore
		}
		return s.behind.Ticket(ctx, id)
	})
}

// Tickets hands a query on. It reads all tickets from the store behind it
// before it yields the first.
func (s *Store) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		tickets, err := s.OnTickets.call(ctx, q, func(ctx context.Context) ([]moderation.Ticket, error) {
			if s.behind == nil {
				return nil, errNoStore
			}
			return collect(s.behind.Tickets(ctx, q))
		})
		for _, t := range tickets {
			if !yield(t, nil) {
				return
			}
		}
		if err != nil {
			yield(moderation.Ticket{}, err)
		}
	}
}

// Head hands a question on.
func (s *Store) Head(ctx context.Context, targetID string) (moderation.Head, error) {
	return s.OnHead.call(ctx, targetID, func(ctx context.Context) (moderation.Head, error) {
		if s.behind == nil {
			return moderation.Head{}, errNoStore
		}
		return s.behind.Head(ctx, targetID)
	})
}

// LetGo lets go every call that hangs, now and later.
func (s *Store) LetGo() {
	s.OnCommit.LetGo()
	s.OnTicket.LetGo()
	s.OnTickets.LetGo()
	s.OnHead.LetGo()
}

// collect returns the tickets of a sequence up to its error.
func collect(seq iter.Seq2[moderation.Ticket, error]) ([]moderation.Ticket, error) {
	var tickets []moderation.Ticket
	for t, err := range seq {
		if err != nil {
			return tickets, fmt.Errorf("after %d tickets: %w", len(tickets), err)
		}
		tickets = append(tickets, t)
	}
	return tickets, nil
}

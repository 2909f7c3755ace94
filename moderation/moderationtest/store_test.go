package moderationtest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// listStore yields its tickets and then, if there is one, an error.
type listStore struct {
	emptyStore
	tickets []string
	err     error
}

func (s listStore) Tickets(context.Context, moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		for _, id := range s.tickets {
			if !yield(moderation.Ticket{ID: id}, nil) {
				return
			}
		}
		if s.err != nil {
			yield(moderation.Ticket{}, s.err)
		}
	}
}

func TestStoreDoubleFailsSequences(t *testing.T) {
	t.Parallel()
	two := []string{"1", "2"}
	drop := moderationtest.Lie(func(all []moderation.Ticket) []moderation.Ticket { return all[1:] })
	for _, test := range []struct {
		name   string
		behind error
		fault  moderationtest.Fault
		want   []string
		err    error
	}{
		{name: "no fault", want: two},
		{name: "the store behind fails", behind: errBoom, want: two, err: errBoom},
		{name: "it fails at once", fault: moderationtest.Fail(errBoom), err: errBoom},
		{name: "it fails at the end", fault: moderationtest.After(moderationtest.Fail(errBoom)), want: two, err: errBoom},
		{name: "it ends at once", fault: moderationtest.Zero()},
		{name: "it leaves one out", fault: drop, want: two[1:]},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := moderationtest.NewStore(t, listStore{tickets: two, err: test.behind})
			s.OnTickets.Inject(test.fault)
			var got []string
			var err error
			for ticket, e := range s.Tickets(t.Context(), moderation.Query{}) {
				if err = e; err == nil {
					got = append(got, ticket.ID)
				}
			}
			if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
				t.Errorf("got %v and %v, want %v and %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestStoreDoubleHandsOn(t *testing.T) {
	t.Parallel()
	behind := &countingStore{}
	s := moderationtest.NewStore(t, behind)
	s.OnCommit.InjectAt(1, moderationtest.Fail(moderation.ErrConflict))
	s.OnCommit.InjectAt(2, moderationtest.After(moderationtest.Fail(moderation.ErrConflict)))
	s.OnCommit.InjectAt(3, moderationtest.Zero())
	for i, want := range []struct {
		err     error
		commits int
	}{{moderation.ErrConflict, 0}, {moderation.ErrConflict, 1}, {nil, 1}, {nil, 2}} {
		err := s.Commit(t.Context(), moderation.Change{})
		if !errors.Is(err, want.err) || behind.commits != want.commits {
			t.Errorf("commit %d: got %v and %d commits behind it, want %v and %d", i+1, err, behind.commits, want.err, want.commits)
		}
	}
}

type countingStore struct {
	emptyStore
	commits int
}

func (s *countingStore) Commit(context.Context, moderation.Change) error {
	s.commits++
	return nil
}

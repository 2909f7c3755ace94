package moderationtest

import (
	"context"
	"errors"
	"runtime"

	"github.com/elevenminutes/interlock/moderation"
)

// raceChecks are about many who want the same at once.
func raceChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"of 64 that race for a revision one wins", raceRevision},
		{"of 64 that race for a key one wins", raceKey},
		{"of 64 that race for a target one is at work", raceTarget},
		{"no revision is lost among many writers", raceCounting},
		{"of two halves of a change nobody sees one", raceHalves},
	}
}

// racers is how many race.
const racers = 64

// race commits one change for each racer at once. It checks that exactly one
// is written and the others conflict, and returns the winner's number.
func (s storeSubject) race(t tester, changes []moderation.Change) int {
	t.Helper()
	winner, won := -1, 0
	for i, err := range together(len(changes), func(i int) error { return s.Commit(t.Context(), changes[i]) }) {
		switch {
		case err == nil:
			winner = i
			won++
		case !errors.Is(err, moderation.ErrConflict):
			t.Errorf("Commit that lost a race: got %v, want ErrConflict", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d racing commits returned nil, want one", won, len(changes))
	}
	return winner
}

func raceRevision(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	changes := make([]moderation.Change, racers)
	for i := range changes {
		next := withStatus(first, moderation.StatusHeld)
		next.Reviews = []moderation.Review{{Login: "bob", Person: "Bob", Verdict: moderation.Approved, Time: at(i)}}
		changes[i] = s.change(next)
	}
	s.holds(t, changes[s.race(t, changes)].Tickets[0])
}

func raceKey(t tester, s storeSubject) {
	changes := make([]moderation.Change, racers)
	for i := range changes {
		changes[i] = s.change(s.keyed("alice", "key"))
	}
	winner := changes[s.race(t, changes)].Tickets[0]
	s.selects(t, moderation.Query{}, winner)
	s.selects(t, moderation.Query{Requester: "alice", Key: "key"}, winner)
}

func raceTarget(t tester, s storeSubject) {
	changes := make([]moderation.Change, racers)
	for i := range changes {
		waiting := s.ticket("42")
		s.put(t, waiting)
		next := withStatus(waiting, moderation.StatusExecuting)
		next.Call, next.Fence = moderation.CallApply, 1
		changes[i] = s.change(next)
		changes[i].Heads = []moderation.HeadIs{{Target: "42"}}
	}
	winner := changes[s.race(t, changes)].Tickets[0]
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusExecuting}}, winner)
	s.busy(t, "42", winner.ID)
}

func raceCounting(t tester, s storeSubject) {
	const writers, each = 8, 5
	first := s.ticket("42")
	s.put(t, first)
	answers := together(writers, func(int) error {
		for range each {
			if err := s.increment(t, first.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(answers...); err != nil {
		t.Fatalf("counting up: %v", err)
	}
	got, err := s.Ticket(t.Context(), first.ID)
	if want := uint64(1 + writers*each); err != nil || got.Revision != want {
		t.Errorf("after %d commits: got revision %d and %v, want %d", writers*each, got.Revision, err, want)
	}
}

// increment commits the next revision of a ticket, reading it again after each
// conflict.
func (s storeSubject) increment(t tester, id string) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		ticket, err := s.Ticket(ctx, id)
		if err != nil {
			return err
		}
		err = s.Commit(ctx, s.change(withStatus(ticket, moderation.StatusPending)))
		if !errors.Is(err, moderation.ErrConflict) {
			return err
		}
		runtime.Gosched()
	}
	return ctx.Err()
}

func raceHalves(t tester, s storeSubject) {
	const rounds = 20
	first, second := s.ticket("42"), s.ticket("42")
	s.must(t, s.change(first, second))
	writer := func() error {
		for i := range rounds {
			first.Revision, second.Revision = uint64(i+2), uint64(i+2)
			if err := s.Commit(t.Context(), s.change(first, second)); err != nil {
				return err
			}
		}
		return nil
	}
	reader := func() error {
		for range rounds {
			pair, err := collect(s.Tickets(t.Context(), moderation.Query{Target: "42"}))
			if err != nil {
				return err
			}
			if len(pair) != 2 || pair[0].Revision != pair[1].Revision {
				return errors.New("a query saw one half of a change without the other")
			}
		}
		return nil
	}
	answers := together(4, func(i int) error {
		if i == 0 {
			return writer()
		}
		return reader()
	})
	if err := errors.Join(answers...); err != nil {
		t.Errorf("two tickets that change together: %v", err)
	}
}

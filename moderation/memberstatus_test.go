package moderation_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestMemberStatusesAreThoseOfTheLastTickets(t *testing.T) {
	t.Parallel()
	b := btNew(t, 6)
	b.begin(t)
	b.handler.OnApply.InjectAt(2, moderationtest.Fail(moderation.ErrNotApplied))
	b.handler.OnApply.InjectAt(3, moderationtest.Fail(errors.New("it may have been done")))
	b.handler.OnProbe.Inject(moderationtest.Fail(nil))
	b.newOwner("b-003", "p-mod")
	b.newOwner("b-004", "p-mod")
	var done []moderation.Ticket
	for place := range 5 {
		ticket, _ := b.do(t, place)
		done = append(done, ticket)
	}
	b.newOwner("b-004") // given up: it has another ticket
	b.all(t, 4)
	if _, err := b.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: done[0].ID, Actor: "mod2", Reason: "appeal", Key: "u"}); err != nil {
		t.Fatal(err)
	}
	want := []moderation.Status{moderation.StatusUndone, moderation.StatusFailed, moderation.StatusUnknown, moderation.StatusRefused, moderation.StatusExecuted, ""}
	calls, records := b.calls(), len(b.sink.Records())
	for _, process := range []string{"the same process", "another one"} {
		got, err := b.guard.MemberStatuses(t.Context(), b.t.ID, b.set)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", process, got, err, want)
		}
		if b.calls() != calls || len(b.sink.Records()) != records {
			t.Errorf("%s: a handler was called, or something recorded", process)
		}
		b.anotherProcess(t)
		records = len(b.sink.Records())
	}
}

// TestMemberStatusesOfTicketsOfOneMoment bars all members from a batch first; in the
// bubble no time passes until they are done.
func TestMemberStatusesOfTicketsOfOneMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := btNew(t, 12)
		b.begin(t)
		for id := range b.set.All() {
			b.newOwner(id, "p-mod")
		}
		for place := range b.set.Len() {
			b.do(t, place)
		}
		for id := range b.set.All() {
			b.newOwner(id)
		}
		b.all(t)
		got, err := b.guard.MemberStatuses(t.Context(), b.t.ID, b.set)
		if err != nil || slices.ContainsFunc(got, func(s moderation.Status) bool { return s != moderation.StatusExecuted }) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestMemberStatusesRefuses(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.begin(t)
	single, err := b.guard.Do(t.Context(), suspend("mod2", "acct-1", "single"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := moderation.NewMemberSet(slices.Values([]string{"b-000", "b-001", "b-003"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		mandate string
		members *moderation.MemberSet
		want    moderation.Code
	}{
		"no mandate":            {"", b.set, moderation.CodeInvalid},
		"a mandate nobody has":  {"x", b.set, moderation.CodeNoTicket},
		"a ticket that is none": {single.ID, b.set, moderation.CodeMembers},
		"no members":            {b.t.ID, nil, moderation.CodeMembers},
		"as many, but others":   {b.t.ID, other, moderation.CodeMembers},
	} {
		if got, err := b.guard.MemberStatuses(t.Context(), tt.mandate, tt.members); got != nil {
			t.Errorf("%s: got %q", name, got)
		} else {
			wantCode(t, err, tt.want)
		}
	}
	_, err = (*moderation.Guard)(nil).MemberStatuses(t.Context(), b.t.ID, b.set)
	wantCode(t, err, moderation.CodeZeroGuard)
}

// btLying is a store that gives the tickets of a batch to strangers.
type btLying struct{ moderation.Store }

func (s btLying) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		for ticket, err := range s.Store.Tickets(ctx, q) {
			if ticket.Mandate != "" {
				ticket.Subject.ID = "stranger"
			}
			if !yield(ticket, err) {
				return
			}
		}
	}
}

func TestMemberStatusesBelievesNoStoreThatFailsOrLies(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]func(*testing.T, moderation.Store) moderation.Store{
		"it fails": func(t *testing.T, behind moderation.Store) moderation.Store {
			s := moderationtest.NewStore(t, behind)
			s.OnTickets.InjectWhen(func(q moderation.Query) bool { return q.Mandate != "" }, moderationtest.After(moderationtest.Fail(errFC)))
			return s
		},
		"it hangs": func(t *testing.T, behind moderation.Store) moderation.Store {
			s := moderationtest.NewStore(t, behind)
			s.OnTickets.InjectWhen(func(q moderation.Query) bool { return q.Mandate != "" }, moderationtest.HangForever())
			return s
		},
		"it lies": func(_ *testing.T, behind moderation.Store) moderation.Store { return btLying{behind} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				behind, err := moderation.NewMemoryStore(t.Context(), &audit.Memory{})
				if err != nil {
					t.Fatal(err)
				}
				b := btNew(t, 3, func(w *world) { w.config.Store, w.config.Audit = over(t, behind), nil })
				b.begin(t)
				b.all(t, 0)
				got, err := b.guard.MemberStatuses(t.Context(), b.t.ID, b.set)
				wantCode(t, err, moderation.CodeStore)
				if got != nil {
					t.Errorf("got %q besides", got)
				}
			})
		})
	}
}

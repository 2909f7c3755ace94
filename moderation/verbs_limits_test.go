package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// taken counts the charges that the limiter took for a ticket.
func (h *vbHost) taken(ticket moderation.Ticket) map[moderation.ChargeAt]int {
	n := make(map[moderation.ChargeAt]int)
	for _, c := range h.limiter.Taken() {
		if c.Ticket == ticket.ID {
			n[c.At]++
		}
	}
	return n
}

func (h *vbHost) wantCharged(ticket moderation.Ticket, request, execute int) {
	h.t.Helper()
	n := h.taken(ticket)
	if n[moderation.ChargeRequest] != request || n[moderation.ChargeExecute] != execute {
		h.t.Errorf("charged %d times for the request and %d times for the execution, want %d and %d",
			n[moderation.ChargeRequest], n[moderation.ChargeExecute], request, execute)
	}
}

func TestTicketIsChargedOnceAtRequestAndOnceAtExecution(t *testing.T) {
	t.Parallel()
	t.Run("where it waits for nothing", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.does(suspend("mod", "@one", ""))
		if _, err := h.guard.Do(t.Context(), ticket.Action); err != nil {
			t.Fatal(err)
		}
		h.wantCharged(ticket, 1, 1)
	})
	t.Run("where it waits for approvals and a hold", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.asks("bot", "@vip")
		h.approves(ticket, "lead", "lead2")
		h.advances(ticket, moderation.StatusHeld)
		h.wantCharged(ticket, 1, 0)
		h.clock.pass(10 * time.Minute)
		h.advances(ticket, moderation.StatusExecuted)
		h.advances(ticket, moderation.StatusExecuted)
		h.wantCharged(ticket, 1, 1)
		for _, c := range h.limiter.Taken() {
			want := moderation.Charge{At: c.At, Step: moderation.StepRequest, Ticket: ticket.ID, Person: "p-mod", Actor: "bot", Kind: moderation.Suspend,
				Target: "vip-1", Tier: "protected", Domain: "en", Count: 1, Reach: 1000, Time: c.Time}
			if diff := cmp.Diff(want, c); diff != "" {
				t.Errorf("charge (-want +got):\n%s", diff)
			}
		}
	})
	t.Run("where fifty look at it at once", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.asks("mod", "@vip")
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(10 * time.Minute)
		vbTogether(50, func(int) { _, _ = h.guard.Advance(t.Context(), ticket.ID) })
		h.wantStatus(ticket, moderation.StatusExecuted)
		h.wantCharged(ticket, 1, 1)
		h.wantCalls(1)
	})
	t.Run("where the intent loses a race first", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		store := vbOver(t, h)
		lost := false
		store.before = func(c moderation.Change) error {
			if len(c.Tickets) > 0 && c.Tickets[0].Status == moderation.StatusExecuting && !lost {
				lost = true
				return moderation.ErrConflict
			}
			return nil
		}
		h.open(t)
		ticket := h.asks("mod", "@vip")
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(10 * time.Minute)
		_, err := h.guard.Advance(t.Context(), ticket.ID)
		wantCode(t, err, moderation.CodeBusy)
		h.advances(ticket, moderation.StatusExecuted)
		h.wantCharged(ticket, 1, 1)
	})
	t.Run("where it is undone, of a budget of its own", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		of := h.does(suspend("mod", "@one", ""))
		undo := h.undoes(of, "mod2")
		h.wantCharged(undo, 1, 1)
		for _, c := range h.limiter.Taken() {
			if c.Ticket == undo.ID && (c.Step != moderation.StepUndo || c.Person != "p-mod2" || c.Kind != moderation.Suspend) {
				t.Errorf("charge of the undo: %+v", c)
			}
		}
	})
}

// A racing look must not find the last token gone because of itself.
func TestLastTokenIsNotSpentTwiceByLookingTwice(t *testing.T) {
	t.Parallel()
	for range 10 {
		h := vbOpen(t)
		var left atomic.Int64
		left.Store(1)
		h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
			if c.At == moderation.ChargeRequest || left.Add(-1) >= 0 {
				return moderation.Usage{Allowed: true}, nil
			}
			return moderation.Usage{RetryAfter: time.Hour}, nil
		})
		ticket := h.asks("mod", "@vip")
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(10 * time.Minute)
		vbTogether(8, func(int) { _, _ = h.guard.Advance(t.Context(), ticket.ID) })
		h.wantStatus(ticket, moderation.StatusExecuted)
	}
}

func TestWaitingTicketIsHeldUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	free := h.clock.read().Add(10*time.Minute + time.Hour)
	h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
		if c.At == moderation.ChargeExecute && c.Time.Before(free) {
			return moderation.Usage{RetryAfter: free.Sub(c.Time), Limits: []moderation.LimitState{{Rule: moderation.Rule{Source: "policy:7"}, Key: "person=p-mod", Unit: "actions"}}}, nil
		}
		return moderation.Usage{Allowed: true}, nil
	})
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	got := h.advances(ticket, moderation.StatusHeld)
	if !got.Due.Equal(h.clock.read().Add(time.Hour)) || got.Note == "" {
		t.Errorf("due %v, note %q", got.Due, got.Note)
	}
	h.clock.pass(time.Hour - 1)
	h.advances(ticket, moderation.StatusHeld)
	h.clock.pass(1)
	h.advances(ticket, moderation.StatusExecuted)
	if n := h.count(audit.EventHeld); n != 1 {
		t.Errorf("%d records of being held, want 1", n)
	}
	h.wantCharged(ticket, 1, 1)
}

func TestWaitingTicketThatNeverFitsIsRefused(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
		return moderation.Usage{Allowed: c.At == moderation.ChargeRequest, Never: c.At == moderation.ChargeExecute}, nil
	})
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	got, err := h.guard.Advance(t.Context(), ticket.ID)
	wantCode(t, err, moderation.CodeNeverFits)
	if got.Status != moderation.StatusRefused {
		t.Errorf("%s", got.Status)
	}
	h.wantCalls(0)
}

func TestRequestBeyondALimitIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		at    moderation.ChargeAt
		usage moderation.Usage
		want  moderation.Code
	}{
		{"of requests", moderation.ChargeRequest, moderation.Usage{RetryAfter: time.Minute}, moderation.CodeLimited},
		{"of requests, for ever", moderation.ChargeRequest, moderation.Usage{Never: true}, moderation.CodeNeverFits},
		{"of actions", moderation.ChargeExecute, moderation.Usage{RetryAfter: time.Minute}, moderation.CodeLimited},
		{"of actions, for ever", moderation.ChargeExecute, moderation.Usage{Never: true}, moderation.CodeNeverFits},
		{"by an answer without content", moderation.ChargeExecute, moderation.Usage{}, moderation.CodeLimited},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				if c.At == tc.at {
					return tc.usage, nil
				}
				return moderation.Usage{Allowed: true}, nil
			})
			_, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
			if r := wantCode(t, err, tc.want); r.RetryAfter != tc.usage.RetryAfter || !errors.Is(err, moderation.ErrLimited) {
				t.Errorf("retry after %v: %v", r.RetryAfter, err)
			}
			h.wantCalls(0)
			wantEvents(t, h.world, audit.EventRefused)
			h.limiter.Allow()
			h.does(suspend("mod", "@one", "k")) // a refusal binds no key
		})
	}
}

func TestExhaustedLimitThatTakesApprovals(t *testing.T) {
	t.Parallel()
	director := []moderation.Slot{{"director"}}
	over := func(at moderation.ChargeAt) func(c moderation.Charge) (moderation.Usage, error) {
		return func(c moderation.Charge) (moderation.Usage, error) {
			if c.At != at || len(c.Overrun) > 0 {
				return moderation.Usage{Allowed: true}, nil
			}
			return moderation.Usage{RetryAfter: time.Hour, Over: director}, nil
		}
	}
	overruns := func(h *vbHost, ticket moderation.Ticket) (at []moderation.ChargeAt) {
		for _, c := range h.limiter.Taken() {
			if c.Ticket == ticket.ID && len(c.Overrun) > 0 {
				at = append(at, c.At)
			}
		}
		return at
	}
	for _, tc := range []struct {
		name string
		at   moderation.ChargeAt
		want []moderation.ChargeAt // charged as overruns
	}{
		{"requests", moderation.ChargeRequest, []moderation.ChargeAt{moderation.ChargeRequest}},
		{"actions", moderation.ChargeExecute, []moderation.ChargeAt{moderation.ChargeExecute}},
	} {
		t.Run("of "+tc.name+" makes a request wait for them", func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.limiter.AnswerWith(over(tc.at))
			ticket := h.asks("mod", "@one")
			if diff := cmp.Diff(director, ticket.Open); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}
			h.advances(ticket, moderation.StatusPending)
			h.wantCalls(0)
			_, err := h.tryApprove(ticket, "lead")
			wantCode(t, err, moderation.CodeNotEligible)
			h.approves(ticket, "director")
			h.advances(ticket, moderation.StatusExecuted)
			if diff := cmp.Diff(tc.want, overruns(h, ticket)); diff != "" {
				t.Errorf("charged as overruns (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("of requests does not pay for one of actions", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
			slot := moderation.Slot{"lead"}
			if c.At == moderation.ChargeExecute {
				slot = director[0]
			}
			if len(c.Overrun) > 0 {
				return moderation.Usage{Allowed: true}, nil
			}
			return moderation.Usage{RetryAfter: time.Hour, Over: []moderation.Slot{slot}}, nil
		})
		ticket := h.asks("mod", "@one")
		h.approves(ticket, "lead")
		got := h.advances(ticket, moderation.StatusPending)
		if diff := cmp.Diff(director, got.Open); diff != "" {
			t.Errorf("open when the limit of requests is paid for (-want +got):\n%s", diff)
		}
		_, err := h.tryApprove(ticket, "lead2")
		wantCode(t, err, moderation.CodeNotEligible)
		h.advances(ticket, moderation.StatusPending)
		h.wantCalls(0)
		h.approves(ticket, "director")
		h.advances(ticket, moderation.StatusExecuted)
		if diff := cmp.Diff([]moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute}, overruns(h, ticket)); diff != "" {
			t.Errorf("charged as overruns (-want +got):\n%s", diff)
		}
	})
	t.Run("adds them to a ticket that waits already", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		h.limiter.AnswerWith(over(moderation.ChargeExecute))
		ticket := h.asks("mod", "@vip")
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(10 * time.Minute)
		got := h.advances(ticket, moderation.StatusPending)
		if diff := cmp.Diff(director, got.Open); diff != "" || len(got.Overrun) == 0 {
			t.Errorf("overrun %v; open (-want +got):\n%s", got.Overrun, diff)
		}
		h.advances(ticket, moderation.StatusPending)
		h.approves(ticket, "director")
		h.clock.pass(10 * time.Minute)
		h.advances(ticket, moderation.StatusExecuted)
		if diff := cmp.Diff([]moderation.ChargeAt{moderation.ChargeExecute}, overruns(h, ticket)); diff != "" {
			t.Errorf("charged as overruns (-want +got):\n%s", diff)
		}
	})
}

func TestLimiterIsToldWhenATicketIsOver(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(h *vbHost, t moderation.Ticket)
	}{
		{"executed", func(h *vbHost, t moderation.Ticket) {
			h.approves(t, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			h.advances(t, moderation.StatusExecuted)
		}},
		{"rejected", func(h *vbHost, t moderation.Ticket) {
			if _, err := h.guard.Reject(h.t.Context(), h.review(t, "lead")); err != nil {
				h.t.Fatal(err)
			}
		}},
		{"timed out", func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(24 * time.Hour)
			h.advances(t, moderation.StatusTimedOut)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			if n := h.limiter.OnRelease.Count(); n != 0 {
				t.Errorf("released %d times while it is open", n)
			}
			tc.end(h, ticket)
			released := h.limiter.OnRelease.Calls()
			if len(released) != 1 || released[0].Ticket != ticket.ID {
				t.Errorf("released: %+v, want ticket %s once", released, ticket.ID)
			}
		})
	}
}

func TestRefusalsBeyondTheBoundAreCounted(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Questions = 5 })
	refused := func(login string) error {
		_, err := h.guard.Do(t.Context(), suspend(login, "@one", h.key()))
		return err
	}
	for range 1000 {
		wantCode(t, refused("stranger"), moderation.CodeNoRule)
	}
	wantCode(t, refused("gone"), moderation.CodePastLastDay)
	if n := h.count(audit.EventRefused); n != 6 {
		t.Errorf("%d refusals on the trail, want 5 of one actor and 1 of another", n)
	}
	h.clock.pass(time.Minute)
	wantCode(t, refused("stranger"), moderation.CodeNoRule)
	var summaries []audit.Record
	for _, r := range h.sink.Records() {
		if r.Event == audit.EventRefusals {
			summaries = append(summaries, r)
		}
	}
	if len(summaries) != 1 || summaries[0].Actor.Login != "stranger" || summaries[0].Outcome.Count != 995 {
		t.Errorf("summaries: %+v; want one of 995 refusals of stranger", summaries)
	}
}

func TestRefusalsThatCouldNotBeSummarizedAreCountedWithTheNext(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Questions = 1 })
	store := vbOver(t, h)
	broken := false
	store.before = func(moderation.Change) error {
		if broken {
			return fmt.Errorf("disk full: %w", audit.ErrNotWritten)
		}
		return nil
	}
	h.open(t)
	refuse := func(n int) {
		for range n {
			_, err := h.guard.Do(t.Context(), suspend("stranger", "@one", h.key()))
			wantCode(t, err, moderation.CodeNoRule)
		}
	}
	refuse(11)
	h.clock.pass(time.Minute)
	broken = true
	refuse(1)
	broken = false
	h.clock.pass(time.Minute)
	refuse(1)
	var counted int64
	for _, r := range h.sink.Records() {
		if r.Event == audit.EventRefusals {
			counted += r.Outcome.Count
		}
	}
	if counted < 10 {
		t.Errorf("%d refusals were counted, want the 10 whose summary could not be written at first", counted)
	}
}

// Whoever floods the guard must not fill the trail, whatever he floods it with.
func TestTrailIsBoundedUnderAFlood(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		flood func(h *vbHost, ticket moderation.Ticket, i int) error
	}{
		{"of requests by one who may not", func(h *vbHost, _ moderation.Ticket, i int) error {
			_, err := h.guard.Do(ctx, suspend("stranger", "@one", fmt.Sprint(i)))
			return err
		}},
		{"of logins that are made up", func(h *vbHost, _ moderation.Ticket, i int) error {
			_, err := h.guard.Do(ctx, suspend(fmt.Sprint("made-up-", i), "@one", "k"))
			return err
		}},
		{"of malformed requests under made-up logins", func(h *vbHost, _ moderation.Ticket, i int) error {
			_, err := h.guard.Do(ctx, moderation.Action{Actor: fmt.Sprint("made-up-", i), Key: "k"})
			return err
		}},
		{"of approvals with a wrong digest", func(h *vbHost, ticket moderation.Ticket, _ int) error {
			ticket.Digest[0] ^= 1
			_, err := h.guard.Approve(ctx, h.review(ticket, "lead"))
			return err
		}},
		{"of approvals of tickets that do not exist", func(h *vbHost, ticket moderation.Ticket, i int) error {
			ticket.ID = fmt.Sprint("made-up-", i)
			_, err := h.guard.Approve(ctx, h.review(ticket, "lead"))
			return err
		}},
		{"of approvals under logins that are made up", func(h *vbHost, ticket moderation.Ticket, i int) error {
			_, err := h.guard.Approve(ctx, h.review(ticket, fmt.Sprint("made-up-", i)))
			return err
		}},
		{"of reads under logins that are made up", func(h *vbHost, ticket moderation.Ticket, i int) error {
			_, err := h.guard.Ticket(ctx, fmt.Sprint("made-up-", i), ticket.ID)
			return err
		}},
		{"of tickets to read that are made up, under logins that are too", func(h *vbHost, _ moderation.Ticket, i int) error {
			_, err := h.guard.Ticket(ctx, fmt.Sprint("made-up-", i), fmt.Sprint("no-", i))
			return err
		}},
		{"of wrong resolutions", func(h *vbHost, ticket moderation.Ticket, _ int) error {
			_, err := h.guard.Resolve(ctx, moderation.Resolution{Ticket: ticket.ID, Actor: "lead", Found: moderation.ProbeApplied, Reason: "x"})
			return err
		}},
		{"of revocations by one who may not", func(h *vbHost, _ moderation.Ticket, _ int) error {
			_, err := h.guard.Revoke(ctx, moderation.Revocation{Person: "p-mod", Actor: "mod", Reason: "x"})
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t, func(h *vbHost) { h.config.Questions = 10 })
			ticket := h.asks("mod", "@vip")
			for i := range 300 {
				if err := tc.flood(h, ticket, i); !errors.Is(err, moderation.ErrRefused) {
					t.Fatalf("got %v, want a refusal", err)
				}
			}
			if n := len(h.sink.Records()); n > 1+10 {
				t.Errorf("%d records of 300 refusals, want 10 and the request", n)
			}
		})
	}
}

// A ticket that waits for days for a busy target must not write for days.
func TestWaitingIsRecordedOnceForEachReason(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	blocked := h.asks("mod2", "@one")
	h.approves(blocked, "lead")
	h.rule(moderation.StepRequest, "standard", moderation.Requirement{Quorum: moderation.Quorum{None: true}})
	busy := h.unknownTicket(true)
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	for range 100 {
		h.advances(blocked, moderation.StatusHeld)
		h.clock.pass(time.Second)
	}
	if n := h.count(audit.EventHeld); n != 1 {
		t.Errorf("%d records of being held for one reason, want 1", n)
	}
	if _, err := h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: busy.ID, Actor: "lead3", Found: moderation.ProbeNotApplied, Reason: "looked"}); err != nil {
		t.Fatal(err)
	}
	h.clock.pass(time.Second)
	h.advances(blocked, moderation.StatusExecuted)
}

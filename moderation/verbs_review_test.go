package moderation_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// reviewRefusals are those that Approve and Reject share. The ticket is mod's,
// on a protected account, unless a row asks for another one.
var reviewRefusals = []struct {
	name  string
	by    string
	asked func(h *vbHost) moderation.Ticket
	setUp func(h *vbHost, t *moderation.Ticket)
	want  moderation.Code
}{
	{name: "the requester", by: "mod", want: moderation.CodeOwnRequest,
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.holds("mod", "lead") }},
	{name: "the requester by a second login", by: "mod-alt", want: moderation.CodeOwnRequest},
	{name: "the person behind the service that asked", by: "mod", want: moderation.CodeOwnRequest,
		asked: func(h *vbHost) moderation.Ticket { return h.asks("bot", "@vip") },
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.holds("mod", "lead") }},
	{name: "a second login of the person behind the service that asked", by: "mod-alt", want: moderation.CodeOwnRequest,
		asked: func(h *vbHost) moderation.Ticket { return h.asks("bot", "@vip") }},
	{name: "a service of the requester", by: "bot", want: moderation.CodeService,
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.holds("bot", "lead") }},
	{name: "any service, whatever its role", by: "robot", want: moderation.CodeService},
	{name: "a member of the team whose service asked", by: "lead2", want: moderation.CodeOwnRequest,
		asked: func(h *vbHost) moderation.Ticket { return h.asks("helpdesk", "@vip") }},
	{name: "who has left that team since", by: "lead2", want: moderation.CodeOwnRequest,
		asked: func(h *vbHost) moderation.Ticket { return h.asks("helpdesk", "@vip") },
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.directory.SetActor(vbService("helpdesk", "p-mod2", "p-mod2")) }},
	{name: "who has joined that team since", by: "lead", want: moderation.CodeOwnRequest,
		asked: func(h *vbHost) moderation.Ticket { return h.asks("helpdesk", "@vip") },
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.directory.SetActor(vbService("helpdesk", "p-mod2", "p-mod2", "p-lead2", "p-lead"))
		}},
	{name: "the target's owner", by: "lead", want: moderation.CodeSelf,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }, "@vip")
		}},
	{name: "the target's owner by a second login", by: "lead-alt", want: moderation.CodeSelf,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }, "@vip")
		}},
	{name: "who has a conflict of interest", by: "lead", want: moderation.CodeConflictOf,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead"} }, "@vip")
		}},
	{name: "a leaver", by: "leaver", want: moderation.CodeLeaving},
	{name: "who is suspended", by: "lead", want: moderation.CodeInactive,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Status = moderation.Suspended })
		}},
	{name: "who has departed", by: "lead", want: moderation.CodeInactive,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}},
	{name: "whose last day is over", by: "gone", want: moderation.CodePastLastDay,
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.holds("gone", "lead") }},
	{name: "whose last day ends this very moment", by: "lead", want: moderation.CodePastLastDay,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read()) })
		}},
	{name: "a login that nobody knows", by: "nobody", want: moderation.CodeUnknownActor},
	{name: "who holds no role", by: "stranger", want: moderation.CodeNoRule},
	{name: "who lost the role", by: "lead", want: moderation.CodeNoRule,
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.holds("lead") }},
	{name: "who holds a role that may approve but is not asked for", by: "director", want: moderation.CodeNotEligible},
	{name: "whom the policy denies it", by: "lead", want: moderation.CodeDenied,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepApprove && q.Actor.Login == "lead" })
		}},
	{name: "another ticket's digest", by: "lead", want: moderation.CodeDigest,
		setUp: func(h *vbHost, t *moderation.Ticket) { t.Digest = h.asks("mod2", "@vip").Digest }},
	{name: "a digest with one bit changed", by: "lead", want: moderation.CodeDigest,
		setUp: func(_ *vbHost, t *moderation.Ticket) { t.Digest[31] ^= 1 }},
	{name: "no digest", by: "lead", want: moderation.CodeInvalid,
		setUp: func(_ *vbHost, t *moderation.Ticket) { t.Digest = moderation.Digest{} }},
	{name: "a ticket that does not exist", by: "lead", want: moderation.CodeNoTicket,
		setUp: func(_ *vbHost, t *moderation.Ticket) { t.ID = "made-up" }},
	{name: "a second time", by: "lead", want: moderation.CodeAlreadyCounted,
		setUp: func(h *vbHost, t *moderation.Ticket) { h.approves(*t, "lead") }},
	{name: "a second time by a second login", by: "lead-alt", want: moderation.CodeAlreadyCounted,
		setUp: func(h *vbHost, t *moderation.Ticket) { h.approves(*t, "lead") }},
	{name: "a second time by a login that became the same person's", by: "lead3", want: moderation.CodeAlreadyCounted,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			h.approves(*t, "lead")
			h.change("lead3", func(a *moderation.Actor) { a.Person = "p-lead" })
		}},
	{name: "a second time by a login that was another person's then", by: "lead", want: moderation.CodeAlreadyCounted,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			h.approves(*t, "lead")
			h.change("lead", func(a *moderation.Actor) { a.Person = "p-new" })
		}},
	{name: "at the deadline", by: "lead", want: moderation.CodeTooLate,
		setUp: func(h *vbHost, _ *moderation.Ticket) { h.clock.pass(24 * time.Hour) }},
	{name: "at the deadline of then, though the policy gives more time now", by: "lead", want: moderation.CodeTooLate,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			longer := twoLeads()
			longer.Deadline = 48 * time.Hour
			h.rule(moderation.StepRequest, "protected", longer)
			h.clock.pass(24 * time.Hour)
		}},
	{name: "at the deadline of now, though the policy gave more time then", by: "lead", want: moderation.CodeTooLate,
		setUp: func(h *vbHost, _ *moderation.Ticket) {
			shorter := twoLeads()
			shorter.Deadline = time.Hour
			h.rule(moderation.StepRequest, "protected", shorter)
			h.clock.pass(time.Hour)
		}},
	{name: "a held ticket", by: "lead3", want: moderation.CodeNotOpen,
		setUp: func(h *vbHost, t *moderation.Ticket) { h.approves(*t, "lead", "lead2") }},
	{name: "an executed ticket", by: "lead3", want: moderation.CodeNotOpen,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			h.approves(*t, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			h.advances(*t, moderation.StatusExecuted)
		}},
	{name: "a cancelled ticket", by: "lead", want: moderation.CodeNotOpen,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			if _, err := h.guard.Cancel(h.t.Context(), moderation.CancelRequest{Ticket: t.ID, Actor: "mod", Reason: "no"}); err != nil {
				h.t.Fatal(err)
			}
		}},
	{name: "a rejected ticket", by: "lead", want: moderation.CodeNotOpen,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			if _, err := h.guard.Reject(h.t.Context(), h.review(*t, "lead2")); err != nil {
				h.t.Fatal(err)
			}
		}},
	{name: "a ticket that timed out", by: "lead", want: moderation.CodeNotOpen,
		setUp: func(h *vbHost, t *moderation.Ticket) {
			h.clock.pass(24 * time.Hour)
			h.advances(*t, moderation.StatusTimedOut)
		}},
	{name: "who was barred by a rejection", by: "lead", want: moderation.CodeNeedsOthers,
		asked: func(h *vbHost) moderation.Ticket {
			if _, err := h.guard.Reject(h.t.Context(), h.review(h.asks("mod", "@vip"), "lead")); err != nil {
				h.t.Fatal(err)
			}
			return h.asks("mod", "@vip")
		}},
	{name: "who was barred by a rejection, by a second login", by: "lead-alt", want: moderation.CodeNeedsOthers,
		asked: func(h *vbHost) moderation.Ticket {
			if _, err := h.guard.Reject(h.t.Context(), h.review(h.asks("mod", "@vip"), "lead")); err != nil {
				h.t.Fatal(err)
			}
			return h.asks("mod2", "@vip")
		}},
}

func TestReviewRefuses(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"Approve", "Reject"} {
		for _, tc := range reviewRefusals {
			t.Run(verb+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				h := vbOpen(t)
				asked := tc.asked
				if asked == nil {
					asked = func(h *vbHost) moderation.Ticket { return h.asks("mod", "@vip") }
				}
				ticket := asked(h)
				if tc.setUp != nil {
					tc.setUp(h, &ticket)
				}
				before, calls := h.snapshot(ticket.ID), h.calls()
				review := h.guard.Approve
				if verb == "Reject" {
					review = h.guard.Reject
				}
				got, err := review(t.Context(), h.review(ticket, tc.by))
				wantCode(t, err, tc.want)
				if diff := cmp.Diff(moderation.Ticket{}, got); diff != "" {
					t.Errorf("a ticket came back with the refusal:\n%s", diff)
				}
				if diff := cmp.Diff(before, h.snapshot(ticket.ID)); diff != "" {
					t.Errorf("the ticket changed (-before +after):\n%s", diff)
				}
				h.wantCalls(calls)
				records := h.sink.Records()
				last := records[len(records)-1]
				if last.Event != audit.EventRefused || last.Actor.Login != tc.by || last.Decision.Code != string(tc.want) {
					t.Errorf("the last record is %s of %q with code %s", last.Event, last.Actor.Login, last.Decision.Code)
				}
			})
		}
	}
}

// snapshot is the ticket as the store has it, read in nobody's name.
func (h *vbHost) snapshot(id string) moderation.Ticket {
	h.t.Helper()
	store, err := moderation.NewMemoryStore(h.t.Context(), h.sink)
	if err != nil {
		h.t.Fatal(err)
	}
	ticket, err := store.Ticket(h.t.Context(), id)
	if err != nil && !errors.Is(err, moderation.ErrNoTicket) {
		h.t.Fatal(err)
	}
	return ticket
}

func TestRejectEndsATicketWithItsReason(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead")
	r := h.review(ticket, "lead2")
	r.Reason = ""
	_, err := h.guard.Reject(t.Context(), r)
	wantCode(t, err, moderation.CodeInvalid)
	r.Reason = "not spam at all"
	got, err := h.guard.Reject(t.Context(), r)
	if err != nil || got.Status != moderation.StatusRejected || got.Note != r.Reason || !got.Due.IsZero() {
		t.Errorf("Reject: %s, note %q, due %v, %v", got.Status, got.Note, got.Due, err)
	}
	records := h.sink.Records()
	last := records[len(records)-1]
	if last.Event != audit.EventRejected || last.Reason != r.Reason || last.Actor.Person != "p-lead2" {
		t.Errorf("record: %s by %q because of %q", last.Event, last.Actor.Person, last.Reason)
	}
	h.clock.pass(time.Hour)
	h.advances(ticket, moderation.StatusRejected)
	h.wantCalls(0)
}

func TestRejectIsBudgeted(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
		return moderation.Usage{Allowed: c.Step != moderation.StepReject, RetryAfter: time.Minute}, nil
	})
	ticket := h.asks("mod", "@vip")
	_, err := h.guard.Reject(t.Context(), h.review(ticket, "lead"))
	if r := wantCode(t, err, moderation.CodeLimited); r.RetryAfter != time.Minute {
		t.Errorf("retry after %v", r.RetryAfter)
	}
	h.wantStatus(ticket, moderation.StatusPending)
	var charged []moderation.Charge
	for _, c := range h.limiter.OnTake.Calls() {
		if c.Step == moderation.StepReject {
			charged = append(charged, c)
		}
	}
	if len(charged) != 1 || charged[0].Person != "p-lead" || charged[0].Actor != "lead" {
		t.Errorf("charged: %+v", charged)
	}
}

func TestRejectNeedsTheRightToReject(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepReject })
	ticket := h.asks("mod", "@vip")
	_, err := h.guard.Reject(t.Context(), h.review(ticket, "lead"))
	wantCode(t, err, moderation.CodeDenied)
	h.approves(ticket, "lead")
}

func TestSlotsAreFilledByTheBestMatching(t *testing.T) {
	t.Parallel()
	either, director, lead := moderation.Slot{"lead", "director"}, moderation.Slot{"director"}, moderation.Slot{"lead"}
	for _, tc := range []struct {
		name  string
		slots []moderation.Slot
		by    []string // who approve, in this order; a ! before who must be refused
		want  moderation.Status
	}{
		{"a director in the wider slot does not keep the next one out", []moderation.Slot{either, director}, []string{"director", "lead"}, moderation.StatusHeld},
		{"whoever holds both roles moves to where there is need", []moderation.Slot{lead, director}, []string{"boss", "lead"}, moderation.StatusHeld},
		{"and the other way round", []moderation.Slot{lead, director}, []string{"boss", "director"}, moderation.StatusHeld},
		{"one person with both roles fills one slot", []moderation.Slot{lead, director}, []string{"boss", "!boss"}, moderation.StatusPending},
		{"two leads do not make a director", []moderation.Slot{either, director}, []string{"lead", "!lead2"}, moderation.StatusPending},
		{"a chain of three moves", []moderation.Slot{{"lead", "director"}, {"lead", "moderator"}, {"moderator", "director"}}, []string{"director", "lead", "lead2"}, moderation.StatusHeld},
		{"nobody fills a slot twice over two logins", []moderation.Slot{lead, lead}, []string{"lead", "!lead-alt"}, moderation.StatusPending},
		{"everyone with the right fills any slot", []moderation.Slot{{"*"}, {"*"}}, []string{"director", "lead"}, moderation.StatusHeld},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepRequest, "protected", vbNeeds(0, tc.slots...))
			ticket := h.asks("mod", "@vip")
			for _, login := range tc.by {
				if login[0] != '!' {
					h.approves(ticket, login)
					continue
				}
				if _, err := h.tryApprove(ticket, login[1:]); !errors.Is(err, moderation.ErrDenied) {
					t.Fatalf("approval by %s: %v, want a refusal", login[1:], err)
				}
			}
			h.wantStatus(ticket, tc.want)
			if tc.want == moderation.StatusHeld {
				h.advances(ticket, moderation.StatusExecuted)
				return
			}
			h.advances(ticket, moderation.StatusPending)
			h.wantCalls(0)
		})
	}
}

func TestManyApproversRaceForOneSlotAndOneCounts(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	const racers = 32
	for i := range racers {
		h.directory.SetActor(vbHuman(fmt.Sprintf("racer-%d", i), fmt.Sprintf("p-racer-%d", i)))
		h.holds(fmt.Sprintf("racer-%d", i), "lead")
	}
	ticket := h.asks("mod", "@vip")
	var counted atomic.Int64
	vbTogether(racers, func(i int) {
		_, err := h.tryApprove(ticket, fmt.Sprintf("racer-%d", i))
		switch {
		case err == nil:
			counted.Add(1)
		case !errors.Is(err, moderation.ErrConflicting):
			t.Errorf("racer %d: %v", i, err)
		}
	})
	got := h.wantStatus(ticket, moderation.StatusHeld)
	if counted.Load() != 1 || len(got.Reviews) != 1 || h.count(audit.EventApproved) != 1 {
		t.Errorf("%d approvals were answered with nil, %d are on the ticket, %d on the trail", counted.Load(), len(got.Reviews), h.count(audit.EventApproved))
	}
	h.advances(ticket, moderation.StatusExecuted)
}

func TestApprovalAtTheSameMomentAsAnotherCountsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := vbOpen(t)
		h.config.Audit = vbDisk{h.sink}
		h.open(t)
		ticket := h.asks("mod", "@vip")
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i, login := range []string{"lead", "lead2"} {
			both.Go(func() { _, errs[i] = h.tryApprove(ticket, login) })
		}
		both.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("two approvals for two slots: %v", err)
		}
		h.wantStatus(ticket, moderation.StatusHeld)
	})
}

func TestTicketCanBeCancelledAndApprovedAtOnceButNotBoth(t *testing.T) {
	t.Parallel()
	for range 20 {
		h := vbOpen(t)
		h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
		ticket := h.asks("mod", "@vip")
		var cancelled error
		vbTogether(3, func(i int) {
			switch i {
			case 0:
				_, _ = h.tryApprove(ticket, "lead")
			case 1:
				_, cancelled = h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: ticket.ID, Actor: "mod", Reason: "no"})
			case 2:
				_, _ = h.guard.Advance(t.Context(), ticket.ID)
			}
		})
		_, _ = h.guard.Advance(t.Context(), ticket.ID)
		got := h.shows(ticket)
		if (cancelled == nil) != (got.Status == moderation.StatusCancelled) || cancelled == nil && h.calls() > 0 {
			t.Fatalf("Cancel said %v, the ticket is %s after %d handler calls", cancelled, got.Status, h.calls())
		}
	}
}

func TestAskingAgainSoonAfterARejectionNeedsOneMoreAndOthers(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	first := h.asks("mod", "@vip")
	if _, err := h.guard.Reject(t.Context(), h.review(first, "lead")); err != nil {
		t.Fatal(err)
	}
	h.clock.pass(23 * time.Hour)
	h.restart()
	second := h.asks("mod2", "@vip")
	if diff := cmp.Diff([]any{first.ID, []string{"p-lead"}, 2}, []any{second.After, second.Barred, len(second.Open)}); diff != "" {
		t.Errorf("after, barred and open slots of the second request (-want +got):\n%s", diff)
	}
	_, err := h.tryApprove(second, "lead")
	wantCode(t, err, moderation.CodeNeedsOthers)
	h.approves(second, "director") // the further slot takes anyone with the right
	h.advances(second, moderation.StatusPending)
	if _, err := h.guard.Reject(t.Context(), h.review(second, "lead2")); err != nil {
		t.Fatal(err)
	}
	third := h.asks("mod2", "@vip")
	if diff := cmp.Diff([]string{"p-lead", "p-lead2"}, third.Barred); diff != "" {
		t.Errorf("barred after the second rejection (-want +got):\n%s", diff)
	}
	h.clock.pass(24 * time.Hour)
	if fourth := h.asks("mod3", "@vip"); fourth.After != "" || len(fourth.Open) != 1 {
		t.Errorf("a day later: after %q, open %v", fourth.After, fourth.Open)
	}
}

func TestAskingAgainSoonAfterAnUndoNeedsAnApproverWhoTookNoPart(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	first := h.does(suspend("lead", "@one", ""))
	h.undoes(first, "mod2")
	again := h.asks("mod", "@one")
	if again.After != first.ID {
		t.Errorf("after %q, want %q", again.After, first.ID)
	}
	_, err := h.tryApprove(again, "lead")
	wantCode(t, err, moderation.CodeNeedsOthers)
	_, err = h.tryApprove(again, "lead-alt")
	wantCode(t, err, moderation.CodeNeedsOthers)
	h.approves(again, "lead2")
	h.advances(again, moderation.StatusExecuted)
	h.wantForce("acct-1", again)
}

package moderation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

func (h *vbHost) tryRevoke(person, by string) (moderation.Revoked, error) {
	return h.guard.Revoke(h.t.Context(), moderation.Revocation{Person: person, Actor: by, Reason: "account was stolen"})
}

// vbIDs returns the IDs of tickets, sorted: what was asked for at the same
// moment has no other order.
func vbIDs(tickets []moderation.Ticket) []string {
	ids := []string{}
	for _, t := range tickets {
		ids = append(ids, t.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestRevokeVoidsWhatAPersonAskedAndApprovedAndListsWhatStands(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.holds("mod", "moderator", "lead")
	old := h.does(moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@two", Reason: "spam"})
	h.clock.pass(24 * time.Hour)
	executed := h.does(suspend("mod", "@one", ""))
	byBot := h.does(moderation.Action{Kind: moderation.Limit, Actor: "bot", Target: "@one", Reason: "spam"})
	undone := h.does(suspend("mod", "@two", ""))
	tookBack := h.undoes(undone, "mod") // to be looked at too
	pending, held := h.asks("mod", "@vip"), h.asks("mod-alt", "@vip")
	h.approves(held, "lead", "lead2")
	approved, waiting := h.asks("mod2", "@vip"), h.asks("mod3", "@vip")
	h.approves(approved, "mod-alt", "lead")
	h.approves(waiting, "mod")
	untouched := h.asks("mod2", "@vip")
	h.approves(untouched, "lead")

	got, err := h.tryRevoke("p-mod", "boss")
	if err != nil {
		t.Fatal(err)
	}
	for what, ids := range map[string][2][]string{
		"cancelled": {vbIDs([]moderation.Ticket{pending, held}), vbIDs(got.Cancelled)},
		"voided":    {vbIDs([]moderation.Ticket{approved, waiting}), vbIDs(got.Voided)},
		"executed":  {vbIDs([]moderation.Ticket{executed, byBot, tookBack}), vbIDs(got.Executed)},
	} {
		if diff := cmp.Diff(ids[0], ids[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for _, ticket := range []moderation.Ticket{pending, held} {
		if got := h.wantStatus(ticket, moderation.StatusCancelled); got.Note != "account was stolen" {
			t.Errorf("note %q", got.Note)
		}
	}
	for _, ticket := range []moderation.Ticket{approved, waiting} {
		got := h.wantStatus(ticket, moderation.StatusPending)
		if !strings.Contains(got.Reviews[0].Void, "account was stolen") {
			t.Errorf("the review was voided because %q", got.Reviews[0].Void)
		}
	}
	if got := h.wantStatus(untouched, moderation.StatusPending); got.Reviews[0].Void != "" {
		t.Errorf("an approval of another person was voided: %q", got.Reviews[0].Void)
	}
	h.wantStatus(old, moderation.StatusExecuted)
	h.approves(approved, "lead2")
	h.clock.pass(10 * time.Minute)
	h.advances(approved, moderation.StatusExecuted)
}

func TestRevokeRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		r    moderation.Revocation
		want moderation.Code
	}{
		{"one without the right", moderation.Revocation{Person: "p-mod", Actor: "mod2", Reason: "x"}, moderation.CodeNoRule},
		{"one whose last day is over", moderation.Revocation{Person: "p-mod", Actor: "gone", Reason: "x"}, moderation.CodePastLastDay},
		{"one who is not known", moderation.Revocation{Person: "p-mod", Actor: "nobody", Reason: "x"}, moderation.CodeUnknownActor},
		{"no person", moderation.Revocation{Actor: "lead", Reason: "x"}, moderation.CodeInvalid},
		{"no actor", moderation.Revocation{Person: "p-mod", Reason: "x"}, moderation.CodeInvalid},
		{"no reason", moderation.Revocation{Person: "p-mod", Actor: "lead"}, moderation.CodeInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			_, err := h.guard.Revoke(t.Context(), tc.r)
			wantCode(t, err, tc.want)
			h.wantStatus(ticket, moderation.StatusPending)
			if n := h.count(audit.EventRefused); n != 1 {
				t.Errorf("%d refusals on the trail, want 1", n)
			}
		})
	}
}

func TestRevokeFindsWhatIsExecutedWhileItRuns(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	store := vbOver(t, h)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	h.open(t)
	first, second := h.asks("mod", "@vip"), moderation.Ticket{}
	h.clock.pass(time.Second)
	a := suspend("mod", "@one", h.key())
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	second, err := h.guard.Do(t.Context(), a)
	wantPending(t, err)
	h.approves(second, "lead")
	store.before = func(c moderation.Change) error {
		if len(c.Tickets) > 0 && c.Tickets[0].ID == first.ID && c.Tickets[0].Status == moderation.StatusCancelled {
			h.advances(second, moderation.StatusExecuted)
		}
		return nil
	}
	got, err := h.tryRevoke("p-mod", "boss")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{first.ID}, {second.ID}}, [][]string{vbIDs(got.Cancelled), vbIDs(got.Executed)}); diff != "" {
		t.Errorf("cancelled and executed (-want +got):\n%s", diff)
	}
}

func TestRevokeListsWhatMayHaveBeenExecuted(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	unknown := h.unknownTicket(true)
	got, err := h.tryRevoke("p-mod", "boss")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{unknown.ID}, vbIDs(got.Executed)); diff != "" {
		t.Errorf("executed, or perhaps executed (-want +got):\n%s", diff)
	}
}

func TestRevokeDoesNotSayThatAllWasVoidedWhereItWasNot(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"lost races": moderation.ErrConflict, "not written": fmt.Errorf("disk full: %w", audit.ErrNotWritten)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			store := vbOver(t, h)
			h.open(t)
			stuck, other := h.asks("mod", "@vip"), h.asks("mod", "@vip")
			store.before = func(c moderation.Change) error {
				if len(c.Tickets) > 0 && c.Tickets[0].ID == stuck.ID {
					return fault
				}
				return nil
			}
			got, err := h.tryRevoke("p-mod", "boss")
			if err == nil || !errors.Is(err, moderation.ErrRefused) {
				t.Errorf("Revoke: %v, want an error, since ticket %s still waits", err, stuck.ID)
			}
			if diff := cmp.Diff([]string{other.ID}, vbIDs(got.Cancelled)); diff != "" {
				t.Errorf("cancelled all the same (-want +got):\n%s", diff)
			}
			h.wantStatus(stuck, moderation.StatusPending)
		})
	}
}

func TestRevokeTwiceChangesNothingTheSecondTime(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod2", "@vip")
	h.approves(ticket, "lead", "lead2")
	if _, err := h.tryRevoke("p-lead", "boss"); err != nil {
		t.Fatal(err)
	}
	h.approves(ticket, "lead3")
	held := h.wantStatus(ticket, moderation.StatusHeld)
	got, err := h.tryRevoke("p-lead", "boss")
	if err != nil || len(got.Voided) != 0 {
		t.Errorf("voided again: %v, %v", vbIDs(got.Voided), err)
	}
	if again := h.wantStatus(ticket, moderation.StatusHeld); again.Revision != held.Revision {
		t.Error("the ticket changed, and its hold began anew")
	}
}

package moderation_test

import (
	"context"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Two tickets for one target are asked for at once, so that the second is
// there already when the first is rejected, or executed and undone.
func TestAskingTwiceInAdvanceIsNoWayRoundARejectionOrAnUndo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end    func(t *testing.T, w *world, first moderation.Ticket)
		barred string
	}{
		"the first is rejected": {
			end: func(t *testing.T, w *world, first moderation.Ticket) {
				r := moderation.ReviewRequest{Ticket: first.ID, Actor: "lead", Digest: first.Digest, Reason: "not spam"}
				if _, err := w.guard.Reject(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			},
			barred: "lead",
		},
		"the first is executed and undone": {
			end: func(t *testing.T, w *world, first moderation.Ticket) {
				approve(t, w, first, "lead")
				if _, err := w.guard.Advance(t.Context(), first.ID); err != nil {
					t.Fatal(err)
				}
				u := moderation.UndoRequest{Ticket: first.ID, Actor: "mod3", Reason: "wrong", Key: "u"}
				if _, err := w.guard.Undo(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			},
			barred: "lead",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			w := newWorld(t, func(w *world) { w.config.Now = func() time.Time { return now } })
			w.rules["request standard"] = moderation.Requirement{
				Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: 24 * time.Hour,
			}
			first, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
			wantPending(t, err)
			second, err := w.guard.Do(t.Context(), suspend("mod2", "@one", "k2"))
			wantPending(t, err)
			now = now.Add(time.Minute)
			tc.end(t, w, first)
			before := w.calls()
			_, err = w.guard.Approve(context.Background(), moderation.ReviewRequest{Ticket: second.ID, Actor: tc.barred, Digest: second.Digest})
			wantCode(t, err, moderation.CodeNeedsOthers)
			second = approve(t, w, second, "lead2")
			if second.Status != moderation.StatusPending || len(second.Open) != 1 {
				t.Fatalf("after the approval that sufficed when it was asked for: %s, open %v", second.Status, second.Open)
			}
			if second, err = w.guard.Advance(t.Context(), second.ID); err != nil || w.calls() != before {
				t.Fatalf("Advance: %s, %v, %d handler calls more", second.Status, err, w.calls()-before)
			}
		})
	}
}

func approve(t *testing.T, w *world, ticket moderation.Ticket, login string) moderation.Ticket {
	t.Helper()
	after, err := w.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: login, Digest: ticket.Digest})
	if err != nil {
		t.Fatal(err)
	}
	return after
}

package moderation_test

import (
	"context"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func TestHandlerMayAskTheGuardWithTheContextThatItWasGiven(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	apply := h.config.Kinds[0].Apply
	waiting := h.asks("mod", "@vip")
	var nested moderation.Ticket
	var nestedErr [4]error
	h.config.Kinds[0].Apply = func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		if p.Target == "acct-1" {
			nested, nestedErr[0] = h.guard.Do(ctx, suspend("mod", "@two", "nested"))
			_, nestedErr[1] = h.guard.Ticket(ctx, "mod", waiting.ID)
			_, nestedErr[2] = h.guard.Approve(ctx, h.review(waiting, "lead"))
			_, nestedErr[3] = h.guard.Advance(ctx, waiting.ID)
		}
		return apply(ctx, p)
	}
	h.open(t)
	outer, err := h.guard.Do(t.Context(), suspend("mod", "@one", "outer"))
	if err != nil || outer.Status != moderation.StatusExecuted {
		t.Errorf("outer action: %s, %v", outer.Status, err)
	}
	for i, err := range nestedErr {
		if err != nil {
			t.Errorf("verb %d that the handler used: %v", i, err)
		}
	}
	h.wantForce("acct-1", outer)
	h.wantForce("acct-2", nested)
}

func TestHandlerIsCancelledAtItsOwnDeadlineAndNotByTheCaller(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var alive error
	h.config.Kinds[0].Apply = func(inner context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		cancel()
		alive = inner.Err()
		if _, ok := inner.Deadline(); !ok {
			t.Error("the handler's context has no deadline")
		}
		return "", nil
	}
	h.open(t)
	got, err := h.guard.Do(ctx, suspend("mod", "@one", "k"))
	if err != nil || alive != nil || got.Status != moderation.StatusExecuted {
		t.Errorf("caller gave up while the handler ran: %s, %v; the handler's context: %v", got.Status, err, alive)
	}
}

func TestHandlerIsNotCalledAfterItsPermitHasExpired(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	vbSlowCommits(t, h, func(c moderation.Change) bool { return c.Tickets[0].Status == moderation.StatusExecuting }, time.Minute)
	h.open(t)
	_, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
	if err == nil {
		t.Error("the intent took longer than the permit lasts, and yet it was executed")
	}
	h.wantCalls(0)
}

package moderationtest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestLimiterDoubleNotesWhatItTook(t *testing.T) {
	t.Parallel()
	l := moderationtest.NewLimiter(t)
	ctx := t.Context()
	take := func(ticket string) {
		t.Helper()
		_, _ = l.Take(ctx, moderation.Charge{Ticket: ticket})
		_, _ = l.Peek(ctx, moderation.Charge{Ticket: "peek"})
	}
	take("refused")
	l.Allow()
	take("allowed")
	l.AnswerWith(func(moderation.Charge) (moderation.Usage, error) { return moderation.Usage{Allowed: true}, errBoom })
	take("error")
	l.AnswerWith(nil)
	take("refused again")
	if err := errors.Join(l.Restore(ctx, moderation.Charge{Ticket: "restored"}), l.Release(ctx, moderation.Charge{Ticket: "released"})); err != nil {
		t.Errorf("Restore and Release: %v", err)
	}
	var got []string
	for _, c := range l.Taken() {
		got = append(got, c.Ticket)
	}
	if d := cmp.Diff([]string{"allowed", "restored"}, got); d != "" {
		t.Errorf("Taken (-want +got):\n%s", d)
	}
	if released := l.OnRelease.Calls(); len(released) != 1 || released[0].Ticket != "released" {
		t.Errorf("OnRelease.Calls: got %v, want the one that was released", released)
	}
}

package moderationtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// The doubles are what they stand in for.
var (
	_ moderation.Directory  = (*moderationtest.Directory)(nil)
	_ moderation.Authorizer = (*moderationtest.Authorizer)(nil)
	_ moderation.Limiter    = (*moderationtest.Limiter)(nil)
	_ moderation.Restorer   = (*moderationtest.Limiter)(nil)
	_ moderation.Releaser   = (*moderationtest.Limiter)(nil)
	_ moderation.Store      = (*moderationtest.Store)(nil)
	_ moderation.Apply      = (*moderationtest.Handler)(nil).Apply
	_ moderation.Undo       = (*moderationtest.Handler)(nil).Undo
	_ moderation.Probe      = (*moderationtest.Handler)(nil).Probe
)

func TestZeroAndUntoldDoublesRefuse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, d := range map[string]*moderationtest.Directory{"zero": {}, "new": moderationtest.NewDirectory(t)} {
		if _, err := d.Actor(ctx, ""); !errors.Is(err, moderation.ErrUnknownActor) {
			t.Errorf("%s Directory.Actor: got %v, want ErrUnknownActor", name, err)
		}
		if _, err := d.Resolve(ctx, ""); !errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("%s Directory.Resolve: got %v, want ErrUnknownTarget", name, err)
		}
		if _, err := d.Target(ctx, ""); !errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("%s Directory.Target: got %v, want ErrUnknownTarget", name, err)
		}
		d.RemoveActor("")
		d.RemoveTarget("")
	}
	for name, a := range map[string]*moderationtest.Authorizer{"zero": {}, "new": moderationtest.NewAuthorizer(t)} {
		d, err := a.Decide(ctx, moderation.Question{})
		if err != nil || d.Allowed || d.Code != moderation.CodeNoRule || d.Policy == "" {
			t.Errorf("%s Authorizer.Decide: got %+v and %v, want a denial by no rule", name, d, err)
		}
	}
	for name, l := range map[string]*moderationtest.Limiter{"zero": {}, "new": moderationtest.NewLimiter(t)} {
		take, errTake := l.Take(ctx, moderation.Charge{})
		peek, errPeek := l.Peek(ctx, moderation.Charge{})
		if err := errors.Join(errTake, errPeek); err != nil || take.Allowed || peek.Allowed || len(l.Taken()) > 0 {
			t.Errorf("%s Limiter: got %+v, %+v and %v, want refusals", name, take, peek, err)
		}
	}
	for name, s := range map[string]*moderationtest.Store{"zero": {}, "new": moderationtest.NewStore(t, nil)} {
		_, errTicket := s.Ticket(ctx, "")
		_, errHead := s.Head(ctx, "")
		var errTickets error
		for _, errTickets = range s.Tickets(ctx, moderation.Query{}) {
			break
		}
		for what, err := range map[string]error{"Commit": s.Commit(ctx, moderation.Change{}), "Ticket": errTicket, "Tickets": errTickets, "Head": errHead} {
			if err == nil || errors.Is(err, moderation.ErrConflict) || errors.Is(err, moderation.ErrNoTicket) {
				t.Errorf("%s Store.%s: got %v, want an error of its own", name, what, err)
			}
		}
	}
	var h moderationtest.Handler
	_, errApply := h.Apply(ctx, moderation.Permit{})
	result, token, errProbe := h.Probe(ctx, moderation.Permit{Call: moderation.CallApply})
	for what, err := range map[string]error{"Apply": errApply, "Undo": h.Undo(ctx, moderation.Permit{}), "Probe": errProbe} {
		if !errors.Is(err, moderation.ErrNotApplied) {
			t.Errorf("zero Handler.%s: got %v, want ErrNotApplied", what, err)
		}
	}
	if result != "" || token != "" {
		t.Errorf("zero Handler.Probe: got %q and %q, want nothing", result, token)
	}
}

func TestDoublesAnswerNothingWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, m := range everyMethod(t) {
		if err := m.call(ctx); !errors.Is(err, context.Canceled) && m.name[:5] != "Store" {
			t.Errorf("%s with a context that is done: got %v, want its error", m.name, err)
		}
	}
}

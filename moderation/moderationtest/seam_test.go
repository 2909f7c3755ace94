package moderationtest_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// method is one method of a double.
type method struct {
	name   string
	call   func(ctx context.Context) error
	inject func(f moderationtest.Fault)
	heal   func()
	count  func() int
}

// emptyStore accepts every change and holds nothing.
type emptyStore struct{}

func (emptyStore) Commit(context.Context, moderation.Change) error { return nil }

func (emptyStore) Ticket(context.Context, string) (moderation.Ticket, error) {
	return moderation.Ticket{}, nil
}

func (emptyStore) Tickets(context.Context, moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(func(moderation.Ticket, error) bool) {}
}

func (emptyStore) Head(context.Context, string) (moderation.Head, error) {
	return moderation.Head{}, nil
}

func of[Q, A any](name string, s *moderationtest.Seam[Q, A], call func(ctx context.Context) error) method {
	return method{name, call, s.Inject, s.Heal, s.Count}
}

// everyMethod returns all methods of doubles that answer without an error.
func everyMethod(t *testing.T) []method {
	d, a, l, h := moderationtest.NewDirectory(t), moderationtest.NewAuthorizer(t), moderationtest.NewLimiter(t), moderationtest.NewHandler(t)
	s := moderationtest.NewStore(t, emptyStore{})
	d.SetActor(moderation.Actor{Login: "alice"})
	d.SetTarget(moderation.Target{ID: "42"}, "@a")
	charge, permit := moderation.Charge{}, moderation.Permit{Ticket: "1", Target: "42"}
	first := func(_ any, err error) error { return err }
	return []method{
		of("Directory.Actor", &d.OnActor, func(ctx context.Context) error { return first(d.Actor(ctx, "alice")) }),
		of("Directory.Resolve", &d.OnResolve, func(ctx context.Context) error { return first(d.Resolve(ctx, "@a")) }),
		of("Directory.Target", &d.OnTarget, func(ctx context.Context) error { return first(d.Target(ctx, "42")) }),
		of("Authorizer.Decide", &a.OnDecide, func(ctx context.Context) error { return first(a.Decide(ctx, moderation.Question{})) }),
		of("Limiter.Take", &l.OnTake, func(ctx context.Context) error { return first(l.Take(ctx, charge)) }),
		of("Limiter.Peek", &l.OnPeek, func(ctx context.Context) error { return first(l.Peek(ctx, charge)) }),
		of("Limiter.Restore", &l.OnRestore, func(ctx context.Context) error { return l.Restore(ctx, charge) }),
		of("Limiter.Release", &l.OnRelease, func(ctx context.Context) error { return l.Release(ctx, charge) }),
		of("Store.Commit", &s.OnCommit, func(ctx context.Context) error { return s.Commit(ctx, moderation.Change{}) }),
		of("Store.Ticket", &s.OnTicket, func(ctx context.Context) error { return first(s.Ticket(ctx, "1")) }),
		of("Store.Tickets", &s.OnTickets, func(ctx context.Context) error {
			for _, err := range s.Tickets(ctx, moderation.Query{}) {
				return err
			}
			return nil
		}),
		of("Store.Head", &s.OnHead, func(ctx context.Context) error { return first(s.Head(ctx, "42")) }),
		of("Handler.Apply", &h.OnApply, func(ctx context.Context) error { return first(h.Apply(ctx, permit)) }),
		of("Handler.Undo", &h.OnUndo, func(ctx context.Context) error { return h.Undo(ctx, permit) }),
		of("Handler.Probe", &h.OnProbe, func(ctx context.Context) error {
			_, _, err := h.Probe(ctx, permit)
			return err
		}),
	}
}

func TestEveryMethodHasItsSeam(t *testing.T) {
	t.Parallel()
	for _, m := range everyMethod(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if err := m.call(t.Context()); err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			m.inject(moderationtest.Fail(errBoom))
			if err := m.call(t.Context()); !errors.Is(err, errBoom) {
				t.Errorf("with a fault: got %v, want it", err)
			}
			m.heal()
			if err := m.call(t.Context()); err != nil {
				t.Errorf("healed: %v", err)
			}
			if got := m.count(); got != 3 {
				t.Errorf("Count: got %d, want 3", got)
			}
		})
	}
}

func TestSeamKeepsWhatWasAsked(t *testing.T) {
	t.Parallel()
	d := moderationtest.NewDirectory(t)
	d.OnActor.InjectAt(2, moderationtest.Fail(errBoom))
	for _, login := range []string{"a", "b", "c"} {
		_, _ = d.Actor(t.Context(), login)
	}
	got := d.OnActor.Calls()
	if d := cmp.Diff([]string{"a", "b", "c"}, got); d != "" {
		t.Errorf("Calls (-want +got):\n%s", d)
	}
	got[0] = "changed"
	if again := d.OnActor.Calls(); again[0] != "a" {
		t.Error("Calls hands out what it keeps")
	}
	if n := d.OnTarget.Count(); n != 0 {
		t.Errorf("the seam of another method counted %d calls", n)
	}
}

func TestWhichFaultIsWhichCalls(t *testing.T) {
	t.Parallel()
	d := moderationtest.NewDirectory(t)
	is := func(login string) func(string) bool { return func(l string) bool { return l == login } }
	always, bob, bobAgain, third := errors.New("always"), errors.New("bob"), errors.New("bob again"), errors.New("third")
	d.OnActor.Inject(moderationtest.Fail(always))
	d.OnActor.InjectWhen(is("bob"), moderationtest.Fail(bob))
	d.OnActor.InjectWhen(is("bob"), moderationtest.Fail(bobAgain))
	d.OnActor.InjectWhen(is("eve"), moderationtest.Fault{})
	d.OnActor.InjectAt(3, moderationtest.Fail(third))
	for i, call := range []struct {
		login string
		want  error
	}{
		{"alice", always}, {"bob", bobAgain}, {"bob", third}, {"bob", bobAgain}, {"eve", moderation.ErrUnknownActor},
	} {
		if _, err := d.Actor(t.Context(), call.login); !errors.Is(err, call.want) {
			t.Errorf("call %d, of %s: got %v, want %v", i+1, call.login, err, call.want)
		}
	}
}

func TestFaultsThatCanNeverHappenPanic(t *testing.T) {
	t.Parallel()
	aboutTargets := moderationtest.Lie(func(target moderation.Target) moderation.Target { return target })
	d := moderationtest.NewDirectory(t)
	_, _ = d.Actor(t.Context(), "alice")
	for name, inject := range map[string]func(){
		"a lie about a target, told of actors":    func() { d.OnActor.Inject(aboutTargets) },
		"the same, at a call":                     func() { d.OnActor.InjectAt(2, aboutTargets) },
		"the same, for a login":                   func() { d.OnActor.InjectWhen(func(string) bool { return true }, aboutTargets) },
		"the same, afterwards":                    func() { d.OnActor.Inject(moderationtest.After(aboutTargets)) },
		"a fault at a call that was made already": func() { d.OnActor.InjectAt(1, moderationtest.Zero()) },
		"a fault at no call":                      func() { d.OnActor.InjectAt(0, moderationtest.Zero()) },
	} {
		func() {
			defer func() {
				if v, ok := recover().(string); !ok || !strings.HasPrefix(v, "moderationtest: ") {
					t.Errorf("%s: got panic %q, want one of this package", name, v)
				}
			}()
			inject()
		}()
	}
	d.OnTarget.Inject(aboutTargets)
}

func TestSeamsCountEveryCallOfMany(t *testing.T) {
	t.Parallel()
	l := moderationtest.NewLimiter(t)
	l.Allow()
	l.OnTake.InjectAt(7, moderationtest.Fail(nil))
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() { _, _ = l.Take(t.Context(), moderation.Charge{}) })
	}
	calls.Wait()
	if n, taken := l.OnTake.Count(), len(l.Taken()); n != 50 || taken != 49 {
		t.Errorf("got %d calls and %d charges taken, want 50 and 49", n, taken)
	}
}

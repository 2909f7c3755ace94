package versions_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/policy"
)

// signals is a channel that never blocks who sends.
type signals chan error

func (s signals) send(err error) {
	select {
	case s <- err:
	default:
	}
}

func (s signals) await(tb testing.TB, what string) error {
	tb.Helper()
	select {
	case err := <-s:
		return err
	case <-time.After(20 * time.Second):
		tb.Fatalf("no %s came", what)
		return nil
	}
}

// hints returns a listener, and what it calls back and reports.
func hints(tb testing.TB, table *versions.Table) (l *versions.Listener, hinted, lost signals) {
	tb.Helper()
	hinted, lost = make(signals, 100), make(signals, 100)
	set := make(chan struct{})
	l = table.Listen(context.Background(), func(err error) {
		<-set
		lost.send(err)
	})
	tb.Cleanup(l.Close)
	if err := l.SetUpdateCallback(func(string) { hinted.send(nil) }); err != nil {
		tb.Fatal(err)
	}
	close(set)
	return l, hinted, lost
}

// listeners counts those on the house's channel.
func (h *house) listeners() int {
	return h.number(`SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND query = 'LISTEN "@_policy"'`)
}

// listening waits until there is a listener.
func (h *house) listening() {
	h.t.Helper()
	for h.listeners() == 0 && h.t.Context().Err() == nil {
	}
}

// By the hint alone: nothing is polled.
func TestHintBringsAVersionToOtherReplicas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	a := h.authorizer()
	l := h.Listen(t.Context(), func(err error) { t.Log(err) })
	defer l.Close()
	events := watch(t, a, policy.WatchConfig{Watcher: l})
	h.listening()
	h.approve(digestOf(t, amended), 1)
	h.change(constitution, amended, 1)
	if e := await(t, events, policy.EventReplaced); e.Digest != digestOf(t, amended) || !allowed(t, a, "eve") {
		t.Errorf("the event is %+v", e)
	}
}

func TestPollBringsAVersionWhoseHintIsLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	a := h.authorizer()
	events := watch(t, a, policy.WatchConfig{Every: 20 * time.Millisecond})
	await(t, events, policy.EventConfirmed)
	h.approve(digestOf(t, amended), 1)
	h.change(constitution, amended, 1)
	if e := await(t, events, policy.EventReplaced); e.Digest != digestOf(t, amended) {
		t.Errorf("the event is %+v", e)
	}
}

// A version that another replica's change brings is not taken for an edit, though
// its ticket is executed a moment later.
func TestVersionThatIsNotApprovedYetTakesForceOnceItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	a := h.authorizer()
	events := watch(t, a, policy.WatchConfig{Every: 20 * time.Millisecond})
	if err := h.Install(t.Context(), installation(t, constitution, amended, 1)); err != nil {
		t.Fatal(err)
	}
	await(t, events, policy.EventQuarantined)
	h.approve(digestOf(t, amended), 1)
	await(t, events, policy.EventReplaced)
}

func TestListenerThatLosesItsConnectionMakesAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	_, hinted, lost := hints(t, h.Table)
	h.listening()
	for range 2 {
		if n := h.number(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'LISTEN "@_policy"'`); n != 1 {
			t.Fatalf("%d listeners were ended", n)
		}
		if err := lost.await(t, "loss"); err == nil || !strings.Contains(err.Error(), "listening") {
			t.Errorf("lost: %v", err)
		}
		h.listening()
		for len(hinted) > 0 {
			<-hinted
		}
		h.must(`UPDATE @.policy_row SET place = place`)
		hinted.await(t, "hint")
	}
}

// What was missed while there was no connection is looked for: the new one is a
// hint by itself.
func TestNewConnectionIsAHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	_, hinted, lost := hints(t, h.Table)
	h.listening()
	for len(hinted) > 0 {
		<-hinted
	}
	h.must(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN "@_policy"'`)
	lost.await(t, "loss")
	hinted.await(t, "hint")
}

func TestUpdateHintsToAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	one, oneHinted, _ := hints(t, h.Table)
	_, twoHinted, _ := hints(t, h.open())
	for h.listeners() < 2 {
	}
	for _, s := range []signals{oneHinted, twoHinted} {
		for len(s) > 0 {
			<-s
		}
	}
	if err := one.Update(); err != nil {
		t.Fatal(err)
	}
	oneHinted.await(t, "hint")
	twoHinted.await(t, "hint")
}

func TestCallbackThatPanicsIsToldOfAndCalledAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	l, _, lost := hints(t, h.Table)
	if err := l.SetUpdateCallback(func(string) { panic("boom") }); err != nil {
		t.Fatal(err)
	}
	h.listening()
	for range 2 {
		h.must(`UPDATE @.policy_row SET place = place`)
		if err := lost.await(t, "panic"); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("lost: %v", err)
		}
	}
}

func TestListenerEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	l, _, _ := hints(t, h.Table)
	h.listening()
	l.Close()
	l.Close()
	for h.listeners() > 0 && t.Context().Err() == nil { // the server notices a little later
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := h.Listen(ctx, nil)
	cancel()
	ended.Close()

	var none *versions.Listener
	for name, l := range map[string]*versions.Listener{"nil": none, "zero": {}} {
		if l.SetUpdateCallback(func(string) {}) == nil || l.Update() == nil {
			t.Errorf("a %s Listener takes a callback or updates", name)
		}
		l.Close()
	}
	if err := ended.SetUpdateCallback(nil); err == nil {
		t.Error("a callback of nil was taken")
	}
	told := make(signals, 1)
	new(versions.Table).Listen(t.Context(), told.send).Close()
	if len(told) != 1 {
		t.Error("a Table that was not opened is listened to in silence")
	}
}

// A database that does not answer is bounded by the context, and what was in force
// stays so.
func TestDatabaseThatHangsIsGivenUpOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	way := newProxy(t, server.Addr())
	dsn := h.pool.Config().ConnString()
	dsn = strings.Replace(dsn, server.Addr(), way.listener.Addr().String(), 1)
	direct := h.pool
	h.pool = server.Connect(t, dsn)
	h.Table = h.open()
	a := h.authorizer(func(c *policy.Config) { c.Source = h.Table })
	way.hang(true)
	for verb, do := range map[string]func(ctx context.Context) error{
		"Load":     func(ctx context.Context) error { _, err := h.Load(ctx); return err },
		"Revision": func(ctx context.Context) error { _, err := h.Revision(ctx); return err },
		"Install":  func(ctx context.Context) error { return h.Install(ctx, installation(t, constitution, amended, 1)) },
		"Bootstrap": func(ctx context.Context) error {
			return h.Bootstrap(ctx, load(t, constitution), digestOf(t, constitution))
		},
		"Restore": func(ctx context.Context) error { return h.Restore(ctx, h, "", rowsOf(t, constitution)) },
		"Save": func(ctx context.Context) error {
			return h.Proposals().Save(ctx, digestOf(t, amended), rowsOf(t, amended))
		},
		"Reload": func(ctx context.Context) error { return a.Reload(ctx) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want that it took too long", verb, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", verb, took)
		}
		cancel()
	}
	if !allowed(t, a, "ann") {
		t.Error("the version in force is gone")
	}
	events := watch(t, a, policy.WatchConfig{Every: 20 * time.Millisecond, LoadTimeout: 50 * time.Millisecond})
	if e := await(t, events, policy.EventFailed); e.Err == nil {
		t.Errorf("the event is %+v", e)
	}
	way.hang(false)
	way.cut()
	await(t, events, policy.EventConfirmed)
	h.pool = direct
	h.holds(constitution, "after the outage")
}

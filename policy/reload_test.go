package policy_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func openSource(t *testing.T, text string, maxStaleness time.Duration) (*policy.Authorizer, *source) {
	t.Helper()
	s := new(source)
	s.setText(text)
	c := config("")
	c.Source, c.MaxStaleness = s, maxStaleness
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}

func TestReloadTakesForceWhole(t *testing.T) {
	t.Parallel()
	a, s := openSource(t, base, 0)
	before := a.Digest()
	s.setText(strings.Replace(base, "g, ann, mod", "g, bob, mod", 1))
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if allowed(t, a, ask("ann")) || !allowed(t, a, ask("bob")) || a.Digest() == before {
		t.Error("the new version is not in force")
	}
}

// Casbin forgets its roles when a load fails, and denials with them.
func TestFailedReloadKeepsTheLastVersionWhole(t *testing.T) {
	t.Parallel()
	a, s := openSource(t, base+"p, barred, request, *, *, *, deny\ng, ann, barred, *, -, -\n", 0)
	before := a.Digest()
	for _, tc := range []struct {
		name string
		load func(context.Context) ([]policy.Row, error)
		want string
	}{
		{"fails", func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") }, "boom"},
		{"panics", func(context.Context) ([]policy.Row, error) { panic("boom") }, "boom"},
		{"is empty", policy.CSV("policy.csv", "").Load, "empty"},
		{"is malformed", policy.CSV("policy.csv", base+"p, mod\n").Load, "policy.csv:15"},
		{"allows nothing", policy.CSV("policy.csv", "g, ann, mod, *, -, -").Load, "allows nothing"},
	} {
		s.set(tc.load)
		err := a.Reload(t.Context())
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: reload failed and the version loaded at ") {
			t.Errorf("a source that %s: Reload: %v", tc.name, err)
		}
		if d := decide(t, a, ask("ann")); d.Allowed || d.Code != moderation.CodeDenied || a.Digest() != before {
			t.Errorf("a source that %s: decision %+v", tc.name, d)
		}
		if !allowed(t, a, ask("lea")) {
			t.Errorf("a source that %s: what was allowed is allowed no more", tc.name)
		}
	}
}

func TestReloadWithContextThatIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		release := make(chan struct{})
		s.set(func(context.Context) ([]policy.Row, error) {
			<-release
			return policy.CSV("policy.csv", base).Load(context.Background())
		})
		slow := make(chan error)
		go func() { slow <- a.Reload(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another load is under way") {
			t.Errorf("Reload behind a slow one: %v", err)
		}
		if !allowed(t, a, ask("ann")) {
			t.Error("a decision waits for a reload")
		}
		close(release)
		if err := <-slow; err != nil {
			t.Errorf("the slow Reload: %v", err)
		}
	})
}

// A load that began earlier does not bring back what a later one replaced.
func TestReloadsDoNotOvertake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		version, calls := base, 0
		s.set(func(ctx context.Context) ([]policy.Row, error) {
			text := version
			if calls++; calls == 1 {
				time.Sleep(time.Hour) // the first to read is the last to answer
			}
			return policy.CSV("policy.csv", text).Load(ctx)
		})
		var group sync.WaitGroup
		group.Go(func() { _ = a.Reload(t.Context()) })
		synctest.Wait()
		version = strings.Replace(base, "g, ann, mod", "g, bob, mod", 1)
		group.Go(func() { _ = a.Reload(t.Context()) })
		group.Wait()
		if allowed(t, a, ask("ann")) {
			t.Error("the older version is in force")
		}
	})
}

func TestPolicyThatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base+"p, lead, bypass, account.suspend, normal, *, allow\np2, bypass, *, *, *, *, none, -, -\np, lead, unfreeze, *, *, *, allow\np2, unfreeze, *, *, *, *, none, -, -\n", time.Hour)
		loaded := time.Now()
		imposing := []moderation.Question{ask("lea"), ask("lea", step(moderation.StepBypass)), ask("lea", step(moderation.StepUnfreeze))}
		check := func(fresh bool, asOf time.Time) {
			t.Helper()
			for _, q := range imposing {
				d := decide(t, a, q)
				if d.Allowed != fresh || !fresh && d.Code != moderation.CodeStale || !d.AsOf.Equal(asOf) {
					t.Errorf("after %v, %s: %+v; want allowed %v as of %v", time.Since(loaded), q.Step, d, fresh, asOf)
				}
			}
			for _, login := range []string{"ann", "eve"} {
				if d := decide(t, a, ask(login, step(moderation.StepUndo))); d.Allowed != (login == "ann") || !d.AsOf.Equal(asOf) {
					t.Errorf("after %v, undo by %s: %+v", time.Since(loaded), login, d)
				}
			}
		}
		check(true, loaded)
		time.Sleep(time.Hour)
		check(true, loaded)
		time.Sleep(time.Nanosecond)
		check(false, loaded)

		text := s
		good := text.load
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") })
		if err := a.Reload(t.Context()); err == nil {
			t.Fatal("Reload: no error")
		}
		check(false, loaded) // a failed reload makes nothing fresher

		s.set(good)
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(true, loaded.Add(time.Hour+1))
	})
}

// A slow load is as old as its beginning.
func TestVersionIsAsOldAsTheBeginningOfItsLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, time.Hour)
		s.set(func(ctx context.Context) ([]policy.Row, error) {
			rows, err := policy.CSV("policy.csv", base).Load(ctx)
			time.Sleep(2 * time.Hour)
			return rows, err
		})
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := decide(t, a, ask("ann")); d.Allowed || d.Code != moderation.CodeStale {
			t.Errorf("decision is %+v", d)
		}
	})
}

func TestPolicyWithoutBoundIsTrusted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := open(t, base)
		time.Sleep(10 * 365 * 24 * time.Hour)
		if d := decide(t, a, ask("ann")); !d.Allowed || !d.AsOf.IsZero() {
			t.Errorf("decision is %+v; want allowed, as of now", d)
		}
	})
}

// Casbin's synchronised enforcer allowed suspended users while it reloaded.
func TestDecisionsDuringReloadsAreFromOneVersion(t *testing.T) {
	t.Parallel()
	// In each version another row bars ann; in none may she act.
	versions := []string{
		base + "p, barred, request, *, *, *, deny\ng, ann, barred, *, -, -\n",
		base + "p, mod, request, *, normal, *, deny\ng, ann, barred, *, -, -\n",
		strings.Replace(base, "g, ann, mod, *, -, -\n", "", 1),
	}
	a, s := openSource(t, versions[0], 0)
	l, err := policy.NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if d, err := a.Decide(context.Background(), ask("ann")); err != nil || d.Allowed {
					t.Errorf("decision is %+v, %v", d, err)
					return
				}
				if d, err := a.Decide(context.Background(), ask("lea", tier("protected"))); err != nil || !d.Allowed || len(d.Requirement.Quorum.Slots) != 2 {
					t.Errorf("decision is %+v, %v", d, err)
					return
				}
				if _, err := l.Peek(context.Background(), charge("ann", 1, noon)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 60 {
		s.setText(versions[i%len(versions)])
		if err := a.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if allowed(t, a, ask("ann")) {
			t.Error("allowed after a reload")
		}
	}
	close(stop)
	readers.Wait()
}

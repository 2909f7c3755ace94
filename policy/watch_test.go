package policy_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// other is base with another moderator.
var other = strings.Replace(base, "g, ann, mod", "g, bob, mod", 1)

// seen is what a watch reported, in short.
type seen struct {
	list []policy.Event
	at   []time.Duration
	from time.Time
}

func (s *seen) report(e policy.Event) {
	meet()
	s.list, s.at = append(s.list, e), append(s.at, time.Since(s.from))
}

func (s *seen) kinds() []policy.EventKind {
	var list []policy.EventKind
	for _, e := range s.list {
		list = append(list, e.Kind)
	}
	return list
}

func (s *seen) forget() { s.list, s.at, s.from = nil, nil, time.Now() }

// watching runs a watch in a bubble, and ends it with the test.
func watching(t *testing.T, a *policy.Authorizer, c policy.WatchConfig) *seen {
	t.Helper()
	s := &seen{from: time.Now()}
	if c.Report == nil {
		c.Report = s.report
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Watch(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	})
	return s
}

func elapse(d time.Duration) {
	meet()
	time.Sleep(d)
	synctest.Wait()
}

func TestWatchPollsByDigest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		saw := watching(t, a, policy.WatchConfig{Every: time.Minute})
		elapse(time.Minute)
		s.setText(other)
		elapse(time.Minute)
		elapse(time.Minute)
		if diff := cmp.Diff([]policy.EventKind{policy.EventConfirmed, policy.EventReplaced, policy.EventConfirmed}, saw.kinds()); diff != "" {
			t.Fatal(diff)
		}
		if e := saw.list[1]; e.Digest != digestOf(t, other) || e.Difference != "g: 1 added, 1 removed, 0 changed\n- g, ann, mod, *, -, -\n+ g, bob, mod, *, -, -" || e.Err != nil {
			t.Errorf("the event is %+v", e)
		}
		if allowed(t, a, ask("ann")) || !allowed(t, a, ask("bob")) {
			t.Error("the new version is not in force")
		}
	})
}

// A poll that finds the version unchanged confirms it: staleness is counted from
// then on. What fails or is kept out confirms nothing.
func TestWatchKeepsAnUnchangedVersionFresh(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		load  func(good string) func(context.Context) ([]policy.Row, error)
		fresh bool
	}{
		"unchanged": {func(good string) func(context.Context) ([]policy.Row, error) {
			return policy.CSV("policy.csv", good).Load
		}, true},
		"in other places": {func(good string) func(context.Context) ([]policy.Row, error) {
			return policy.CSV("other.csv", good).Load
		}, true},
		"failing": {func(string) func(context.Context) ([]policy.Row, error) {
			return func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") }
		}, false},
		"invalid":     {func(string) func(context.Context) ([]policy.Row, error) { return policy.CSV("policy.csv", "p, x").Load }, false},
		"not allowed": {func(string) func(context.Context) ([]policy.Row, error) { return policy.CSV("policy.csv", other).Load }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := new(source)
				s.setText(base)
				c := config("")
				c.Source, c.MaxStaleness = s, time.Minute
				c.Admit = func(_ context.Context, adm policy.Admission) error {
					if adm.Old != nil {
						return errors.New("no")
					}
					return nil
				}
				a, err := policy.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				s.set(tc.load(base))
				watching(t, a, policy.WatchConfig{Every: 30 * time.Second})
				elapse(10*time.Minute + time.Second)
				d := decide(t, a, ask("ann"))
				if d.Allowed != tc.fresh || !tc.fresh && d.Code != moderation.CodeStale {
					t.Errorf("after ten minutes the decision is %+v", d)
				}
				if tc.fresh && time.Since(d.AsOf) > 30*time.Second {
					t.Errorf("the version is as of %v ago", time.Since(d.AsOf))
				}
				if !allowed(t, a, ask("ann", step(moderation.StepUndo))) {
					t.Error("undo is refused")
				}
			})
		})
	}
}

// Without a watch the version grows stale, though nothing failed.
func TestVersionThatNobodyConfirmsGrowsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := openSource(t, base, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- a.Watch(ctx, policy.WatchConfig{Every: 30 * time.Second, Report: func(policy.Event) {}})
		}()
		elapse(5 * time.Minute)
		if !allowed(t, a, ask("ann")) {
			t.Error("stale while it is watched")
		}
		cancel()
		<-ended
		elapse(2 * time.Minute)
		if d := decide(t, a, ask("ann")); d.Allowed || d.Code != moderation.CodeStale {
			t.Errorf("decision is %+v", d)
		}
	})
}

func TestWatchSurvivesAndReportsWhatFails(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(context.Context) ([]policy.Row, error){
		"an error":       func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") },
		"a panic":        func(context.Context) ([]policy.Row, error) { panic("boom") },
		"an ended go":    func(context.Context) ([]policy.Row, error) { runtime.Goexit(); return nil, nil },
		"an empty table": func(context.Context) ([]policy.Row, error) { return nil, nil },
		"a hang":         func(ctx context.Context) ([]policy.Row, error) { time.Sleep(time.Hour); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, s := openSource(t, base, 0)
				before := a.Digest()
				s.set(load)
				saw := watching(t, a, policy.WatchConfig{Every: time.Minute, LoadTimeout: 5 * time.Second})
				elapse(time.Minute + 5*time.Second)
				if len(saw.list) != 1 || saw.list[0].Kind != policy.EventFailed || saw.list[0].Err == nil || saw.list[0].Digest != before || saw.list[0].Failures != 1 {
					t.Fatalf("reported are %+v", saw.list)
				}
				if !allowed(t, a, ask("ann")) {
					t.Error("the last good version is not in force")
				}
				s.setText(other)
				elapse(2 * time.Minute)
				if last := saw.list[len(saw.list)-1]; last.Failures != 0 || allowed(t, a, ask("ann")) {
					t.Errorf("it does not recover: %+v", last)
				}
				elapse(time.Hour)
			})
		})
	}
}

func TestWatchWaitsLongerAfterEachFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") })
		w := new(watcher)
		saw := watching(t, a, policy.WatchConfig{Every: 5 * time.Second, Watcher: w})
		synctest.Wait()
		elapse(5 * time.Second)
		for range 1000 { // notices don't hurry it
			w.fire(t)
			elapse(time.Second)
		}
		var gaps []time.Duration
		for i := 1; i < 7; i++ {
			gaps = append(gaps, saw.at[i]-saw.at[i-1])
		}
		want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Errorf("the waits between failures (-want +got):\n%s", diff)
		}
		if last := saw.list[len(saw.list)-1]; last.Failures != len(saw.list) {
			t.Errorf("the last of %d events counts %d failures", len(saw.list), last.Failures)
		}
		s.setText(base)
		elapse(time.Minute)
		saw.forget()
		elapse(20 * time.Second)
		if len(saw.list) < 3 {
			t.Errorf("after it recovered it polls %d times in 20s, want every 5s", len(saw.list))
		}
	})
}

func TestWatcherMakesItLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		w := new(watcher)
		saw := watching(t, a, policy.WatchConfig{Watcher: w})
		synctest.Wait()
		elapse(time.Hour)
		if len(saw.list) != 0 {
			t.Fatalf("without a notice it reports %+v", saw.list)
		}
		s.setText(other)
		w.fire(t)
		synctest.Wait()
		if len(saw.list) != 1 || saw.list[0].Kind != policy.EventReplaced || !allowed(t, a, ask("bob")) {
			t.Fatalf("after the notice it reports %+v", saw.list)
		}
		// A notice that comes while it rests is not lost.
		s.setText(base)
		w.fire(t)
		elapse(time.Second)
		if len(saw.list) != 2 || !allowed(t, a, ask("ann")) {
			t.Errorf("after a second notice it reports %+v", saw.list)
		}
		// A load that fails is tried again, though no notice comes.
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") })
		w.fire(t)
		elapse(time.Second / 2)
		s.setText(other)
		elapse(time.Minute)
		if !allowed(t, a, ask("bob")) {
			t.Errorf("after a failure it reports %+v", saw.list)
		}
		// Notices without end do not make it load without end.
		saw.forget()
		for range 1000 {
			w.fire(t)
			elapse(time.Millisecond)
		}
		if n := len(saw.list); n > 11 {
			t.Errorf("in one second of notices it loads %d times", n)
		}
	})
}

func TestWatcherThatFailsIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func() error{
		"error": func() error { return errors.New("no connection") },
		"panic": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, s := openSource(t, base, 0)
				calls := 0
				w := &watcher{set: func() error {
					if calls++; calls == 1 {
						return set()
					}
					return nil
				}}
				saw := watching(t, a, policy.WatchConfig{Watcher: w})
				synctest.Wait()
				if len(saw.list) != 1 || saw.list[0].Kind != policy.EventFailed || !strings.Contains(saw.list[0].Err.Error(), "took no callback") {
					t.Fatalf("reported are %+v", saw.list)
				}
				elapse(time.Minute)
				s.setText(other)
				w.fire(t)
				elapse(time.Second)
				if !allowed(t, a, ask("bob")) {
					t.Errorf("the second attempt does not help: %+v", saw.list)
				}
			})
		})
	}
}

// A watcher that hangs does not keep the source from being polled.
func TestWatcherThatHangsIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := openSource(t, base, 0)
		release := make(chan struct{})
		w := &watcher{set: func() error { <-release; return nil }}
		saw := watching(t, a, policy.WatchConfig{Watcher: w, Every: 10 * time.Second, LoadTimeout: 15 * time.Second})
		elapse(16 * time.Second)
		if diff := cmp.Diff([]policy.EventKind{policy.EventConfirmed, policy.EventFailed}, saw.kinds()); diff != "" {
			t.Error(diff)
		}
		close(release)
		synctest.Wait()
	})
}

func TestReportThatPanicsEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := openSource(t, base, 0)
		var last policy.Event
		n := 0
		watching(t, a, policy.WatchConfig{Every: time.Minute, Report: func(e policy.Event) {
			meet()
			if n++; n <= 2 {
				panic("boom")
			}
			last = e
		}})
		elapse(2 * time.Minute)
		s.setText(other)
		elapse(time.Minute)
		if last.Unreported != 2 || last.Kind != policy.EventReplaced {
			t.Errorf("the event after two panics is %+v", last)
		}
		elapse(time.Minute)
		if last.Unreported != 0 {
			t.Errorf("the event after that is %+v", last)
		}
	})
}

func TestWatchJitterAddsToEachWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := openSource(t, base, 0)
		saw := watching(t, a, policy.WatchConfig{Every: time.Minute, Jitter: 30 * time.Second})
		elapse(100 * time.Minute)
		different := make(map[time.Duration]bool)
		for i := 1; i < len(saw.at); i++ {
			gap := saw.at[i] - saw.at[i-1]
			if different[gap] = true; gap < time.Minute || gap >= 90*time.Second {
				t.Errorf("a wait of %v", gap)
			}
		}
		if len(different) < 10 {
			t.Errorf("%d different waits", len(different))
		}
	})
}

func TestWatchRefusesFaultyConfiguration(t *testing.T) {
	t.Parallel()
	report := func(policy.Event) {}
	var none *watcher
	a := open(t, base)
	for name, tc := range map[string]struct {
		a    *policy.Authorizer
		c    policy.WatchConfig
		want string
	}{
		"no authorizer":       {nil, policy.WatchConfig{Every: 1, Report: report}, "not made with Open"},
		"a zero authorizer":   {new(policy.Authorizer), policy.WatchConfig{Every: 1, Report: report}, "not made with Open"},
		"nothing to wait for": {a, policy.WatchConfig{Report: report}, "neither Every nor Watcher"},
		"a typed nil":         {a, policy.WatchConfig{Watcher: none, Every: 1, Report: report}, "nil pointer"},
		"nobody to tell":      {a, policy.WatchConfig{Every: 1}, "Report is missing"},
		"negative":            {a, policy.WatchConfig{Every: -1, Report: report}, "negative"},
		"negative jitter":     {a, policy.WatchConfig{Every: 1, Jitter: -1, Report: report}, "negative"},
		"negative timeout":    {a, policy.WatchConfig{Every: 1, LoadTimeout: -1, Report: report}, "negative"},
	} {
		if err := tc.a.Watch(t.Context(), tc.c); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

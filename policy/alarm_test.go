package policy_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// notes is an observer that keeps what it is told.
type notes struct {
	mu     sync.Mutex
	list   []moderation.Observation
	before func(moderation.Observation)
}

func (n *notes) Observe(o moderation.Observation) {
	if n.before != nil {
		n.before(o)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, o)
}

// alarms lists the alarms that came since it was asked last.
func (n *notes) alarms() (list []moderation.Alarm) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range n.list {
		if o.What == moderation.ObservedAlarm {
			list = append(list, o.Alarm)
		}
	}
	n.list = nil
	return list
}

// pinned is what only base satisfies, so that any edit is kept out.
func pinned(t *testing.T) (*policy.Authorizer, *source) {
	t.Helper()
	a, s, err := openWith(t, base, func(c *policy.Config) { c.Pinned = digestOf(t, base) })
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}

func TestAlarmsTellOnceOfWhatSomebodyShouldLookAt(t *testing.T) {
	t.Parallel()
	const quarantined, failed = moderation.AlarmPolicyQuarantined, moderation.AlarmPolicyFailed
	edit := func(text string) func(*source) { return func(s *source) { s.setText(text) } }
	fails := func(s *source) {
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("the database is away") })
	}
	third := strings.Replace(base, "g, ann, mod", "g, cem, mod", 1)
	for name, tt := range map[string]struct {
		happens []func(*source) // a minute of polls apart
		want    [][]moderation.Alarm
	}{
		"nothing":                       {[]func(*source){edit(base)}, [][]moderation.Alarm{nil}},
		"an edit":                       {[]func(*source){edit(other)}, [][]moderation.Alarm{{quarantined}}},
		"an edit, and another one":      {[]func(*source){edit(other), edit(third)}, [][]moderation.Alarm{{quarantined}, {quarantined}}},
		"an edit that is mended, again": {[]func(*source){edit(other), edit(base), edit(other)}, [][]moderation.Alarm{{quarantined}, nil, {quarantined}}},
		"a source that fails":           {[]func(*source){fails}, [][]moderation.Alarm{{failed}}},
		"one that fails again":          {[]func(*source){fails, edit(base), fails}, [][]moderation.Alarm{{failed}, nil, {failed}}},
		"an edit while it fails":        {[]func(*source){fails, edit(other), fails, edit(other)}, [][]moderation.Alarm{{failed}, {quarantined}, {failed}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, s := pinned(t)
				n := &notes{}
				watching(t, a, policy.WatchConfig{Every: 5 * time.Second, Report: policy.Alarms(n)})
				for i, happens := range tt.happens {
					happens(s)
					elapse(2 * time.Minute)
					if d := cmp.Diff(tt.want[i], n.alarms()); d != "" {
						t.Errorf("change %d (-want +got):\n%s", i, d)
					}
				}
			})
		})
	}
}

func TestAlarmsSayWhatHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := pinned(t)
		n := &notes{}
		watching(t, a, policy.WatchConfig{Every: time.Minute, Report: policy.Alarms(n)})
		s.setText(other)
		elapse(time.Minute)
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("the database is away") })
		elapse(time.Minute)
		for i, want := range []struct {
			o    moderation.Observation
			text string
		}{
			{moderation.Observation{What: moderation.ObservedAlarm, Alarm: moderation.AlarmPolicyQuarantined, Event: audit.EventRefused,
				Status: moderation.StatusRefused, Step: "policy", Target: moderation.PolicyTarget, Code: moderation.CodeDenied}, digestOf(t, other)[:12]},
			{moderation.Observation{What: moderation.ObservedAlarm, Alarm: moderation.AlarmPolicyFailed,
				Step: "policy", Target: moderation.PolicyTarget, Code: moderation.CodePolicy}, "the database is away"},
		} {
			got := n.list[i]
			if !strings.Contains(got.Text, want.text) {
				t.Errorf("the text %q does not say %q", got.Text, want.text)
			}
			got.Text = ""
			if d := cmp.Diff(want.o, got); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
		}
	})
}

// TestAlarmsGoThroughAGuard has an observer that hangs: the policy is loaded all the
// same.
func TestAlarmsGoThroughAGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := &notes{before: func(moderation.Observation) { <-release }}
		guard := newSeam(t, "", nil, func(c *moderation.Config) { c.Observer = n })
		a, s := pinned(t)
		watching(t, a, policy.WatchConfig{Every: time.Minute, Report: policy.Alarms(guard.Guard)})
		s.setText(other)
		elapse(time.Minute)
		began := time.Now()
		s.setText(base)
		elapse(time.Minute)
		if d := a.Quarantine(); len(d) != 1 || d[0].Times != 1 {
			t.Errorf("quarantined: %+v", d)
		}
		close(release)
		synctest.Wait()
		if len(n.list) != 1 || n.list[0].Alarm != moderation.AlarmPolicyQuarantined || n.list[0].Time.IsZero() || n.list[0].Time.After(began) {
			t.Errorf("told %+v", n.list)
		}
	})
}

func TestAlarmsThatAnObserverLostAreToldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := pinned(t)
		n := &notes{}
		n.before = func(moderation.Observation) {
			n.before = nil
			panic("observer")
		}
		watching(t, a, policy.WatchConfig{Every: time.Minute, Report: policy.Alarms(n)})
		s.setText(other)
		elapse(3 * time.Minute)
		if got := n.alarms(); len(got) != 1 {
			t.Errorf("alarms: %v", got)
		}
	})
}

func TestAlarmsToNobodyAreRefused(t *testing.T) {
	t.Parallel()
	a, _ := pinned(t)
	for _, nobody := range []moderation.Observer{nil, (*moderation.Guard)(nil), (*notes)(nil)} {
		err := a.Watch(t.Context(), policy.WatchConfig{Every: time.Second, Report: policy.Alarms(nobody)})
		if err == nil || !strings.Contains(err.Error(), "WatchConfig.Report is missing") {
			t.Errorf("%T: %v", nobody, err)
		}
	}
}

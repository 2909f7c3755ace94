package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/policy"
)

// revisioned is a source that says when it has changed.
type revisioned struct {
	*source
	revision func() (string, error)
	loads    int
}

func (r *revisioned) Load(ctx context.Context) ([]policy.Row, error) {
	meet()
	r.loads++
	return r.source.Load(ctx)
}

func (r *revisioned) Revision(context.Context) (string, error) {
	meet()
	return r.revision()
}

func TestWatchLoadsOnlyWhatHasAnotherRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := "1"
		var broken error
		s := &revisioned{source: new(source)}
		s.revision = func() (string, error) { return now, broken }
		s.setText(base)
		c := config("")
		c.Source, c.MaxStaleness = s, 2*time.Minute
		a, err := policy.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		saw := watching(t, a, policy.WatchConfig{Every: time.Minute})
		elapse(time.Hour)
		if s.loads != 1 || saw.list[0].Kind != policy.EventConfirmed || !allowed(t, a, ask("ann")) {
			t.Errorf("with one revision it was loaded %d times", s.loads)
		}
		now = "2"
		s.setText(other)
		elapse(time.Minute)
		if s.loads != 2 || !allowed(t, a, ask("bob")) {
			t.Errorf("with another revision it was loaded %d times", s.loads)
		}
		now = "" // not known
		elapse(2 * time.Minute)
		if s.loads != 4 {
			t.Errorf("without a revision it was loaded %d times, want 4", s.loads)
		}
		// A revision whose load failed is loaded again.
		now = "3"
		s.set(func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") })
		elapse(time.Minute)
		s.setText(base)
		elapse(2 * time.Minute)
		if !allowed(t, a, ask("ann")) {
			t.Error("a revision whose load failed is passed over")
		}
		// One that can't be asked for confirms nothing; a reload does without.
		loads := s.loads
		for _, broken = range []error{errors.New("boom"), nil} {
			if broken == nil {
				s.revision = func() (string, error) { panic("boom") }
			}
			saw.forget()
			elapse(5 * time.Minute)
			if e := saw.list[0]; e.Kind != policy.EventFailed || !strings.Contains(e.Err.Error(), "boom") || s.loads != loads {
				t.Errorf("a revision that can't be asked for: %+v", e)
			}
			if allowed(t, a, ask("ann")) {
				t.Error("a version that can't be confirmed stays fresh")
			}
		}
		if err := a.Reload(t.Context()); err != nil || !allowed(t, a, ask("ann")) {
			t.Errorf("Reload without a revision: %v", err)
		}
	})
}

func TestWatchAsksAboutARefusedVersionOnce(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"by digest": true, "by revision": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &revisioned{source: new(source)}
				text := base
				s.revision = func() (string, error) { return fmt.Sprint(len(text)), nil }
				s.setText(text)
				c := config("")
				c.Source = s
				if plain {
					c.Source = s.source
				}
				asked := 0
				var verdict error
				c.Admit = func(context.Context, policy.Admission) error {
					meet()
					asked++
					return verdict
				}
				a, err := policy.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				saw := watching(t, a, policy.WatchConfig{Every: time.Minute})
				verdict = errors.New("not on a Friday")
				text = base + "g, eve, mod, *, -, -\n"
				s.setText(text)
				elapse(10 * time.Minute)
				if asked != 2 || a.Digest() != digestOf(t, base) {
					t.Errorf("in ten polls the hook was asked %d times about the new version", asked-1)
				}
				for i, e := range saw.list {
					if e.Kind != policy.EventQuarantined || e.Failures != i+1 {
						t.Errorf("poll %d reports %+v", i, e)
					}
					refused(t, e.Err, policy.ReasonRefused, digestOf(t, text))
				}
				if q := a.Quarantine(); len(q) != 1 || !strings.Contains(q[0].Why, "not on a Friday") {
					t.Errorf("quarantined are %+v", q)
				}
				refused(t, a.Reload(t.Context()), policy.ReasonRefused, digestOf(t, text))
				if asked != 3 {
					t.Error("a reload on demand does not ask again")
				}
				text += "g, eva, mod, *, -, -\n"
				s.setText(text)
				elapse(time.Minute)
				if asked != 4 {
					t.Error("another version is not asked about")
				}
				verdict = nil
				if err := a.Reload(t.Context()); err != nil || a.Digest() != digestOf(t, text) {
					t.Errorf("what is admitted now: %v", err)
				}
				if q := a.Quarantine(); len(q) != 1 || q[0].Digest == a.Digest() {
					t.Errorf("what has taken force is shown as quarantined: %+v", q)
				}
			})
		})
	}
}

package policy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/policy"
)

// altering returns a source's answer that it was altered.
func altering(e *policy.AlteredError) func(context.Context) ([]policy.Row, error) {
	return func(context.Context) ([]policy.Row, error) { return nil, e }
}

func TestAlteredSourceIsAnAlarmAndNoFailedLoad(t *testing.T) {
	t.Parallel()
	edited := rowsOf(t, other)
	for name, tc := range map[string]struct {
		altered *policy.AlteredError
		digest  string
		rows    int
	}{
		"rows that are another version": {&policy.AlteredError{Digest: "9f", Rows: edited, Err: errors.New("edited")}, digestOf(t, other), len(edited)},
		"rows that can't be read":       {&policy.AlteredError{Digest: "9f", Err: errors.New("edited")}, "9f", 0},
		"nothing said":                  {&policy.AlteredError{}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, trail := new(source), new(audit.Memory)
				s.setText(base)
				c := config("")
				c.Source, c.MaxStaleness, c.Audit = s, 150*time.Second, trail
				a, err := policy.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				saw := watching(t, a, policy.WatchConfig{Every: time.Minute})
				s.set(altering(tc.altered))
				elapse(2 * time.Minute)
				if diff := cmp.Diff([]policy.EventKind{policy.EventQuarantined, policy.EventQuarantined}, saw.kinds()); diff != "" {
					t.Fatal(diff)
				}
				if kept := a.Quarantine(); len(kept) != 1 || kept[0].Digest != tc.digest || kept[0].Reason != policy.ReasonAltered || len(kept[0].Rows) != tc.rows {
					t.Errorf("quarantined is %+v", kept)
				}
				if got := len(trail.Records()); got != 2 || trail.Records()[1].Event != audit.EventRefused {
					t.Errorf("%d records, want the first version's and one of the quarantine", got)
				}
				if !allowed(t, a, ask("ann")) {
					t.Error("the version in force has lost it")
				}
				if elapse(time.Minute); allowed(t, a, ask("ann")) {
					t.Error("past the staleness bound it still answers")
				}
				s.setText(base)
				if elapse(time.Minute); !allowed(t, a, ask("ann")) {
					t.Error("once mended it does not answer")
				}
			})
		})
	}
}

func TestOpenRefusesAlteredSource(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*policy.AlteredError{"altered": {Err: errors.New("edited")}, "a nil pointer": nil} {
		s := new(source)
		s.set(altering(e))
		c := config("")
		c.Source = s
		var kept *policy.QuarantineError
		a, err := policy.Open(t.Context(), c)
		if a != nil || err == nil || errors.As(err, &kept) != (e != nil) {
			t.Errorf("%s: Open = %v, %v", name, a, err)
		}
	}
}

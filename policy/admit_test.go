package policy_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/policy"
)

// openWith opens a policy that a test replaces, with more of a configuration.
func openWith(t *testing.T, text string, change func(*policy.Config)) (*policy.Authorizer, *source, error) {
	t.Helper()
	s := new(source)
	s.setText(text)
	c := config("")
	c.Source = s
	change(&c)
	a, err := policy.Open(t.Context(), c)
	return a, s, err
}

func TestAdmitSeesEachVersionBeforeItTakesForce(t *testing.T) {
	t.Parallel()
	type admission struct{ Old, New, Digest, Difference string }
	var saw []admission
	a, s, err := openWith(t, base, func(c *policy.Config) {
		c.Admit = func(_ context.Context, adm policy.Admission) error {
			saw = append(saw, admission{adm.Old.Digest(), adm.New.Digest(), adm.Digest, adm.Difference})
			return nil
		}
		c.Difference = func(old, next *policy.Policy) string {
			return fmt.Sprintf("%.4s to %.4s", old.Digest(), next.Digest())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err != nil { // no other version
		t.Fatal(err)
	}
	s.setText(other)
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, two := digestOf(t, base), digestOf(t, other)
	want := []admission{{"", one, one, ""}, {one, two, two, fmt.Sprintf("%.4s to %.4s", one, two)}}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Errorf("the hook saw (-want +got):\n%s", diff)
	}
}

func TestVersionThatIsNotAdmittedDoesNotTakeForce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		admit      func() error
		difference func() string
		want       string
	}{
		"the hook says no":        {admit: func() error { return errors.New("not on a Friday") }, want: "not on a Friday"},
		"the hook panics":         {admit: func() error { panic("boom") }, want: "Config.Admit panicked: boom"},
		"the hook ends":           {admit: func() error { runtime.Goexit(); return nil }, want: "ended its goroutine"},
		"the difference panics":   {difference: func() string { panic("boom") }, want: "Config.Difference panicked: boom"},
		"the hook hangs":          {admit: func() error { time.Sleep(time.Hour); return nil }, want: "did not answer"},
		"the difference hangs":    {difference: func() string { time.Sleep(time.Hour); return "" }, want: "did not answer"},
		"the hook says yes, late": {admit: func() error { time.Sleep(31 * time.Second); return nil }, want: "did not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				trail := new(audit.Memory)
				ready := false
				a, s, err := openWith(t, base, func(c *policy.Config) {
					c.Audit = trail
					if tc.admit != nil {
						c.Admit = func(context.Context, policy.Admission) error {
							if !ready {
								return nil
							}
							return tc.admit()
						}
					}
					if tc.difference != nil {
						c.Difference = func(_, _ *policy.Policy) string { return tc.difference() }
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				ready = true
				s.setText(other)
				err = a.Reload(t.Context())
				refused(t, err, policy.ReasonRefused, digestOf(t, other))
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("the error is %v, want %q", err, tc.want)
				}
				time.Sleep(2 * time.Hour) // what was late is too late
				if a.Digest() != digestOf(t, base) || !allowed(t, a, ask("ann")) {
					t.Error("it is in force")
				}
				records := trail.Records()
				if last := records[len(records)-1]; len(records) != 2 || last.Event != audit.EventRefused || last.Step != "policy" ||
					last.Digest != digestOf(t, other) || last.Decision.PolicyThen != digestOf(t, base) || !strings.Contains(last.Decision.Text, tc.want) {
					t.Errorf("on record are %+v", records)
				}
			})
		})
	}
}

func TestFirstVersionMustBeAdmittedToo(t *testing.T) {
	t.Parallel()
	a, _, err := openWith(t, base, func(c *policy.Config) {
		c.Admit = func(_ context.Context, adm policy.Admission) error {
			if adm.Old != nil {
				t.Error("there is a version before the first")
			}
			return errors.New("no")
		}
	})
	refused(t, err, policy.ReasonRefused, digestOf(t, base))
	if a != nil {
		t.Error("it is open")
	}
}

// That a load was given up says nothing about the version.
func TestAdmissionThatIsGivenUpQuarantinesNothing(t *testing.T) {
	t.Parallel()
	var cancel context.CancelFunc
	a, s, err := openWith(t, base, func(c *policy.Config) {
		c.Admit = func(ctx context.Context, adm policy.Admission) error {
			if adm.Old == nil {
				return nil
			}
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	s.setText(other)
	if err := a.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Reload: %v", err)
	}
	if q := a.Quarantine(); len(q) != 0 || a.Digest() != digestOf(t, base) {
		t.Errorf("quarantined are %+v", q)
	}
}

func TestVersionThatCannotBeRecordedDoesNotTakeForce(t *testing.T) {
	t.Parallel()
	sink := &failingSink{Memory: new(audit.Memory)}
	a, s, err := openWith(t, base, func(c *policy.Config) { c.Audit = sink })
	if err != nil {
		t.Fatal(err)
	}
	s.setText(other)
	for _, failure := range []error{errors.New("the disk is gone"), audit.ErrNoRoom, audit.ErrNotWritten} {
		sink.fail(failure)
		if err := a.Reload(t.Context()); !errors.Is(err, failure) || a.Digest() != digestOf(t, base) || len(a.Quarantine()) != 0 {
			t.Errorf("with a sink that says %q: %v", failure, err)
		}
	}
	sink.fail(nil)
	if err := a.Reload(t.Context()); err != nil || a.Digest() != digestOf(t, other) {
		t.Errorf("with a sink that works again: %v", err)
	}
	if n := len(sink.Records()); n != 2 {
		t.Errorf("%d records, want one for each version", n)
	}
	if _, _, err := openWith(t, base, func(c *policy.Config) {
		bad := &failingSink{Memory: new(audit.Memory), err: errors.New("gone")}
		c.Audit = bad
	}); err == nil {
		t.Error("a first version that can't be recorded takes force")
	}
}

// A record that may have been written is written again as it was.
func TestRecordInDoubtIsWrittenAgainAsItWas(t *testing.T) {
	t.Parallel()
	sink := &failingSink{Memory: new(audit.Memory), store: true}
	a, s, err := openWith(t, base, func(c *policy.Config) { c.Audit = sink })
	if err != nil {
		t.Fatal(err)
	}
	sink.fail(errors.New("the answer was lost"))
	s.setText(other)
	if err := a.Reload(t.Context()); err == nil {
		t.Fatal("a record in doubt lets a version take force")
	}
	third := base + "g, eve, mod, *, -, -\n"
	s.setText(third)
	sink.fail(nil)
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	records := sink.Records() // base, other, other again, third
	if len(records) != 4 || records[1].ID != records[2].ID || records[1].Digest != digestOf(t, other) || records[3].Digest != digestOf(t, third) ||
		records[3].Decision.PolicyThen != digestOf(t, base) {
		t.Errorf("on record are %+v", records)
	}
	if diff := cmp.Diff(records[1], records[2]); diff != "" {
		t.Errorf("the record was written again as another one:\n%s", diff)
	}
}

// A quarantine that can't be put on record is tried again, by polls as well.
func TestQuarantineIsRecordedWhenItCanBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &failingSink{Memory: new(audit.Memory)}
		a, s, err := openWith(t, base, func(c *policy.Config) {
			c.Audit = sink
			c.Admit = func(_ context.Context, adm policy.Admission) error {
				if adm.Old == nil {
					return nil
				}
				return errors.New("no")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		sink.fail(errors.New("gone"))
		s.setText(other)
		saw := watching(t, a, policy.WatchConfig{Every: time.Minute})
		elapse(3 * time.Minute)
		if e := saw.list[0]; e.Kind != policy.EventQuarantined || !strings.Contains(e.Err.Error(), "not on record") {
			t.Errorf("reported is %+v", e)
		}
		sink.fail(nil)
		elapse(3 * time.Minute)
		if n := len(sink.Records()); n != 2 {
			t.Errorf("%d records, want one of the version and one of the quarantine", n)
		}
	})
}

func TestQuarantineIsBoundedAndACopy(t *testing.T) {
	t.Parallel()
	a, s, err := openWith(t, base, func(c *policy.Config) {
		c.Admit = func(_ context.Context, adm policy.Admission) error {
			if adm.Old == nil {
				return nil
			}
			return errors.New("no")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var last string
	for i := range 40 {
		last = base + fmt.Sprintf("g, eve%d, mod, *, -, -\n", i)
		s.setText(last)
		if err := a.Reload(t.Context()); err == nil {
			t.Fatal("it takes force")
		}
	}
	_ = a.Reload(t.Context())
	q := a.Quarantine()
	if len(q) != 16 || q[0].Digest != digestOf(t, last) || q[0].Times != 2 {
		t.Fatalf("%d are quarantined, the first %.12s %d times", len(q), q[0].Digest, q[0].Times)
	}
	q[0].Rows[0].Fields[0] = "eve"
	if again := a.Quarantine(); again[0].Rows[0].Fields[0] == "eve" {
		t.Error("what is shown is what is kept")
	}
	if rows := contents(a.Quarantine()[0].Rows); len(rows) != strings.Count(last, "\n") {
		t.Errorf("%d rows are shown", len(rows))
	}
	if new(policy.Authorizer).Quarantine() != nil {
		t.Error("the zero Authorizer has a quarantine")
	}
}

func TestConfigOfVersionsIsChecked(t *testing.T) {
	t.Parallel()
	var sink *audit.Memory
	for name, tc := range map[string]struct {
		change func(*policy.Config)
		want   string
	}{
		"a negative bound":            {func(c *policy.Config) { c.AdmitTimeout = -1 }, "AdmitTimeout"},
		"a short digest":              {func(c *policy.Config) { c.Pinned = "abc" }, "Pinned"},
		"a digest in capitals":        {func(c *policy.Config) { c.Pinned = strings.Repeat("A", 64) }, "Pinned"},
		"a typed nil sink":            {func(c *policy.Config) { c.Audit = sink }, "Audit"},
		"approvals without a pin":     {func(c *policy.Config) { c.Approvals = policy.TicketApprovals(nil) }, "Pinned"},
		"approvals without a store":   {func(c *policy.Config) { c.Pinned, c.Approvals = digestOf(t, other), policy.TicketApprovals(nil) }, "store of tickets is nil"},
		"a pin that is not the first": {func(c *policy.Config) { c.Pinned = digestOf(t, other) }, "quarantined"},
	} {
		if _, _, err := openWith(t, base, tc.change); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

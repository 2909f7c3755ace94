package policy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy"
)

// casbinAdapter is a Casbin adapter that loads as a test tells it.
type casbinAdapter struct {
	persist.Adapter // for the methods that are never called
	load            func(model.Model) error
}

func (a casbinAdapter) LoadPolicy(m model.Model) error { return a.load(m) }

// arrays loads rows as well-behaved adapters do.
func arrays(rows ...[]string) casbinAdapter {
	return casbinAdapter{load: func(m model.Model) error {
		for _, row := range rows {
			if err := persist.LoadPolicyArray(row, m); err != nil {
				return err
			}
		}
		return nil
	}}
}

func TestAdapterLoads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte(base), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config("")
	c.Source = policy.Adapter("table", fileadapter.NewAdapter(path))
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Digest(), open(t, base).Digest(); got != want {
		t.Errorf("the adapter's policy has digest %s, the same as CSV %s", got, want)
	}
	d := decide(t, a, ask("lea", tier("protected")))
	if diff := cmp.Diff([]string{"table:p[4]"}, sources(d.Rules)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"table:p2[1]", "table:p2[2]"}, sources(d.Requirement.Rules)); diff != "" {
		t.Errorf("rules of the requirement (-want +got):\n%s", diff)
	}
}

func TestAdapterRefuses(t *testing.T) {
	t.Parallel()
	good := []string{"p", "mod", "cancel", "*", "*", "*", "allow"}
	for _, tc := range []struct {
		name    string
		adapter persist.Adapter
		want    string
	}{
		{"nil", nil, "table: the Casbin adapter is nil"},
		{"typed nil", (*stringadapter.Adapter)(nil), "table: the Casbin adapter is nil"},
		{"one that fails", casbinAdapter{load: func(model.Model) error { return errors.New("boom") }}, "table: the Casbin adapter: boom"},
		{"one that loads rows and fails", casbinAdapter{load: func(m model.Model) error {
			return errors.Join(persist.LoadPolicyArray(good, m), errors.New("boom"))
		}}, "boom"},
		{"one that panics", casbinAdapter{load: func(model.Model) error { panic("boom") }}, "the source panicked: boom"},
		{"one without rows", arrays(), "the policy is empty"},
		{"one with an unknown row type", arrays([]string{"p4", "mod"}), "missing required definition p4"},
		{"one with an unknown section", arrays([]string{"q", "mod"}), "missing required section q"},
		{"one with a row without a type", arrays([]string{""}), "panicked"},
		{"one with a row without columns", arrays([]string{}), "panicked"},
		{"one with a short row", arrays(good[:4]), "invalid policy rule size"},
		{"one with a short grant", arrays(good, []string{"g", "ann", "mod", "*"}), "table:g[1]: has 3 columns behind g; it needs 5"},
		{"one with a blank effect", arrays([]string{"p", "mod", "cancel", "*", "*", "*", ""}), "table:p[1]: eft \"\": is empty"},
		{"one with white space behind an effect", arrays([]string{"p", "mod", "cancel", "*", "*", "*", "deny "}), "table:p[1]: eft \"deny \": begins or ends with white space"},
		{"one with a column that is not UTF-8", arrays([]string{"p", "mod", "cancel", "*", "*", "\xff", "allow"}), "table:p[1]: domain \"\\xff\": is not valid UTF-8"},
		{"one with an endless column", arrays([]string{"p", "mod", "cancel", "*", "*", strings.Repeat("x", 9000), "allow"}), "has 9000 bytes; at most 8192 are allowed"},
		{"one that puts rows where none belong", casbinAdapter{load: func(m model.Model) error {
			m["p"]["p4"] = &model.Assertion{Policy: [][]string{{"mod"}}}
			return nil
		}}, "table:p4[1]: type \"p4\": is no row type"},
		{"one that writes short rows itself", casbinAdapter{load: func(m model.Model) error {
			m["p"]["p"].Policy = append(m["p"]["p"].Policy, []string{"mod"})
			return nil
		}}, "table:p[1]: has 1 columns"},
		{"one that hides errors", stringadapter.NewAdapter(base + "p, mod, request, account.suspend, normal, deny\n"), "hides errors"},
		{"one that loaded a part", filtered{arrays(good)}, "loaded only a part"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := config("")
			c.Source = policy.Adapter("table", tc.adapter)
			a, err := policy.Open(t.Context(), c)
			if a != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open = %v, %v; want it to say %q", a, err, tc.want)
			}
		})
	}
}

type filtered struct{ casbinAdapter }

func (filtered) LoadFilteredPolicy(model.Model, any) error { return nil }
func (filtered) IsFiltered() bool                          { return true }

// withContext is an adapter that wants a context.
type withContext struct {
	casbinAdapter
	persist.ContextAdapter
	got *context.Context
}

func (a withContext) LoadPolicyCtx(ctx context.Context, m model.Model) error {
	*a.got = ctx
	return a.load(m)
}

func TestAdapterIsGivenTheContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "here")
	var got context.Context
	a := withContext{casbinAdapter: arrays([]string{"p", "mod", "cancel", "*", "*", "*", "allow"}), got: &got}
	if _, err := policy.Adapter("table", a).Load(ctx); err != nil {
		t.Fatal(err)
	}
	if got == nil || got.Value(key{}) != "here" {
		t.Error("the adapter was not given the load's context")
	}
}

// An adapter that hides errors is not believed because a context ended while
// it was tried.
func TestAdapterThatHidesErrorsIsNotBelievedLater(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var got context.Context
	calls := 0
	a := withContext{got: &got}
	a.casbinAdapter.load = func(m model.Model) error {
		if calls++; calls == 2 {
			cancel()
			return context.Canceled
		}
		_ = persist.LoadPolicyArray([]string{"p", "mod", "cancel", "*", "*", "*", "allow"}, m)
		return nil
	}
	source := policy.Adapter("table", a)
	for _, ctx := range []context.Context{ctx, t.Context()} {
		if rows, err := source.Load(ctx); err == nil {
			t.Errorf("Load = %v; want that the adapter hides errors", rows)
		}
	}
}

// Casbin does not add a row whose columns, joined by commas, are those of one
// that it has. No row that we would take is lost by that: if two rows of one
// type differ and are joined alike, a column of one of them has a comma, and
// the whole policy is refused.
func TestAdapterLosesNoRowThatCollides(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "a,a", "a,"}
	var rows [][]string
	for _, x := range parts {
		for _, y := range parts {
			rows = append(rows, []string{x, y, "a", "-", "-"}, []string{x, y, "a", "-"}, []string{x, y, "a", "a", "-", "-"})
		}
	}
	lost := 0
	for i, one := range rows {
		for _, two := range rows[:i] {
			source := policy.Adapter("table", arrays(append([]string{"g"}, one...), append([]string{"g"}, two...)))
			got, err := source.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 2 {
				continue
			}
			lost++
			c := config("")
			c.Source = source
			_, err = policy.Open(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), "holds a comma") && !strings.Contains(err.Error(), "it needs 5") {
				t.Fatalf("of %q and %q one was lost, and Open: %v", one, two, err)
			}
		}
	}
	if lost == 0 {
		t.Error("no rows collided: the test shows nothing")
	}
}

// The first wins: a deny row that Casbin loses to a row with a comma.
func TestAdapterRefusesDenyThatCasbinLoses(t *testing.T) {
	t.Parallel()
	c := config("")
	c.Source = policy.Adapter("table", arrays(
		[]string{"p", "mod", "cancel,*", "*", "*", "allow", "deny"}, // no such thing, but joined alike
		[]string{"p", "mod,cancel", "*", "*", "*", "allow", "deny"},
	))
	if _, err := policy.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "holds a comma") {
		t.Errorf("Open: %v", err)
	}
}

func TestModelIsCasbins(t *testing.T) {
	t.Parallel()
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		t.Fatal(err)
	}
	for _, ptype := range []string{"p", "p2", "p3"} {
		if m["p"][ptype] == nil {
			t.Errorf("the model has no %s", ptype)
		}
	}
	if last := m["p"]["p"].Tokens[5]; last != "p_eft" {
		t.Errorf("the effect column is %s; Casbin looks for p_eft only", last)
	}
}

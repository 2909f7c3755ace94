package versions_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/policy"
)

func TestCasbinReadsTheVersionInForceAndWritesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, h.CasbinAdapter())
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := e.GetPolicy()
	if len(rules) != strings.Count(constitution, "p, ") {
		t.Errorf("Casbin has %d rules", len(rules))
	}
	_, add := e.AddPolicy("mallory", "request", "*", "*", "*", "allow")
	_, remove := e.RemovePolicy(rules[0])
	_, filtered := e.RemoveFilteredPolicy(0, "mod")
	for verb, err := range map[string]error{"AddPolicy": add, "RemovePolicy": remove, "RemoveFilteredPolicy": filtered, "SavePolicy": e.SavePolicy()} {
		if !errors.Is(err, versions.ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", verb, err)
		}
	}
	if after, _ := e.GetPolicy(); len(after) != len(rules) {
		t.Error("Casbin's copy was edited though the edit was refused")
	}
	h.holds(constitution, "after Casbin tried")
}

// The policy reads through the adapter what it reads from the table.
func TestCasbinAdapterIsASource(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	a := h.authorizer(func(c *policy.Config) { c.Source = policy.Adapter("table", h.CasbinAdapter()) })
	if a.Digest() != digestOf(t, constitution) {
		t.Errorf("it has digest %.12s", a.Digest())
	}
	h.must(`DELETE FROM @.policy_row WHERE place = 1`)
	var kept *policy.QuarantineError
	if err := a.Reload(t.Context()); !errors.As(err, &kept) {
		t.Errorf("of an edited table: %v", err)
	}
}

// Casbin joins columns with commas to find what it has already.
func TestCasbinIsGivenNoRowThatItWouldLose(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	i := policy.Installation{Rows: []policy.Row{{Type: "p", Fields: []string{"a,b", "", "", "", "", "deny"}}}, Replaces: digestOf(t, constitution), Ticket: "t", Fence: 1}
	i.Digest = policy.Digest(i.Rows)
	if err := h.Install(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.CasbinAdapter().LoadPolicy(m); err == nil || !strings.Contains(err.Error(), "version 2:1") {
		t.Errorf("LoadPolicy = %v", err)
	}
}

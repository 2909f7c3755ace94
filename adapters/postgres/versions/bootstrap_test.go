package versions_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/policy"
)

func TestFirstVersionIsWrittenOnceByManyReplicas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), "")
	if _, err := h.Load(t.Context()); !errors.Is(err, versions.ErrNoVersion) {
		t.Errorf("Load of nothing = %v, want ErrNoVersion", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := h.open().Bootstrap(t.Context(), load(t, constitution), digestOf(t, constitution)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	h.holds(constitution, "after many have written it")
	if n := h.number(`SELECT count(*) FROM @.policy_version WHERE cause = 'first' AND fence = 0 AND ticket = '' AND number = 1`); n != 1 || h.number(`SELECT count(*) FROM @.policy_version`) != 1 {
		t.Error("it was written more than once, or as something else")
	}
}

// A pin may name the first version or one that the changes went through.
func TestBootstrapChangesNothingWhereThereAreVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	h.change(constitution, amended, 7)
	for text, want := range map[string]string{constitution: "", amended: "", coup: "this was never one of them"} {
		err := h.Bootstrap(t.Context(), load(t, text), digestOf(t, text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Bootstrap = %v, want %q", err, want)
		}
	}
	h.holds(amended, "after all")
}

func TestBootstrapRefuses(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, tc := range map[string]struct {
		first  *policy.Policy
		pinned string
		edit   string
		want   string
	}{
		"nil":                          {nil, digestOf(t, constitution), "", "is nil"},
		"one that was not loaded":      {new(policy.Policy), "", "", "is nil"},
		"another than is pinned":       {load(t, coup), digestOf(t, constitution), "", "is pinned"},
		"none pinned":                  {load(t, constitution), "", "", "is pinned"},
		"where commits ask for others": {load(t, constitution), digestOf(t, constitution), `UPDATE @.chain SET policy = 'x'`, "commits ask for x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, "")
			if tc.edit != "" {
				h.must(tc.edit)
			}
			if err := h.Bootstrap(t.Context(), tc.first, tc.pinned); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Bootstrap = %v, want %q", err, tc.want)
			}
			if n := h.number(`SELECT count(*) FROM @.policy_version`); n != 0 {
				t.Error("a version was written")
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, tc := range map[string]struct {
		config versions.Config
		schema bool
	}{
		"no pool":             {config: versions.Config{}},
		"a negative interval": {config: versions.Config{Pool: pool, Verify: -time.Second}},
		"no tables":           {config: versions.Config{Pool: pool}, schema: true},
		"no such name":        {config: versions.Config{Pool: pool, Schema: "a b"}},
	} {
		table, err := versions.Open(t.Context(), tc.config)
		if table != nil || err == nil || errors.Is(err, postgres.ErrSchema) != tc.schema {
			t.Errorf("%s: Open = %v, %v", name, table, err)
		}
	}
}

// Restore is no way around a change of the policy.
func TestRestoreWritesOnlyWhatTicketsSayIsInForce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	if err := h.Proposals().Save(t.Context(), digestOf(t, amended), rowsOf(t, amended)); err != nil {
		t.Fatal(err)
	}
	h.change(constitution, amended, 7)
	restore := func(rows []policy.Row) error {
		return h.Restore(t.Context(), h, digestOf(t, constitution), rows)
	}
	if err := restore(nil); err != nil || h.number(`SELECT count(*) FROM @.policy_version`) != 2 {
		t.Errorf("where nothing is wrong something was written: %v", err)
	}
	h.must(`DELETE FROM @.policy_row`)
	for name, rows := range map[string][]policy.Row{"of another version": rowsOf(t, coup), "of the version before": rowsOf(t, constitution), "none": {}} {
		if err := restore(rows); err == nil {
			t.Errorf("rows %s were restored", name)
		}
	}
	if err := restore(nil); err != nil {
		t.Errorf("from what was proposed: %v", err)
	}
	h.holds(amended, "after it was restored")
	if n := h.number(`SELECT count(*) FROM @.policy_version WHERE number = 3 AND cause = 'restore' AND fence = 7`); n != 1 {
		t.Error("it does not say that it was restored")
	}
	h.must(`DELETE FROM @.policy_row`)
	h.approved = append(h.approved, policy.Approval{Digest: digestOf(t, coup), Fence: 8})
	if err := restore(nil); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("while a change is under way: %v", err)
	}
	if err := h.Restore(t.Context(), nil, "", nil); err == nil {
		t.Error("without approvals something was restored")
	}
}

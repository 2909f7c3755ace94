package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/policy"
)

func TestRowDifference(t *testing.T) {
	t.Parallel()
	load := func(text string) *policy.Policy {
		p, err := policy.Load(t.Context(), config(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var many strings.Builder
	for i := range 250 {
		fmt.Fprintf(&many, "g, eve%03d, mod, *, -, -\n", i)
	}
	lines := strings.SplitAfter(base, "\n")
	shuffled := strings.Join(append(lines[5:], lines[:5]...), "\n")
	for name, tc := range map[string]struct{ old, next, want string }{
		"nothing":        {base, base, ""},
		"another order":  {base, shuffled, ""},
		"a row more":     {base, base + "g, eve, mod, *, -, -\n", "g: 1 added, 0 removed, 0 changed\n+ g, eve, mod, *, -, -"},
		"a row less":     {base + "g, eve, mod, *, -, -\n", base, "g: 0 added, 1 removed, 0 changed\n- g, eve, mod, *, -, -"},
		"a longer grant": {base, strings.Replace(base, "g, ann, mod, *, -, -", "g, ann, mod, *, -, 2030-01-01", 1), "g: 0 added, 0 removed, 1 changed\n~ g, ann, mod, *, -, - -> g, ann, mod, *, -, 2030-01-01"},
		"a looser quorum": {base, strings.Replace(base, "lead|director director", "lead", 1),
			"p2: 0 added, 0 removed, 1 changed\n~ p2, request, *, protected, *, *, lead|director director, 10m, 24h -> p2, request, *, protected, *, *, lead, 10m, 24h"},
		"an allow that becomes a deny": {base + "p, lead, undo, *, *, *, allow\n", base + "p, lead, undo, *, *, *, deny\n", "p: 0 added, 0 removed, 1 changed\n~ p, lead, undo, *, *, *, allow -> p, lead, undo, *, *, *, deny"},
		"one for another":              {base, other, "g: 1 added, 1 removed, 0 changed\n- g, ann, mod, *, -, -\n+ g, bob, mod, *, -, -"},
	} {
		if got := policy.RowDifference(load(tc.old), load(tc.next)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := policy.RowDifference(load(base), load(base+many.String())); !strings.HasSuffix(got, "\nand 50 more") || strings.Count(got, "\n") != 201 {
		t.Errorf("of 250 rows it shows %d lines: …%s", strings.Count(got, "\n"), got[len(got)-20:])
	}
	if got := policy.RowDifference(nil, load(base)); !strings.HasPrefix(got, "p: 6 added") {
		t.Errorf("from nothing: %q", got)
	}
}

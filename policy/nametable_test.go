package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// A table is a map: also when it grows, when all of its names look alike to the
// weak hash, and when names run into each other in its text.
func TestNameTable(t *testing.T) {
	t.Parallel()
	alike := make([]string, 64)
	for i := range alike {
		alike[i] = fmt.Sprintf("account.%02d.suspended", i)
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprint("user", i)
	}
	for name, list := range map[string][]string{
		"none":           nil,
		"one":            {"a"},
		"joined alike":   {"a", "ab", "b", "ba", "aba", "$$", "$"},
		"of every size":  {"1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890123456", "12345678901234567"},
		"alike at ends":  alike,
		"more than few":  append([]string{"x"}, many[:64]...),
		"five thousand":  many,
		"other letters":  {"\u00e9", "e\u0301", "名", "名前"},
		"with zero byte": {"a\x00", "a", "\x00a"},
	} {
		for _, about := range []int{len(list), 0} {
			table := newNameTable(strings.Join(list, ""), about)
			start := uint32(0)
			for i, name := range list {
				if number, added := table.add(name, start, uint32(i)+7); number != uint32(i)+7 || !added {
					t.Errorf("%s: %q is %d", name, name, number)
				}
				start += uint32(len(name))
			}
			for i, name := range list {
				if number, added := table.add(name, 0, 1); number != uint32(i)+7 || added {
					t.Errorf("%s: %q is %d, added %v", name, name, number, added)
				}
			}
			table.trim()
			for i, name := range list {
				if number, ok := table.find(strings.Clone(name)); number != uint32(i)+7 || !ok {
					t.Errorf("%s: %q is found as %d, %v", name, name, number, ok)
				}
			}
			for _, other := range []string{"", "stranger", "user", "user5000", "account.64.suspended", "bab", "\x00"} {
				if number, ok := table.find(other); ok {
					t.Errorf("%s: %q is found as %d", name, other, number)
				}
			}
		}
	}
}

// The numbers of steps are their places in the list of all steps.
func TestStepNumbers(t *testing.T) {
	t.Parallel()
	for i, s := range moderation.Steps() {
		if got := stepNumber(s); got != uint32(i) {
			t.Errorf("%s is %d, want %d", s, got, i)
		}
	}
	if n := len(moderation.Steps()); n != allStepsNumber {
		t.Errorf("there are %d steps, want %d", n, allStepsNumber)
	}
	for _, s := range []moderation.Step{"", "*", "Request", "request "} {
		if got := stepNumber(s); got != noStep {
			t.Errorf("%q is %d", s, got)
		}
	}
}

// Groups of rows are found under all of their key, and under nothing else.
func TestScopeIndexTellsGroupsApart(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	var rows []indexed
	want := make(map[groupKey]int)
	for i := range 3000 {
		key := groupKey{random.Uint32N(allStepsNumber), random.Uint32N(5), random.Uint32N(4), random.Uint32N(20)}
		rows = append(rows, indexed{key, entry{uint32(i), uint32(i)}})
		want[key]++
	}
	x := newScopeIndex(5, rows)
	for step := range uint32(allStepsNumber) {
		for kind := range uint32(5) {
			for tier := range uint32(5) {
				for domain := range uint32(21) {
					n := 0
					for _, tier := range []uint32{0, tier}[:min(tier, 1)+1] {
						for _, domain := range []uint32{0, domain}[:min(domain, 1)+1] {
							n += want[groupKey{step, kind, tier, domain}]
						}
					}
					if got := len(x.rowsAbout(step, &locus{[]uint32{kind}, tier, domain})); got != n {
						t.Fatalf("%d rows about step %d, kind %d, tier %d, domain %d; want %d", got, step, kind, tier, domain, n)
					}
				}
			}
		}
	}
}

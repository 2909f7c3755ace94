package policy_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// A batch is charged for all its members: as many actions as it has, and the
// reach of all of them together, or nothing at all.
func TestBatchIsChargedForAllItsMembersOrNone(t *testing.T) {
	t.Parallel()
	l := limiter(t, `p3, person, *, *, *, requests, 100, 1h, refuse
p3, person, *, *, *, actions, 50, 1h, refuse
p3, all, *, *, *, reach, 41000000, 1h, refuse
p3, tier, *, *, *, actions, 60, 1h, lead
`)
	batch := func(id string, count int, reach int64, change ...func(*moderation.Charge)) moderation.Charge {
		return charge("ann", count, noon, append(change, ticket(id), executed(reach))...)
	}
	left := func() (list [3]int64) {
		for i, s := range peek(t, l, batch("a look", 1, 0)).Limits {
			list[i] = s.Left + s.Charged
		}
		return list
	}
	for _, step := range []struct {
		name    string
		charge  moderation.Charge
		allowed bool
		left    [3]int64 // of the person, all and the tier
	}{
		{"fits", batch("a", 25, 1000), true, [3]int64{25, 40_999_000, 35}},
		{"again", batch("a", 25, 1000), true, [3]int64{25, 40_999_000, 35}},
		{"one member too many", batch("b", 26, 1000), false, [3]int64{25, 40_999_000, 35}},
		{"too much reach", batch("c", 25, 40_999_001), false, [3]int64{25, 40_999_000, 35}},
		{"a star among them", batch("d", 2, 40_000_008), true, [3]int64{23, 998_992, 33}},
		{"two stars", batch("e", 2, 80_000_000), false, [3]int64{23, 998_992, 33}},
		{"past a limit that takes approvals, and past one that does not", batch("f", 24, 0, overrun), false, [3]int64{23, 998_992, 33}},
		{"all that is left", batch("g", 23, 998_992), true, [3]int64{0, 0, 10}},
		{"nobody reached, yet another action", batch("h", 1, 0), false, [3]int64{0, 0, 10}},
	} {
		u := take(t, l, step.charge)
		if u.Allowed != step.allowed {
			t.Errorf("%s: %+v; want allowed %v", step.name, u, step.allowed)
		}
		if got := left(); got != step.left {
			t.Errorf("%s: %v are left, want %v", step.name, got, step.left)
		}
	}
	if u := peek(t, l, charge("ann", 1, noon, ticket("i"))); u.Limits[0].Left != 99 {
		t.Errorf("executions were charged as requests: %+v", u)
	}
}

// A hundred goroutines with batches of several sizes: what is left is, limit by
// limit, what was not allowed to anybody, to the last token.
func TestConcurrentBatchesAreChargedExactly(t *testing.T) {
	t.Parallel()
	l := limiter(t, `p3, all, *, *, *, actions, 300, 1h, refuse
p3, person, *, *, *, actions, 90, 1h, refuse
p3, person, *, *, *, actions, 95, 2h, refuse
p3, target, *, *, *, actions, 100, 1h, refuse
p3, all, *, *, *, reach, 2000, 1h, refuse
`)
	people, targets := []string{"ann", "bob", "lea", "lou"}, []string{"7", "8", "9"}
	var all, reach atomic.Int64
	var byPerson, byTarget sync.Map
	add := func(m *sync.Map, key string, n int) {
		sum, _ := m.LoadOrStore(key, new(atomic.Int64))
		sum.(*atomic.Int64).Add(int64(n))
	}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			for n := range 5 {
				count := 1 + (i+n)%7
				c := charge(people[i%len(people)], count, noon, ticket(fmt.Sprint(i, "-", n)), executed(int64(count*6)))
				c.Target = targets[(i+n)%len(targets)]
				u, err := l.Take(context.Background(), c)
				if err != nil {
					t.Error(err)
				}
				if !u.Allowed {
					continue
				}
				all.Add(int64(count))
				reach.Add(c.Reach)
				add(&byPerson, c.Person, count)
				add(&byTarget, c.Target, count)
			}
		})
	}
	group.Wait()
	sum := func(m *sync.Map, key string) int64 {
		n, _ := m.LoadOrStore(key, new(atomic.Int64))
		return n.(*atomic.Int64).Load()
	}
	for _, person := range people {
		for _, target := range targets {
			c := charge(person, 1, noon, ticket("a look"), executed(0), overrun)
			c.Target = target
			p := sum(&byPerson, person)
			want := [...]int64{300 - all.Load(), 90 - p, 95 - p, 100 - sum(&byTarget, target), 2000 - reach.Load()}
			got := map[string]int64{}
			for _, s := range peek(t, l, c).Limits {
				got[s.Rule.Source] = s.Left + s.Charged
			}
			for i, n := range want {
				if source := fmt.Sprint("policy.csv:", 7+i); got[source] != n || n < 0 {
					t.Errorf("%s on %s: limit %s has %d left, want %d", person, target, source, got[source], n)
				}
			}
		}
	}
	if all.Load() < 290 {
		t.Errorf("%d were taken of 300, though singles were asked for too", all.Load())
	}
}

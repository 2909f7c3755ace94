package limit_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// sessions returns a pool of n connections to the database of another.
func sessions(t testing.TB, pool *pgxpool.Pool, n int32) *pgxpool.Pool {
	t.Helper()
	c := pool.Config()
	c.MaxConns = n
	many, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(many.Close)
	return many
}

// A hundred sessions of four replicas at once, on buckets that overlap in every
// order: exactly as many are taken as each limit has room for.
func TestOfAHundredSessionsAtOnceExactlyTheBurstIsTaken(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	const rows = `p3, all, *, *, *, requests, 200, 1h, refuse
p3, person, *, *, *, requests, 120, 1h, refuse
p3, target, *, *, *, requests, 90, 1h, refuse
p3, actor, *, *, *, open, 95, -, refuse
p3, all, *, *, *, open, 180, -, refuse
`
	var replicas []*replica
	for range 4 {
		r := open(t, sessions(t, pool, 25), rows)
		r.SetMoment(func() time.Time { return noon })
		replicas = append(replicas, r)
	}
	people, targets := []string{"ann", "bob"}, []string{"7", "8", "9"}
	var byPerson, byTarget [3]atomic.Int64
	var group sync.WaitGroup
	for g := range 100 {
		group.Go(func() {
			for i := range 5 {
				person, target := g%2, (g+i)%3
				c := charge(people[person], 1, ticket(fmt.Sprint(g, "-", i)))
				c.Target = targets[target]
				u, err := replicas[g%len(replicas)].Take(context.Background(), c)
				if err != nil {
					t.Error(err)
				}
				if u.Allowed {
					byPerson[person].Add(1)
					byTarget[target].Add(1)
				}
			}
		})
	}
	group.Wait()
	sum := byPerson[0].Load() + byPerson[1].Load()
	if sum != 180 || byPerson[0].Load() > 95 || byPerson[1].Load() > 95 {
		t.Errorf("%d and %d were taken, want 180 in all and 95 each at most", byPerson[0].Load(), byPerson[1].Load())
	}
	for i := range targets {
		if n := byTarget[i].Load(); n > 90 {
			t.Errorf("%d were taken for target %s, want 90 at most", n, targets[i])
		}
	}
	r := replicas[0]
	for i, person := range people {
		if got := r.number(fmt.Sprintf("SELECT held[1]::bigint FROM interlock.bucket WHERE meter LIKE 'person, %%requests' AND value = '%s'", person)); got != 120-byPerson[i].Load() {
			t.Errorf("%s has %d left, and drew %d of 120", person, got, byPerson[i].Load())
		}
	}
	if open := r.number("SELECT count(*) FROM interlock.open_ticket"); open != sum {
		t.Errorf("%d tickets are unfinished, and %d were taken", open, sum)
	}
	for g := range 100 {
		group.Go(func() {
			for i := range 5 {
				if err := replicas[(g+1)%len(replicas)].Release(context.Background(), charge("ann", 1, ticket(fmt.Sprint(g, "-", i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if left := r.number("SELECT coalesce(sum(opened), 0) FROM interlock.bucket") + r.number("SELECT count(*) FROM interlock.open_ticket"); left != 0 {
		t.Errorf("when all are over, %d are counted", left)
	}
}

// One ticket that comes to all replicas at once is charged once.
func TestATicketThatComesToAllReplicasIsChargedOnce(t *testing.T) {
	t.Parallel()
	pool := sessions(t, migrated(t), 40)
	const rows = "p3, person, *, *, *, requests, 5, 1h, refuse\np3, all, *, *, *, open, 5, -, refuse\n"
	one, two := open(t, pool, rows), open(t, pool, rows)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			l := []*replica{one, two}[i%2]
			if u, err := l.Take(context.Background(), charge("ann", 1, ticket("t"))); err != nil || !u.Allowed {
				t.Errorf("usage is %+v, %v", u, err)
			}
		})
	}
	group.Wait()
	for _, s := range peek(t, one, charge("ann", 1, ticket("u"))).Limits {
		if s.Left != 3 {
			t.Errorf("%s: %d left, want 3", s.Unit, s.Left)
		}
	}
	if u, err := two.Take(t.Context(), charge("bob", 1, ticket("t"))); err == nil || u.Allowed {
		t.Errorf("the ticket of another: %+v, %v", u, err)
	}
}

// While replicas have different policies they let no more pass, together, than
// the one with the looser limits would alone.
func TestReplicasWithDifferentPoliciesLetNoMorePassThanTheLooser(t *testing.T) {
	t.Parallel()
	const hour = "p3, person, *, *, *, requests, %d, 1h, refuse\n"
	for _, tc := range []struct {
		name, one, two string
		most           int // at one moment
	}{
		{"other amounts", fmt.Sprintf(hour, 10), fmt.Sprintf(hour, 25), 25},
		{"other windows", fmt.Sprintf(hour, 10), "p3, person, *, *, *, requests, 10, 24h, refuse\n", 10},
		{"one row more", fmt.Sprintf(hour, 10), fmt.Sprintf(hour, 10) + "p3, person, *, *, *, requests, 7, 24h, refuse\n", 10},
		{"another row", fmt.Sprintf(hour, 10), "p3, person, *, *, *, requests, 12, 24h, refuse\n", 12},
		{"open tickets, other amounts", "p3, person, *, *, *, open, 4, -, refuse\n", "p3, person, *, *, *, open, 9, -, refuse\n", 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pool := migrated(t)
			both := []*replica{open(t, pool, tc.one), open(t, pool, tc.two)}
			taken := 0
			for i := range 80 {
				both[i%2].SetMoment(func() time.Time { return noon })
				if take(t, both[i%2], charge("ann", 1, ticket(fmt.Sprint(i)))).Allowed {
					taken++
				}
			}
			if taken != tc.most {
				t.Errorf("%d were taken, want %d", taken, tc.most)
			}
		})
	}
}

// A ticket that came to a replica without a limit of open tickets counts for
// one that has it, also while edits come and go.
func TestUnfinishedTicketsCountForAllReplicas(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	old, next := open(t, pool, ""), open(t, pool, "p3, person, *, *, *, open, 5, -, refuse\n")
	for _, id := range []string{"a", "b"} {
		take(t, old, charge("ann", 1, ticket(id)))
	}
	if got := next.left(charge("ann", 1, ticket("z"))); got != 3 {
		t.Errorf("two are open: room for %d, want 3", got)
	}
	take(t, old, charge("ann", 1, ticket("c")))
	take(t, old, charge("bob", 1, ticket("d")))
	if got := next.left(charge("ann", 1, ticket("z"))); got != 2 {
		t.Errorf("three are open: room for %d, want 2", got)
	}
	for _, id := range []string{"a", "a", "c", "nobody's"} {
		if err := old.Release(t.Context(), charge("ann", 1, ticket(id))); err != nil {
			t.Fatal(err)
		}
	}
	if got := next.left(charge("ann", 1, ticket("z"))); got != 4 {
		t.Errorf("one is open: room for %d, want 4", got)
	}
}

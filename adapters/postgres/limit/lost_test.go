package limit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

const lossRows = `p3, person, *, *, *, requests, 10, 1h, refuse
p3, person, *, *, *, undo.requests, 6, 1h, refuse
p3, person, *, *, *, open, 4, -, refuse
`

// However the buckets are lost, they are empty then and fill at their rates,
// those for undo too, and unfinished tickets are still counted.
func TestLostBucketsAreEmptyAndFillAtTheirRates(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]string{
		"truncated":                  "TRUNCATE interlock.bucket, interlock.charged",
		"emptied":                    "DELETE FROM interlock.bucket",
		"not to be believed anymore": "UPDATE interlock.limit_epoch SET epoch = epoch + 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, migrated(t), lossRows)
			c := &clock{now: noon}
			r.SetMoment(c.time)
			for _, id := range []string{"a", "b", "c"} {
				take(t, r, charge("ann", 1, ticket(id)))
			}
			r.exec(lose)
			var group sync.WaitGroup
			for i := range 20 { // one of them begins anew
				group.Go(func() {
					u, err := r.Take(context.Background(), charge(fmt.Sprint("somebody", i), 1, ticket(fmt.Sprint("x", i))))
					if err != nil || u.Allowed || u.RetryAfter != 6*time.Minute {
						t.Errorf("just lost: %+v, %v; want a wait of 6m", u, err)
					}
				})
			}
			group.Wait()
			if e := r.number("SELECT epoch FROM interlock.limit_epoch"); e < 2 || e > 3 {
				t.Errorf("the epoch is %d", e)
			}
			c.advance(30 * time.Minute)
			if u := take(t, r, charge("bob", 6, ticket("bob"))); u.Allowed {
				t.Errorf("after half of the window all is there again: %+v", u)
			}
			if u := take(t, r, charge("bob", 5, ticket("bob"))); !u.Allowed {
				t.Errorf("after half of the window nothing is there: %+v", u)
			}
			if u := take(t, r, charge("ann", 3, undo)); !u.Allowed {
				t.Errorf("undo is shut: %+v", u)
			}
			u := take(t, r, charge("ann", 1, ticket("d")))
			if !u.Allowed || u.Limits[1].Left != 0 {
				t.Errorf("the fourth ticket of four: %+v", u)
			}
			if u := take(t, r, charge("ann", 1, ticket("e"))); u.Allowed || u.Limits[0].Unit != "open" {
				t.Errorf("the fifth ticket of four: %+v", u)
			}
			c.advance(100 * time.Hour)
			if u := take(t, r, charge("cat", 10, ticket("cat"))); !u.Allowed {
				t.Errorf("long after: %+v", u)
			}
		})
	}
}

// A crash of the server empties the table of buckets. What was released or
// charged before it is not forgotten.
func TestACrashOfTheServerRefillsNothing(t *testing.T) {
	t.Parallel()
	s, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	pool := s.Pool(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.DefaultSchema); err != nil {
		t.Fatal(err)
	}
	r := open(t, pool, lossRows)
	for _, id := range []string{"a", "b", "c"} {
		take(t, r, charge("ann", 3, ticket(id)))
	}
	// A commit that is synced, as that of a ticket, syncs what was before.
	r.exec("CREATE TABLE tickets (id text)")
	if err := s.Crash(); err != nil {
		t.Fatal(err)
	}
	if u, err := r.Take(t.Context(), charge("ann", 1, ticket("d"))); err == nil || u.Allowed {
		t.Errorf("without a server: %+v, %v", u, err)
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	r = open(t, s.Connect(t, pool.Config().ConnString()), lossRows)
	for _, person := range []string{"ann", "bob"} {
		if u := take(t, r, charge(person, 1, ticket("after-"+person))); u.Allowed || u.RetryAfter > 6*time.Minute || u.RetryAfter < 5*time.Minute {
			t.Errorf("%s after the crash: %+v, want a wait of 6m", person, u)
		}
	}
	if got := r.number("SELECT opened FROM interlock.bucket WHERE meter LIKE '%open' AND value = 'ann'"); got != 3 {
		t.Errorf("%d tickets are counted, want 3", got)
	}
}

package postgres_test

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/moderation"
)

// fewTickets is how many the small store of BenchmarkSize has.
const fewTickets = 10_000

// BenchmarkSize asks a store of many tickets what it asks one of 10,000, in
// turn, and reports the median of each and their ratio. LARGE_STORE says how
// many the large one has: 100,000 where it is not set.
//
// Both have as many tickets that are unfinished, due or owed: they differ in
// their past, of which each ticket has a target of its own, and two records that
// were relayed and pruned.
func BenchmarkSize(b *testing.B) {
	many := 100_000
	if n, err := strconv.Atoi(os.Getenv("LARGE_STORE")); err == nil {
		many = n
	}
	own, err := postgrestest.Start(b.Context(), "shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "maintenance_work_mem=512MB")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { own.Stop() })
	few, lots := filled(b, own, fewTickets), filled(b, own, many)
	for _, q := range sizeQuestions(b.Context()) {
		b.Run(q.name, func(b *testing.B) {
			var times [2][]time.Duration
			for i := range 20 { // plans and caches
				if err := q.ask([]sized{few, lots}[i%2]); err != nil {
					b.Fatal(err)
				}
			}
			for n := 0; b.Loop(); n++ {
				for i, s := range []sized{few, lots} {
					start := time.Now()
					if err := q.ask(s); err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], time.Since(start))
				}
			}
			var medians [2]float64
			for i, all := range times {
				slices.Sort(all)
				medians[i] = float64(all[len(all)/2].Microseconds())
			}
			b.ReportMetric(medians[0], "µs-few")
			b.ReportMetric(medians[1], "µs-many")
			b.ReportMetric(medians[1]/medians[0], "many/few")
		})
	}
}

// sized is a store and how many tickets it has.
type sized struct {
	opened
	count int
}

// any is one of the tickets of the past.
func (s sized) any() string { return pastID(rand.IntN(s.count) + 1) }

func pastID(n int) string { return fmt.Sprintf("%x", md5.Sum([]byte(strconv.Itoa(n)))) }

// sizeQuestion is something that a guard asks.
type sizeQuestion struct {
	name string
	ask  func(sized) error
}

func sizeQuestions(ctx context.Context) []sizeQuestion {
	now := began.AddDate(5, 0, 0)
	read := func(name string, want int, q func(sized) moderation.Query) sizeQuestion {
		return sizeQuestion{"read " + name, func(s sized) error {
			n := 0
			for _, err := range s.Tickets(ctx, q(s)) {
				if err != nil {
					return err
				}
				n++
			}
			if n != want {
				return fmt.Errorf("%d tickets, want %d", n, want)
			}
			return nil
		}}
	}
	unfinished := []moderation.Status{moderation.StatusPending, moderation.StatusHeld, moderation.StatusExecuting, moderation.StatusUnknown}
	return []sizeQuestion{
		{"commit an action", func(s sized) error {
			t := executing("account-"+strconv.FormatInt(made.Add(1), 10), 1)
			t.ID = pastID(int(-made.Add(1)))
			intent := change(t)
			intent.Heads = []moderation.HeadIs{{Target: t.Subject.ID}, {Target: moderation.FreezeTarget}}
			if err := s.Commit(ctx, intent); err != nil {
				return err
			}
			return s.Commit(ctx, change(next(t, moderation.StatusFailed)))
		}},
		{"ticket", func(s sized) error { _, err := s.Ticket(ctx, s.any()); return err }},
		{"head", func(s sized) error { _, err := s.Head(ctx, "target-"+s.any()); return err }},
		read("by key", 1, func(s sized) moderation.Query {
			return moderation.Query{Requester: "ada", Key: "key-" + s.any(), Limit: 1}
		}),
		read("what is due", 100, func(sized) moderation.Query { return moderation.Query{DueBy: now} }),
		read("what is owed", 5, func(sized) moderation.Query { return moderation.Query{Owed: true} }),
		read("what is unfinished", 400, func(sized) moderation.Query { return moderation.Query{Status: unfinished} }),
		read("a person's unfinished", 4, func(sized) moderation.Query {
			return moderation.Query{Person: "person-7", Status: unfinished}
		}),
		read("a person's first 100", 100, func(sized) moderation.Query { return moderation.Query{Person: "person-7", Limit: 100} }),
		read("a batch's members", 50, func(sized) moderation.Query { return moderation.Query{Mandate: "mandate-1"} }),
		read("a target's", 1, func(s sized) moderation.Query { return moderation.Query{Target: "target-" + s.any()} }),
		read("a page from the middle", 100, func(s sized) moderation.Query {
			return moderation.Query{After: pastID(s.count / 2), Limit: 100}
		}),
	}
}

// filled returns a store with so many tickets, put there without it.
func filled(b *testing.B, own *postgrestest.Server, count int) sized {
	b.Helper()
	pool := own.Pool(b)
	if err := postgres.Migrate(b.Context(), pool, postgres.DefaultSchema); err != nil {
		b.Fatal(err)
	}
	s := sized{over(b, pool), count}
	past := next(executing("TARGET", 1), moderation.StatusExecuted)
	past.ID = "IDENTITY"
	state, err := json.Marshal(past)
	if err != nil {
		b.Fatal(err)
	}
	// In the present, of either store: 400 unfinished, 100 due, 5 owed, 50 members.
	s.exec(b, `INSERT INTO interlock.ticket (id, revision, seq, status, actor, key, person, target, kind, requested, due, mandate, owes, busy, stands, executed, fence, subject, state)
		SELECT id, 2, 2 * n, CASE WHEN n <= 400 THEN 'pending' ELSE 'executed' END, 'ada', 'key-' || id, 'person-' || n % 100, 'target-' || id, 'account.suspend',
			'2017-11-02T' || to_char(time '00:00' + n * interval '1 millisecond', 'HH24:MI:SS.MS') || '000000', 
			CASE WHEN n <= 100 THEN '2018-01-01T00:00:00.000000000' WHEN n % 20 = 0 THEN '2029-01-01T00:00:00.000000000' END,
			CASE WHEN n BETWEEN 1001 AND 1050 THEN 'mandate-1' ELSE '' END, n BETWEEN 2001 AND 2005, false, n > 400, '2017-11-02T00:00:00.000000000', 1, sha256(id::bytea),
			convert_to(replace(replace(`+"'"+string(state)+"'"+`, 'IDENTITY', id), 'TARGET', 'target-' || id), 'UTF8')
		FROM (SELECT n, md5(n::text) AS id FROM generate_series(1, `+strconv.Itoa(count)+`) n) s`)
	s.exec(b, `INSERT INTO interlock.involved SELECT person, requested, id FROM interlock.ticket`)
	s.exec(b, `INSERT INTO interlock.head SELECT target, 1, 'ordinary', requested, '', NULL FROM interlock.ticket`)
	s.exec(b, `INSERT INTO interlock.outbox SELECT n, md5(n::text) || '.' || n % 2, sha256(n::text::bytea), sha256(n::text::bytea) FROM generate_series(1, `+strconv.Itoa(2*count)+`) n`)
	s.exec(b, `UPDATE interlock.chain SET seq = `+strconv.Itoa(2*count)+`, hash = sha256('')`)
	s.exec(b, `VACUUM ANALYZE`)
	s.exec(b, `CHECKPOINT`)
	var size int64
	if err := pool.QueryRow(b.Context(), `SELECT pg_database_size(current_database())`).Scan(&size); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d tickets: %d bytes each, their records pruned", count, size/int64(count))
	return s
}

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/internal/partitions/simulation"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/moderation"
)

// service is what was measured of one partition while nothing else was done.
type service struct {
	simulation.Service
	held map[int]time.Duration // how long the chain is held, by changes in the group
}

// sizesOf are the sizes of groups that are timed.
func sizesOf(n int) (sizes []int) {
	for i := range n {
		sizes = append(sizes, 1<<i)
	}
	return sizes
}

// measure measures each part of an action by itself, in a new database.
func measure(ctx context.Context, server *postgrestest.Server, o options) (s service, err error) {
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		return s, err
	}
	watch := new(stopwatch)
	pool, err := openPool(ctx, dsn, 1, func(c *pgxpool.Config) { c.ConnConfig.Tracer = watch })
	if err != nil {
		return s, err
	}
	defer pool.Close()
	if err := migrate(ctx, pool); err != nil {
		return s, err
	}
	if s.Trip, err = timeTrip(ctx, pool, 100*o.rounds); err != nil {
		return s, err
	}
	if s.Flush, err = timeFlushes(ctx, pool, 20*o.rounds); err != nil {
		return s, err
	}
	intent, outcome, whole, err := timeActions(ctx, pool, 20*o.rounds)
	if err != nil {
		return s, err
	}
	if err := s.timeGroups(ctx, pool, watch, intent, outcome, o); err != nil {
		return s, err
	}
	// What an action takes beside its two commits.
	s.Decide = max(0, whole-2*s.Trip-s.Begin-s.PerJob-2*s.Fixed-s.PerIntent-s.PerOutcome-2*undisturbed(s.Flush))
	return s, nil
}

// undisturbed is a time that a quarter did not exceed: what something takes by
// itself, where other things on the machine disturb some.
func undisturbed(all []time.Duration) time.Duration {
	return quantile(slices.Sorted(slices.Values(all)), 0.25)
}

// timed does something so often, and returns how long each time took.
func timed(n int, do func(i int) error) ([]time.Duration, error) {
	all := make([]time.Duration, n)
	for i := range all {
		begun := time.Now()
		if err := do(i); err != nil {
			return nil, err
		}
		all[i] = time.Since(begun)
	}
	return all, nil
}

func timeTrip(ctx context.Context, pool *pgxpool.Pool, n int) (time.Duration, error) {
	all, err := timed(n, func(int) error {
		_, err := pool.Exec(ctx, "SELECT")
		return err
	})
	if err != nil {
		return 0, err
	}
	return undisturbed(all), nil
}

// timeFlushes is how much longer the commit of one row takes when it is waited
// for until it is on the disk.
func timeFlushes(ctx context.Context, pool *pgxpool.Pool, n int) ([]time.Duration, error) {
	if _, err := pool.Exec(ctx, "CREATE TABLE flushed (n bigint)"); err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, "INSERT INTO flushed VALUES (0)"); err != nil {
		return nil, err
	}
	took := make(map[string][]time.Duration)
	for range n {
		for _, commit := range []string{"on", "off"} {
			if _, err := pool.Exec(ctx, "SET synchronous_commit = "+commit); err != nil {
				return nil, err
			}
			begun := time.Now()
			if _, err := pool.Exec(ctx, "UPDATE flushed SET n = n + 1"); err != nil {
				return nil, err
			}
			took[commit] = append(took[commit], time.Since(begun))
		}
	}
	if _, err := pool.Exec(ctx, "RESET synchronous_commit"); err != nil {
		return nil, err
	}
	unflushed := undisturbed(took["off"])
	var flushes []time.Duration
	for _, d := range took["on"] {
		flushes = append(flushes, max(0, d-unflushed))
	}
	return flushes, nil
}

// timeActions executes actions one after the other. It returns the two changes of
// one, to make others like them, and how long an action takes.
func timeActions(ctx context.Context, pool *pgxpool.Pool, n int) (intent, outcome moderation.Change, whole time.Duration, err error) {
	store, err := openStore(ctx, pool, true)
	if err != nil {
		return intent, outcome, 0, err
	}
	kept := &keeping{Store: store}
	guard, err := openGuard(ctx, kept)
	if err != nil {
		return intent, outcome, 0, err
	}
	act := func(int) error {
		_, err := guard.Do(ctx, suspend(accounts.Add(1)))
		return err
	}
	if _, err := timed(n, act); err != nil { // plans and caches
		return intent, outcome, 0, err
	}
	all, err := timed(n, act)
	if err = errors.Join(err, guard.Close(ctx)); err != nil {
		return intent, outcome, 0, err
	}
	last := kept.changes[len(kept.changes)-2:]
	return last[0], last[1], undisturbed(all), nil
}

// keeping is a store that keeps what was committed.
type keeping struct {
	moderation.Store
	mu      sync.Mutex
	changes []moderation.Change
}

// Commit keeps a change, and commits it.
func (k *keeping) Commit(ctx context.Context, c moderation.Change) error {
	k.mu.Lock()
	k.changes = append(k.changes, c)
	k.mu.Unlock()
	return k.Store.Commit(ctx, c)
}

// like is a change like another, of another ticket about another account.
func like(c moderation.Change, n int64) moderation.Change {
	t := c.Tickets[0]
	t.ID, t.Action.Key, t.Action.Target, t.Subject.ID = fmt.Sprintf("like-%012d", n), fmt.Sprint("like-", n), account(n), account(n)
	c.Tickets = []moderation.Ticket{t}
	c.Record.ID = fmt.Sprintf("%s.%d", t.ID, t.Revision)
	c.Heads = slices.Clone(c.Heads)
	if len(c.Heads) > 0 {
		c.Heads[0].Target = t.Subject.ID
	}
	return c
}

// timeGroups commits groups of each size, intents with and without their jobs and
// the outcomes that follow, and finds out what each further change adds.
func (s *service) timeGroups(ctx context.Context, pool *pgxpool.Pool, watch *stopwatch, intent, outcome moderation.Change, o options) error {
	bare, err := openStore(ctx, pool, false)
	if err != nil {
		return err
	}
	scheduling, err := openStore(ctx, pool, true)
	if err != nil {
		return err
	}
	intents, outcomes, jobs := make(samples), make(samples), make(samples)
	for round := range o.rounds + 1 {
		for _, size := range sizesOf(o.sizes) {
			first := accounts.Add(int64(2*size+2)) - int64(2*size+1)
			for _, pass := range []struct {
				store *postgres.Store
				like  moderation.Change
				from  int64
				into  samples
				of    func(group) time.Duration
			}{
				{bare, intent, first, intents, func(g group) time.Duration { return g.commit }},
				{bare, outcome, first, outcomes, func(g group) time.Duration { return g.commit }},
				{scheduling, intent, first + int64(size) + 1, jobs, func(g group) time.Duration { return g.before }},
			} {
				watch.taken()
				if err := together(ctx, pool, pass.store, pass.like, pass.from, size); err != nil {
					return err
				}
				for _, g := range watch.taken() {
					if round > 0 { // the first makes plans
						pass.into[g.changes] = append(pass.into[g.changes], pass.of(g))
					}
				}
			}
		}
	}
	s.reckon(intents, outcomes, jobs, o)
	return nil
}

// together commits one change, and so many at once behind it, which gather while
// the store waits for its connection.
func together(ctx context.Context, pool *pgxpool.Pool, store *postgres.Store, c moderation.Change, from int64, size int) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, size+1)
	var all sync.WaitGroup
	commit := func(i int) {
		all.Go(func() { errs[i] = store.Commit(ctx, like(c, from+int64(i))) })
	}
	commit(size) // is taken at once
	spin(time.Millisecond)
	for i := range size {
		commit(i)
	}
	spin(time.Millisecond + time.Duration(size)*50*time.Microsecond)
	conn.Release()
	all.Wait()
	return errors.Join(errs...)
}

// spin lets others work for a while without letting the processor fall asleep,
// which would be part of what is timed next.
func spin(d time.Duration) {
	for begun := time.Now(); time.Since(begun) < d; {
		runtime.Gosched()
	}
}

// samples are times by the number of changes in a group.
type samples map[int][]time.Duration

// line fits the undisturbed times to fixed + changes·each, by least squares.
func (s samples) line() (fixed, each time.Duration) {
	var n, x, y, xx, xy float64
	for changes, all := range s {
		if len(all) < 3 {
			continue // a group that was not meant
		}
		size, took := float64(changes), float64(undisturbed(all))
		w := 1 / (size * size) // small groups are to fit as well, in parts of themselves
		n, x, y, xx, xy = n+w, x+w*size, y+w*took, xx+w*size*size, xy+w*size*took
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return time.Duration(max(0, (y-slope*x)/n)), time.Duration(max(0, slope))
}

// reckon makes parts of the samples.
func (s *service) reckon(intents, outcomes, jobs samples, o options) {
	fixedIntent, perIntent := intents.line()
	fixedOutcome, perOutcome := outcomes.line()
	s.PerIntent, s.PerOutcome = perIntent, perOutcome
	s.Fixed = max(0, (fixedIntent+fixedOutcome)/2-s.Trip-undisturbed(s.Flush))
	s.Begin, s.PerJob = jobs.line()
	s.held = make(map[int]time.Duration)
	for _, size := range sizesOf(o.sizes) {
		if len(intents[size]) > 0 && len(outcomes[size]) > 0 {
			s.held[size] = max(0, (undisturbed(intents[size])+undisturbed(outcomes[size]))/2-s.Trip)
		}
	}
}

package versions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// without is constitution where ann is no moderator any more.
var without = strings.Replace(constitution, "g, ann, mod", "g, eve, mod", 1)

// tickets opens the guard's store over the house's schema.
func (h *house) tickets() *postgres.Store {
	h.t.Helper()
	s, err := postgres.Open(h.t.Context(), postgres.Config{Pool: h.pool, Schema: h.schema})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// delayed is a store where something happens just before a decision is committed.
type delayed struct {
	moderation.Store
	once   sync.Once
	before func()
}

func (d *delayed) Commit(ctx context.Context, c moderation.Change) error {
	if c.Record.Event == audit.EventIntent && c.Record.Target.ID != moderation.PolicyTarget {
		d.once.Do(d.before)
	}
	return d.Store.Commit(ctx, c)
}

func suspend(ctx context.Context, s *service, who, target, key string) (moderation.Ticket, error) {
	return s.Do(ctx, moderation.Action{Kind: "account.suspend", Actor: who, Target: target, Reason: "spam", Key: key})
}

// Between a decision and its commit the policy changes: it is decided again, under
// the version that is in force by then, and not executed on the strength of the
// one before.
func TestExecutionDecidedUnderTheVersionBeforeIsDecidedAgain(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, tc := range map[string]struct {
		to    string
		hears bool // of the change, before it decides again
		runs  bool
	}{
		"and still allowed":                     {amended, true, true},
		"and denied by now":                     {without, true, false},
		"by a replica that hears nothing of it": {amended, false, false},
		"by such a replica, and denied by now":  {without, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, constitution)
			one := h.begin(t, new(audit.Memory), h.tickets(), nil)
			late := &delayed{Store: h.tickets()}
			var ran atomic.Int64
			two := h.begin(t, new(audit.Memory), late, func(moderation.Permit) { ran.Add(1) })
			late.before = func() {
				if ticket := one.changePolicy(tc.to); ticket.Status != moderation.StatusExecuted {
					t.Errorf("the change is %s: %s", ticket.Status, ticket.Note)
				}
				if tc.hears {
					if err := two.authorizer.Reload(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
			ticket, err := suspend(t.Context(), two, "ann", "7", "k")
			if (err == nil) != tc.runs || (ran.Load() == 1) != tc.runs {
				t.Fatalf("%v, and the handler ran %d times", err, ran.Load())
			}
			if tc.runs && ticket.Policy != digestOf(t, tc.to) {
				t.Errorf("it was executed under version %.12s", ticket.Policy)
			}
			if !tc.hears && !errors.Is(err, moderation.ErrConflict) {
				t.Errorf("the replica that hears nothing says %v, want ErrConflict", err)
			}
			if err := two.authorizer.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := suspend(t.Context(), two, "eve", "8", "e"); err != nil {
				t.Errorf("once it has heard of it: %v", err)
			}
		})
	}
}

// Versions race with executions on two replicas that hear of them by hints and
// polls. In the order of the records no intent was decided under a version older
// than that of an intent before it.
func TestNoIntentIsBehindAVersionThatItWasNotDecidedUnder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	replicas := make([]*service, 2)
	for i := range replicas {
		replicas[i] = h.begin(t, new(audit.Memory), h.tickets(), nil)
		watch(t, replicas[i].authorizer, policy.WatchConfig{Every: 50 * time.Millisecond, Watcher: h.Listen(t.Context(), nil)})
	}
	var done atomic.Bool
	var executed atomic.Int64
	var all sync.WaitGroup
	for i, s := range replicas {
		all.Go(func() {
			for n := i; !done.Load() && n < manyTargets; n += len(replicas) { // an account each
				_, err := suspend(t.Context(), s, "ann", fmt.Sprint(n), fmt.Sprint(n))
				if err == nil {
					executed.Add(1)
				}
			}
		})
	}
	more := func() {
		t.Helper()
		before := executed.Load()
		until(t, "five more were executed", func() bool { return executed.Load() >= before+5 })
	}
	defer all.Wait()
	defer done.Store(true)
	versions := []string{digestOf(t, constitution)}
	for n := range 4 {
		more()
		text := fmt.Sprintf("%sg, new%d, mod, *, -, -\n", constitution, n)
		if ticket := replicas[0].changePolicy(text); ticket.Status != moderation.StatusExecuted {
			t.Fatalf("change %d is %s: %s", n, ticket.Status, ticket.Note)
		}
		versions = append(versions, digestOf(t, text))
	}
	more()
	done.Store(true)
	all.Wait()

	rows, err := h.pool.Query(t.Context(), `SELECT convert_from(body, 'UTF8')::json #>> '{decision,policy}' FROM `+h.schema+`.outbox
		WHERE convert_from(body, 'UTF8')::json ->> 'event' = 'intent' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	at, met := 0, map[string]bool{}
	for rows.Next() {
		var digest string
		if err := rows.Scan(&digest); err != nil {
			t.Fatal(err)
		}
		met[digest] = true
		if i := slices.Index(versions, digest); i < at {
			t.Errorf("an intent of version %d is behind one of version %d", i, at)
		} else {
			at = i
		}
	}
	if rows.Err() != nil || len(met) != len(versions) {
		t.Errorf("intents of %d versions, want %d: %v", len(met), len(versions), rows.Err())
	}
}

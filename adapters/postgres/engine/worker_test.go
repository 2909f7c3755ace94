package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// answering is a guard that gives one answer.
type answering struct {
	ticket moderation.Ticket
	err    error
}

func (a *answering) Advance(context.Context, string) (moderation.Ticket, error) {
	return a.ticket, a.err
}

func TestWhatBecomesOfAJob(t *testing.T) {
	t.Parallel()
	l := openLedger(t, server.Connect(t, server.DSN("postgres")))
	away := errors.New("the store is away")
	ticket := func(revision uint64, due time.Duration) func() moderation.Ticket {
		return func() moderation.Ticket {
			return moderation.Ticket{ID: "one", Revision: revision, Due: time.Now().Add(due)}
		}
	}
	settled := func(revision uint64) func() moderation.Ticket {
		return func() moderation.Ticket { return moderation.Ticket{ID: "one", Revision: revision} }
	}
	none := func() moderation.Ticket { return moderation.Ticket{} }
	for name, tt := range map[string]struct {
		ticket   func() moderation.Ticket
		err      error
		revision uint64        // of the job
		snoozes  int           // so far
		behind   time.Duration // this clock, behind the database's
		sleep    time.Duration // zero: the job is done
		cancel   bool
	}{
		"the ticket moved on":                                  {ticket: settled(6), revision: 5},
		"the ticket moved on, and is due later":                {ticket: ticket(6, time.Hour), revision: 5},
		"the ticket was refused, which is its end":             {ticket: settled(6), err: &moderation.Refusal{}, revision: 5},
		"a later revision can't be advanced, and has a job":    {ticket: ticket(6, 0), err: away, revision: 5},
		"nothing is due any more":                              {ticket: settled(5), revision: 5},
		"the change was never made":                            {ticket: none, err: fmt.Errorf("reading: %w", moderation.ErrNoTicket), revision: 5},
		"no ticket has such an ID":                             {ticket: none, err: fmt.Errorf("%w: ID", moderation.ErrInvalid), revision: 5, cancel: true},
		"it came early":                                        {ticket: ticket(5, 3*time.Second), revision: 5, sleep: 3 * time.Second},
		"it came early by a clock that is behind":              {ticket: ticket(5, 3*time.Second), revision: 5, behind: 10 * time.Second, sleep: 13 * time.Second},
		"it came early again and again":                        {ticket: ticket(5, time.Millisecond), revision: 5, snoozes: 3, sleep: 8 * time.Second},
		"it came early again, and has long to wait":            {ticket: ticket(5, time.Hour), revision: 5, snoozes: 3, sleep: time.Hour},
		"it is due and did not move":                           {ticket: ticket(5, -time.Second), revision: 5, sleep: time.Second},
		"it is due this instant and did not move":              {ticket: ticket(5, 0), revision: 5, sleep: time.Second},
		"it can't be advanced now":                             {ticket: ticket(5, 0), err: away, revision: 5, sleep: time.Second},
		"it can't be advanced, the third time":                 {ticket: ticket(5, 0), err: away, revision: 5, snoozes: 2, sleep: 4 * time.Second},
		"it can't be advanced, the seventh time":               {ticket: ticket(5, 0), err: away, revision: 5, snoozes: 6, sleep: time.Minute},
		"it can't be advanced, after a month":                  {ticket: ticket(5, 0), err: away, revision: 5, snoozes: 43200, sleep: time.Minute},
		"nobody can read it":                                   {ticket: none, err: away, revision: 5, sleep: time.Second},
		"the guard speaks of no ticket":                        {ticket: none, revision: 5, sleep: time.Second},
		"a ticket that it is about is missing another":         {ticket: ticket(5, 0), err: moderation.ErrNoTicket, revision: 5, sleep: time.Second},
		"the job tells no revision, and nothing is due now":    {ticket: ticket(6, time.Hour)},
		"the job tells no revision, and nothing is due at all": {ticket: settled(6)},
		"the job tells no revision, and the ticket is stuck":   {ticket: ticket(6, 0), err: away, sleep: time.Second},
		"the ticket is older than its job":                     {ticket: ticket(4, 0), revision: 5, sleep: time.Second},
		"the ticket is older, and has long to wait":            {ticket: ticket(4, time.Hour), revision: 5, sleep: time.Second},
		"the ticket is older, and waits for nothing":           {ticket: settled(4), revision: 5, snoozes: 2, sleep: 4 * time.Second},
		"the ticket is older, and can't be advanced":           {ticket: ticket(4, 0), err: away, revision: 5, snoozes: 1, sleep: 2 * time.Second},
		"the ticket is older after a minute":                   {ticket: ticket(4, 0), revision: 5, snoozes: 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := l.config()
			guard := &answering{err: tt.err}
			c.Guard = guard
			w, err := engine.NewWorker(c)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				guard.ticket = tt.ticket()
				taken := time.Now().Add(tt.behind)
				job := &river.Job[engine.AdvanceArgs]{
					JobRow: &rivertype.JobRow{AttemptedAt: &taken, Metadata: fmt.Appendf(nil, `{"snoozes":%d}`, tt.snoozes)},
					Args:   engine.AdvanceArgs{Ticket: "one", Revision: tt.revision},
				}
				wantVerdict(t, w.Work(t.Context(), job), tt.sleep, tt.cancel)
			})
		})
	}
}

// wantVerdict wants that a job sleeps, is cancelled, or is done.
func wantVerdict(t *testing.T, err error, sleep time.Duration, cancel bool) {
	t.Helper()
	var snoozed *river.JobSnoozeError
	var cancelled *river.JobCancelError
	switch {
	case sleep > 0:
		if !errors.As(err, &snoozed) || snoozed.Duration != sleep {
			t.Errorf("Work = %v, want to sleep %v", err, sleep)
		}
	case cancel:
		if !errors.As(err, &cancelled) {
			t.Errorf("Work = %v, want to be cancelled", err)
		}
	case err != nil:
		t.Errorf("Work = %v, want to be done", err)
	}
}

func TestMetadataThatIsNotOursIsNoHindrance(t *testing.T) {
	t.Parallel()
	l := openLedger(t, server.Connect(t, server.DSN("postgres")))
	for _, metadata := range []string{"", "null", "[]", `{"snoozes":"many"}`, `{"snoozes":-1}`, `{"snoozes":1e99}`} {
		c := l.config()
		c.Guard = &answering{err: errors.New("away")}
		w, err := engine.NewWorker(c)
		if err != nil {
			t.Fatal(err)
		}
		job := &river.Job[engine.AdvanceArgs]{JobRow: &rivertype.JobRow{Metadata: []byte(metadata)}, Args: engine.AdvanceArgs{Ticket: "one", Revision: 1}}
		wantVerdict(t, w.Work(t.Context(), job), time.Second, false)
	}
}

func TestTheZeroWorkerFailsEveryJob(t *testing.T) {
	t.Parallel()
	job := &river.Job[engine.AdvanceArgs]{JobRow: &rivertype.JobRow{}, Args: engine.AdvanceArgs{Ticket: "one"}}
	for _, w := range []*engine.Worker{nil, {}} {
		for _, job.Args.Ticket = range []string{"one", ""} {
			if err := w.Work(t.Context(), job); err == nil {
				t.Error("a Worker that was not made has done a job")
			}
		}
	}
}

// What other versions write is read, and what this one writes stays what it is.
func TestJobsOfOtherVersionsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]engine.AdvanceArgs{
		`{"ticket":"one","revision":7}`:                                {Ticket: "one", Revision: 7},
		`{"ticket":"one","revision":7,"region":"eu","hints":{"a":[]}}`: {Ticket: "one", Revision: 7},
		`{"ticket":"one"}`:                                             {Ticket: "one"},
		`{"backlog":true}`:                                             {Backlog: true},
		`{}`:                                                           {},
	} {
		var got engine.AdvanceArgs
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
}

func TestReplicasOfOtherVersionsAreNoHindrance(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.add(t, time.Now().Add(time.Hour), "newer", "older")
	if _, err := l.pool.Exec(t.Context(), `UPDATE ledger SET due = now() WHERE id IN ('newer', 'older')`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.pool.Exec(t.Context(), `
		DELETE FROM interlock.river_job;
		INSERT INTO interlock.river_job (args, kind, queue, max_attempts) VALUES
			('{"ticket": "newer", "revision": 1, "region": "eu"}', 'interlock_advance', 'interlock', 25),
			('{"ticket": "older"}', 'interlock_advance', 'interlock', 25),
			('{"ticket": "other", "revision": 1}', 'interlock_later', 'interlock', 1)`); err != nil {
		t.Fatal(err)
	}
	l.starts(t)
	l.waits(t, 2, advanced)
	l.waits(t, 1, undone)
	if n := l.count(t, `SELECT count(*) FROM interlock.river_job WHERE kind = 'interlock_later' AND state = 'available' AND attempt = 0`); n != 1 {
		t.Error("the job of a newer version was touched")
	}
}

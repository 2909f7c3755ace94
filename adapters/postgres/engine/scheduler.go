package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

// DefaultQueue is the queue where none is named.
const DefaultQueue = "interlock"

// lookAhead is how far River's leader looks ahead, and how often it looks. A
// job for a moment nearer than that would wait for its next look.
const lookAhead = 5 * time.Second

// queueName is what River takes for a queue, less what looks odd.
var queueName = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

// Scheduler inserts a River job for each moment at which a ticket is due, and
// deletes it when the ticket has moved on before. It is the
// [postgres.Unscheduler] of a store. Make one with [NewScheduler]; the
// zero Scheduler refuses. It may be used by many goroutines at once.
type Scheduler struct {
	client *river.Client[pgx.Tx]
	schema string
	queue  string
}

// NewScheduler makes a Scheduler for River's tables in a schema (see [Migrate];
// empty means [postgres.DefaultSchema]) and a queue (empty means
// [DefaultQueue]). Queues are named by lower-case letters and digits, at most
// 64 with the hyphens and underscores between them. It does not touch the
// database.
func NewScheduler(schema, queue string) (*Scheduler, error) {
	s := &Scheduler{schema: orDefault(schema, postgres.DefaultSchema), queue: orDefault(queue, DefaultQueue)}
	if err := postgres.CheckSchema(s.schema); err != nil {
		return nil, err
	}
	if len(s.queue) > 64 || !queueName.MatchString(s.queue) {
		return nil, fmt.Errorf("engine: queue %.80q: up to 64 lower-case letters and digits are needed, with hyphens or underscores between them, such as interlock", queue)
	}
	var err error
	s.client, err = river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: s.schema, Logger: warnings()})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return s, nil
}

func orDefault(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// Schedule inserts a job for each moment, in tx and with one statement, and one
// more where a job can start at once and others are to be told. A ticket's
// revision that is due at a moment has at most one job that is not done; a second
// one is left out.
//
// A moment that has come, or comes within five seconds, gives a job that starts
// as soon as tx is committed: it looks whether the ticket is due, and otherwise
// sleeps until then. tx must be one of pgx.
func (s *Scheduler) Schedule(ctx context.Context, tx pgx.Tx, moments []postgres.Moment) error {
	if s == nil || s.client == nil {
		return errors.New("engine: the Scheduler was not made by NewScheduler")
	}
	if len(moments) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(moments))
	for i, m := range moments {
		if m.Ticket == "" {
			return fmt.Errorf("engine: moment %d of %d names no ticket", i+1, len(moments))
		}
		jobs[i] = river.InsertManyParams{
			Args:       argsOf(m),
			InsertOpts: s.options(m.At),
		}
	}
	if _, err := s.client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("engine: scheduling %d moments: %w", len(moments), err)
	}
	return nil
}

func argsOf(m postgres.Moment) AdvanceArgs {
	a := AdvanceArgs{Ticket: m.Ticket, Revision: m.Revision}
	if !m.At.IsZero() {
		a.Due = m.At.UnixMicro()
	}
	return a
}

// in puts the schema's name, which was checked, into a statement.
func (s *Scheduler) in(statement string) string {
	return strings.ReplaceAll(statement, "@schema@", s.schema)
}

func (s *Scheduler) options(at time.Time) *river.InsertOpts {
	o := &river.InsertOpts{Queue: s.queue, MaxAttempts: river.MaxAttemptsDefault, UniqueOpts: whileUndone()}
	if time.Until(at) > lookAhead {
		o.ScheduledAt = at
	}
	return o
}

// whileUndone lets there be one job with the same arguments at most, until it is
// done.
func whileUndone() river.UniqueOpts {
	return river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}
}

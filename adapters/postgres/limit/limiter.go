package limit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Config is what a [Limiter] is made of. Pool and Authorizer are required.
type Config struct {
	// Pool leads to the database. The limiter does not close it.
	Pool *pgxpool.Pool
	// Schema is where the tables are; see postgres.Migrate. Empty means
	// postgres.DefaultSchema.
	Schema string
	// Authorizer is whose limits are held: those of the version that is in
	// force in this replica when a charge is made. It must have been opened.
	Authorizer *policy.Authorizer
	// Timeout bounds each call, besides its context. Zero means 5 s; it can't
	// be negative.
	Timeout time.Duration
	// Remember is for how long a ticket that was charged is charged no more. It
	// is paid again after that. Zero means 24 h; it can't be negative.
	Remember time.Duration
}

const (
	defaultTimeout  = 5 * time.Second
	defaultRemember = 24 * time.Hour
)

// Limiter is a [moderation.Limiter] and a [moderation.Releaser] that many
// replicas share. It is no Restorer: it forgets nothing at exit. Make one with
// [New]; the zero Limiter and a nil one refuse with an error. All methods may be
// called by many goroutines at once.
type Limiter struct {
	pool       *pgxpool.Pool
	schema     string
	authorizer *policy.Authorizer
	timeout    time.Duration
	remember   time.Duration
	sweeping   sweeping
	takes      atomic.Int64
	moment     func() *int64 // in tests; nil for the database's clock
}

var errNotNew = errors.New("limit: the limiter was not made with New")

// New returns a limiter over the tables of a schema, and looks whether they are
// there. An error says what is missing; one about the tables wraps
// postgres.ErrSchema.
func New(ctx context.Context, c Config) (*Limiter, error) {
	switch {
	case c.Pool == nil:
		return nil, errors.New("limit: Config.Pool is nil")
	case c.Authorizer.Policy() == nil:
		return nil, errors.New("limit: Config.Authorizer was not made with policy.Open")
	case c.Timeout < 0 || c.Remember < 0:
		return nil, fmt.Errorf("limit: Config.Timeout is %v and Config.Remember %v; neither can be negative", c.Timeout, c.Remember)
	}
	l := &Limiter{pool: c.Pool, schema: c.Schema, authorizer: c.Authorizer, timeout: c.Timeout, remember: c.Remember}
	if l.schema == "" {
		l.schema = postgres.DefaultSchema
	}
	if l.timeout == 0 {
		l.timeout = defaultTimeout
	}
	if l.remember == 0 {
		l.remember = defaultRemember
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := postgres.CheckMigrated(ctx, l.pool, l.schema); err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	return l, l.checkIsolation(ctx)
}

// checkIsolation refuses connections whose transactions read as of their
// beginning: of two charges at once all but one would fail.
func (l *Limiter) checkIsolation(ctx context.Context) error {
	var level string
	if err := l.pool.QueryRow(ctx, "SHOW default_transaction_isolation").Scan(&level); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	if level != "read committed" {
		return fmt.Errorf("limit: default_transaction_isolation of Config.Pool is %s; set it to read committed", level)
	}
	return nil
}

// Take charges all limits that match, or none and says why, as
// policy.Limiter.Take does, for all replicas together. A ticket is charged once
// at each moment and step, whichever replica it comes to; see Config.Remember.
//
// Whatever goes wrong is an error and a Usage that refuses: a charge that lacks
// something, a database that does not answer within the context and
// Config.Timeout. After such an error the charge may have been made; the same
// ticket does not pay again.
func (l *Limiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	u, err := l.charge(ctx, c, true)
	if err == nil && u.Allowed && l.takes.Add(1)%sweepEvery == 0 {
		l.sweep(ctx)
	}
	return u, err
}

// Peek answers as Take would, and charges nothing. It waits for nobody who
// charges.
func (l *Limiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, c, false)
}

// sql puts the schema's name, which needs no quotes, into a text.
func (l *Limiter) sql(text string) string { return strings.ReplaceAll(text, "@schema@", l.schema) }

// now is the moment to go by instead of the database's clock; nil for that.
func (l *Limiter) now() *int64 {
	if l.moment == nil {
		return nil
	}
	return l.moment()
}

package relay

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/typednil"
)

// DefaultName is the name of a relay whose Config has none.
const DefaultName = "trail"

// Config is what a [Relay] is made of. Pool and one of Sink and Open are
// required.
type Config struct {
	// Pool leads to the database. Who leads takes a connection out of it for as
	// long as it leads. The relay does not close it.
	Pool *pgxpool.Pool
	// Schema is that of the store. Empty means [postgres.DefaultSchema].
	Schema string
	// Name is what the position in the chain is kept under: one name for each
	// sink that gets the records, the same in all replicas; up to 40 lower-case
	// letters, digits and underscores. Empty means [DefaultName].
	Name string
	// Sink is where the records go. The relay does not close it.
	Sink audit.Sink
	// Open opens the sink, instead of Sink, each time this relay takes the lead,
	// and what it returns with it closes the sink when the lead is over. It is
	// for a sink that one process at a time can have open, such as a trail on a
	// volume that replicas share. ctx ends with the lead's begin, not with the
	// lead. Open is called by one goroutine at a time.
	Open func(ctx context.Context) (sink audit.Sink, close func() error, err error)

	// Poll is how long a relay that has moved everything waits before it looks
	// again. Zero means 100 milliseconds.
	Poll time.Duration
	// Retry is how long it waits after a failure, or while another one leads.
	// Zero means 2 seconds.
	Retry time.Duration
	// AppendTimeout bounds one append to the sink. Zero means 10 seconds.
	AppendTimeout time.Duration
	// Lease is after which silence the database takes the lead from a relay
	// that was stopped. Zero means 30 seconds; it must be longer than
	// AppendTimeout, Poll, and what Open takes.
	Lease time.Duration

	// Failed is told of each failure, from the goroutine that runs the relay, so
	// it should return soon: a [*ChainError] is worth an alarm at any hour.
	// What it panics with is dropped. Nil for nobody.
	Failed func(error)
}

// Relay moves records. It is made by [New]; the zero Relay moves nothing. Its
// methods may be called by many goroutines at once.
type Relay struct {
	config Config
}

var relayName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

// New composes a relay. It asks nobody; [Relay.Run] does. The error names the
// field of Config that is at fault.
func New(c Config) (*Relay, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("relay: Config: %w", err)
	}
	if c.Open == nil {
		c.Open = func(context.Context) (audit.Sink, func() error, error) {
			return c.Sink, func() error { return nil }, nil
		}
	}
	return &Relay{config: c}, nil
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.Poll, 100*time.Millisecond)
	def(&c.Retry, 2*time.Second)
	def(&c.AppendTimeout, 10*time.Second)
	def(&c.Lease, 30*time.Second)
	if c.Schema == "" {
		c.Schema = postgres.DefaultSchema
	}
	if c.Name == "" {
		c.Name = DefaultName
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Pool == nil:
		return errors.New("field Pool is nil; it is required")
	case c.Open != nil && c.Sink != nil:
		return errors.New("field Sink and Open are both given; one of them is needed")
	case c.Open == nil && (c.Sink == nil || typednil.Is(c.Sink)):
		return errors.New("field Sink is nil; it is required, or Open (an earlier constructor may have returned an error)")
	case !relayName.MatchString(c.Name):
		return fmt.Errorf("field Name %.60q: up to 40 lower-case letters, digits and underscores are needed", c.Name)
	case c.Poll < 0 || c.Retry < 0 || c.AppendTimeout < 0:
		return errors.New("field Poll, Retry or AppendTimeout is negative")
	case c.Lease <= c.AppendTimeout || c.Lease <= c.Poll:
		return fmt.Errorf("field Lease is %v; it must be longer than AppendTimeout (%v) and Poll (%v)", c.Lease, c.AppendTimeout, c.Poll)
	}
	if err := postgres.CheckSchema(c.Schema); err != nil {
		return fmt.Errorf("field Schema: %w", err)
	}
	return nil
}

// in puts the schema's name, which was checked, into a statement.
func (c Config) in(statement string) string { return inSchema(c.Schema, statement) }

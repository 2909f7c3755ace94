package service

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/adapters/postgres/relay"
	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

//go:embed policy.csv
var firstPolicy string

// Config is what a replica is started with.
type Config struct {
	Name     string // tells this replica from the others in logs
	Database string // DSN of the database that all replicas share
	Listen   string // address of the HTTP interface
	Trail    string // directory that all replicas share; who leads the relay writes there

	// HandlerTimeout is how long a change of an account may take, and so how
	// soon others take over after a crash. Zero means 5 seconds.
	HandlerTimeout time.Duration
}

// Replica is one running process of the service.
type Replica struct {
	accounts
	guard   *moderation.Guard
	policy  *policy.Authorizer
	changes *policy.Changes
	engine  *engine.Engine
	server  *http.Server
	address string
	log     *slog.Logger

	stops []context.CancelFunc // of the tasks
	tasks sync.WaitGroup
}

// Start starts a replica. What is missing in the database is made: every replica
// may be the first.
func Start(ctx context.Context, c Config, log *slog.Logger) (_ *Replica, err error) {
	if c.HandlerTimeout == 0 {
		c.HandlerTimeout = 5 * time.Second
	}
	pool, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	r := &Replica{accounts: accounts{pool, c.Name}, log: log.With("replica", c.Name)}
	defer func() {
		if err != nil {
			r.Close(ctx)
		}
	}()
	if err := migrate(ctx, pool); err != nil {
		return nil, err
	}
	if err := r.compose(ctx, c); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stops = append(r.stops, stop)
	if err := r.relay(background, c.Trail); err != nil {
		return nil, err
	}
	return r, r.listen(c.Listen)
}

func connect(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	to, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return nil, err
	}
	to.MaxConns = 24
	to.ConnConfig.ConnectTimeout = 3 * time.Second
	to.ConnConfig.RuntimeParams["application_name"] = c.Name // whose a session is, in pg_stat_activity
	return pgxpool.NewWithConfig(ctx, to)
}

// migrate brings every table up to date.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		return err
	}
	if err := engine.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		return err
	}
	return CreateTables(ctx, pool)
}

// CreateTables makes the service's own tables, where they are not there.
func CreateTables(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `SELECT pg_advisory_xact_lock(1); `+tables)
	return err
}

var tiers = []string{"standard", "newsworthy"}

// compose puts the guard and its engine together.
func (r *Replica) compose(ctx context.Context, c Config) error {
	scheduler, err := engine.NewScheduler(postgres.DefaultSchema, "")
	if err != nil {
		return err
	}
	store, err := postgres.Open(ctx, postgres.Config{Pool: r.pool, Scheduler: scheduler})
	if err != nil {
		return err
	}
	if err := r.rules(ctx, store); err != nil {
		return err
	}
	limits, err := limit.New(ctx, limit.Config{Pool: r.pool, Authorizer: r.policy})
	if err != nil {
		return err
	}
	r.guard, err = moderation.New(ctx, moderation.Config{
		Directory: directory{r.accounts}, Authorizer: r.policy, Limiter: limits, Store: store, Tiers: tiers,
		Kinds: []moderation.Kind{
			{Name: moderation.Suspend, Apply: r.suspend, Undo: r.reinstate, Probe: r.probe},
			r.changes.Kind(),
		},
		HandlerTimeout: c.HandlerTimeout, ResolveGrace: time.Second,
		Observer: alarms{r.log},
	})
	if err != nil {
		return err
	}
	r.engine, err = engine.New(ctx, engine.Config{
		Pool: r.pool, Scheduler: scheduler, Guard: r.guard, Store: store,
		HandlerTimeout: c.HandlerTimeout, SweepEvery: 5 * time.Second,
	})
	return err
}

// rules opens the policy that is in the database, and puts the first version
// there if there is none.
func (r *Replica) rules(ctx context.Context, store *postgres.Store) error {
	table, err := versions.Open(ctx, versions.Config{Pool: r.pool})
	if err != nil {
		return err
	}
	config := policy.Config{
		Source: policy.CSV("policy.csv", firstPolicy), Kinds: []string{moderation.Suspend}, Tiers: tiers,
	}
	first, err := policy.Load(ctx, config)
	if err != nil {
		return err
	}
	if err := table.Bootstrap(ctx, first, first.Digest()); err != nil {
		return err
	}
	config.Source, config.Pinned, config.Approvals = table, first.Digest(), policy.TicketApprovals(store)
	if r.policy, err = policy.Open(ctx, config); err != nil {
		return err
	}
	r.changes, err = policy.NewChanges(r.policy, policy.ChangesConfig{Installer: table, Proposals: table.Proposals()})
	if err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stops = append(r.stops, stop)
	alarm := policy.Alarms(alarms{r.log})
	watch := policy.WatchConfig{Every: 2 * time.Second, Watcher: table.Listen(background, nil), Report: func(e policy.Event) {
		r.log.Info("policy", "what", e.Kind, "digest", e.Digest, "error", e.Err)
		alarm(e)
	}}
	r.tasks.Go(func() { _ = r.policy.Watch(background, watch) })
	return nil
}

// relay moves the records to the trail while this replica leads.
func (r *Replica) relay(ctx context.Context, dir string) error {
	at := trail.Beside(dir, "example.com/replicas")
	records, err := relay.New(relay.Config{
		Pool: r.pool,
		Open: func(ctx context.Context) (audit.Sink, func() error, error) {
			log, err := trail.Open(ctx, at)
			if err != nil {
				return nil, nil, err
			}
			return log, log.Close, nil
		},
		Retry: 500 * time.Millisecond, AppendTimeout: 5 * time.Second, Lease: 15 * time.Second,
		Failed: func(err error) { r.log.Warn("relay", "error", err) },
	})
	if err != nil {
		return err
	}
	r.tasks.Go(func() { _ = records.Run(ctx) })
	return nil
}

// Address is where the HTTP interface listens.
func (r *Replica) Address() string { return r.address }

func (r *Replica) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r.routes(), ReadHeaderTimeout: 5 * time.Second}
	r.tasks.Go(func() {
		if err := r.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.log.Error("serving", "error", err)
		}
	})
	return nil
}

// Close stops a replica in order: no further calls from outside, then no further
// jobs, then the guard, which waits for its handlers, and last the connections. It
// waits for none of them longer than ctx.
func (r *Replica) Close(ctx context.Context) error {
	var errs []error
	note := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if r.server != nil {
		note("server", r.server.Shutdown(ctx))
	}
	if r.engine != nil {
		note("engine", r.engine.Stop(ctx))
	}
	if r.guard != nil {
		note("guard", r.guard.Close(ctx))
	}
	for _, stop := range r.stops {
		stop()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.tasks.Wait()
		r.pool.Close()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		note("relay, policy or connections", context.Cause(ctx))
	}
	return errors.Join(errs...)
}

// alarms writes what somebody should look at to the log.
type alarms struct{ log *slog.Logger }

// Observe implements [moderation.Observer].
func (a alarms) Observe(o moderation.Observation) {
	if o.What == moderation.ObservedAlarm {
		a.log.Warn("alarm", "what", o.Alarm, "ticket", o.Ticket, "text", o.Text)
	}
}

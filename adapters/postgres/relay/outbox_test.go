package relay_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/relay"
	"github.com/elevenminutes/interlock/audit"
)

// outbox is the part of a store that a relay reads.
type outbox struct {
	*pgxpool.Pool
	t    *testing.T
	seq  int
	hash []byte
}

func newOutbox(t *testing.T) *outbox {
	t.Helper()
	o := &outbox{Pool: server.Pool(t), t: t, hash: []byte{}}
	if err := postgres.Migrate(t.Context(), o.Pool, postgres.DefaultSchema); err != nil {
		t.Fatal(err)
	}
	return o
}

// commit writes records as a store does, all of them in one transaction.
func (o *outbox) commit(n int) {
	o.t.Helper()
	o.seq, o.hash = o.seq+n, must(commit(o.t.Context(), o.Pool, o.seq, o.hash, n))
}

func commit(ctx context.Context, pool *pgxpool.Pool, seq int, hash []byte, n int) ([]byte, error) {
	b := &pgx.Batch{}
	for range n {
		seq++
		body, err := record(seq).AppendJSON(nil)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		link := sha256.Sum256(append(hash[:len(hash):len(hash)], sum[:]...))
		hash = link[:]
		b.Queue(`INSERT INTO interlock.outbox VALUES ($1, $2, $3, $4, $5)`, seq, record(seq).ID, sum[:], hash, body)
	}
	b.Queue(`UPDATE interlock.chain SET seq = $1, hash = $2`, seq, hash)
	return hash, pool.SendBatch(ctx, b).Close()
}

func commitOne(ctx context.Context, pool *pgxpool.Pool) { must(commit(ctx, pool, 0, nil, 1)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sinkFunc is a sink that a function is.
type sinkFunc func(audit.Record)

func (f sinkFunc) Append(_ context.Context, r audit.Record) error {
	f(r)
	return nil
}

func record(n int) audit.Record {
	return audit.Record{ID: fmt.Sprintf("r%d", n), Event: audit.EventRefused, Time: time.Unix(int64(n), 0).UTC(), Reason: "<&> because"}
}

func (o *outbox) exec(sql string, args ...any) {
	o.t.Helper()
	if _, err := o.Exec(o.t.Context(), sql, args...); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outbox) halted() (reason string) {
	o.t.Helper()
	if err := o.QueryRow(o.t.Context(), `SELECT halted FROM interlock.chain`).Scan(&reason); err != nil {
		o.t.Fatal(err)
	}
	return reason
}

// run runs a relay until the test ends or stop is called. failures gets what it
// reports, as far as somebody listens.
func (o *outbox) run(sink audit.Sink, change func(*relay.Config)) (r *relay.Relay, failures chan error, stop func()) {
	o.t.Helper()
	failures = make(chan error, 1)
	c := relay.Config{
		Pool: o.Pool, Sink: sink, Poll: time.Millisecond, Retry: 5 * time.Millisecond,
		Failed: func(err error) {
			select {
			case failures <- err:
			default:
			}
		},
	}
	if change != nil {
		change(&c)
	}
	r, err := relay.New(c)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	o.t.Cleanup(stop)
	return r, failures, stop
}

// keeper is a sink that keeps what it gets, and tells when it has enough.
type keeper struct {
	mu     sync.Mutex
	ids    []string
	want   int
	enough chan struct{}
	before func(ctx context.Context, r audit.Record) error // nil, or asked first
}

func newKeeper(want int) *keeper { return &keeper{want: want, enough: make(chan struct{})} }

func (k *keeper) Append(ctx context.Context, r audit.Record) error {
	if k.before != nil {
		if err := k.before(ctx, r); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids = append(k.ids, r.ID)
	if len(k.ids) == k.want {
		close(k.enough)
	}
	return nil
}

func (k *keeper) got() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.ids...)
}

// wait waits for something that a relay does.
func wait[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
	return v
}

// eventually waits until a condition holds that only asking can tell.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ask := time.NewTicker(5 * time.Millisecond)
	defer ask.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-ask.C:
		case <-late:
			t.Fatalf("%s did not happen", what)
		}
	}
}

func ids(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, record(n).ID)
	}
	return all
}

// relayed waits until it is on record that the sink has n records.
func relayed(t *testing.T, r *relay.Relay, n int64) {
	t.Helper()
	eventually(t, "saving the position", func() bool {
		p, err := r.Position(t.Context())
		return err == nil && p.Relayed == n
	})
}

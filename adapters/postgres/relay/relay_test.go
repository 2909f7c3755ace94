package relay_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/adapters/postgres/relay"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

func TestRecordsReachTheSinkInTheirOrder(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(300) // more than one bite
	sink := newKeeper(310)
	r, _, _ := o.run(sink, nil)
	eventually(t, "moving the first records", func() bool { return len(sink.got()) == 300 })
	o.commit(10)
	wait(t, "moving all records", sink.enough)
	if diff := cmp.Diff(ids(1, 310), sink.got()); diff != "" {
		t.Errorf("the sink has (-want +got):\n%s", diff)
	}
	want := relay.Position{Relayed: 310, Committed: 310}
	eventually(t, "saving the position", func() bool {
		p, err := r.Position(t.Context())
		return err == nil && p == want && p.Behind() == 0
	})
}

func TestATrailHasEachRecordOnce(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(20)
	dir := t.TempDir()
	log, err := trail.Open(t.Context(), trail.Config{
		Dir: filepath.Join(dir, "log"), Origin: "example.com/moderation", KeyFile: filepath.Join(dir, "key"),
		TrustedHead: trail.HeadFile(filepath.Join(dir, "head")),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	sink := newKeeper(20)
	both, err := audit.All(log, sink)
	if err != nil {
		t.Fatal(err)
	}
	r, _, stop := o.run(both, nil)
	relayed(t, r, 20)
	stop()
	o.exec(`UPDATE interlock.relay SET seq = 0, hash = '\x'`) // as a crash before the position was saved
	r, _, _ = o.run(both, nil)
	relayed(t, r, 20)
	if n := len(sink.got()); n != 40 {
		t.Errorf("%d records were moved, want each twice", n)
	}
	var got []string
	for r, err := range log.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(ids(1, 20), got); diff != "" {
		t.Errorf("the trail has (-want +got):\n%s", diff)
	}
}

// TestABrokenChainHaltsTheStore: whoever can write to the database can't take a
// record out of the way of the sink, or change it, without being noticed.
func TestABrokenChainHaltsTheStore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change string
		seq    int64 // that the error names
		moved  int   // records that reach the sink
	}{
		"a record is gone":                  {`DELETE FROM interlock.outbox WHERE seq = 3`, 3, 2},
		"the first record is gone":          {`DELETE FROM interlock.outbox WHERE seq = 1`, 1, 0},
		"the last record is gone":           {`DELETE FROM interlock.outbox WHERE seq = 5`, 5, 4},
		"all records are gone":              {`DELETE FROM interlock.outbox`, 1, 0},
		"a body was changed":                {`UPDATE interlock.outbox SET body = replace(encode(body, 'escape'), 'because', 'BECAUSE')::bytea WHERE seq = 2`, 2, 1},
		"a body and its sum were changed":   {`UPDATE interlock.outbox SET body = '{}', sum = sha256('{}') WHERE seq = 2`, 2, 1},
		"a body, its sum and hash as well":  {`UPDATE interlock.outbox SET body = '{}', sum = sha256('{}'), hash = sha256((SELECT hash FROM interlock.outbox WHERE seq = 1) || sha256('{}')) WHERE seq = 2`, 2, 1},
		"an ID was changed":                 {`UPDATE interlock.outbox SET id = 'other' WHERE seq = 4`, 4, 3},
		"a body was pruned too early":       {`UPDATE interlock.outbox SET body = NULL WHERE seq = 4`, 4, 3},
		"a sum was cut":                     {`UPDATE interlock.outbox SET sum = '\x00' WHERE seq = 4`, 4, 3},
		"two records changed places":        {`UPDATE interlock.outbox SET seq = -seq WHERE seq IN (2, 3); UPDATE interlock.outbox SET seq = seq + 5 + 2*(seq + 3) - 2*(seq+3) WHERE seq < 0`, 2, 1},
		"a record was added":                {`INSERT INTO interlock.outbox SELECT 6, 'added', sum, hash, body FROM interlock.outbox WHERE seq = 5; UPDATE interlock.chain SET seq = 6`, 6, 5},
		"the end was put back":              {`DELETE FROM interlock.outbox WHERE seq = 5; UPDATE interlock.chain SET seq = 4`, 4, 4},
		"the end has another hash":          {`UPDATE interlock.chain SET hash = '\x00'`, 5, 5},
		"the place of the relay was put on": {`INSERT INTO interlock.relay VALUES ('trail', 1, 9, '\x00')`, 6, 0},
		"the place of the relay is false":   {`INSERT INTO interlock.relay VALUES ('trail', 1, 2, '\x00')`, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutbox(t)
			o.commit(5)
			o.exec(tt.change)
			sink := newKeeper(0)
			_, failures, _ := o.run(sink, nil)
			err := wait(t, "a failure", failures)
			var broken *relay.ChainError
			if !errors.As(err, &broken) || broken.Seq != tt.seq {
				t.Fatalf("Failed was told %v, want a ChainError of record %d", err, tt.seq)
			}
			if reason := o.halted(); reason != broken.Error() {
				t.Errorf("the store is halted because %q, want %q", reason, broken)
			}
			if diff := cmp.Diff(ids(1, tt.moved), sink.got()); diff != "" {
				t.Errorf("the sink has (-want +got):\n%s", diff)
			}
			if err := relay.Lift(t.Context(), o.Pool, "interlock"); err == nil || o.halted() == "" {
				t.Errorf("Lift = %v with %q left: a broken chain was let go on", err, o.halted())
			}
		})
	}
}

func TestLiftLetsAMendedChainGoOn(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(5)
	o.exec(`CREATE TABLE backup AS SELECT * FROM interlock.outbox`)
	o.exec(`DELETE FROM interlock.outbox WHERE seq = 3`)
	sink := newKeeper(5)
	_, failures, _ := o.run(sink, nil)
	wait(t, "a failure", failures)
	o.exec(`INSERT INTO interlock.outbox SELECT * FROM backup WHERE seq = 3`)
	if err := relay.Lift(t.Context(), o.Pool, "interlock"); err != nil {
		t.Fatal(err)
	}
	wait(t, "moving the rest", sink.enough)
	if diff := cmp.Diff(ids(1, 5), sink.got()); diff != "" {
		t.Errorf("the sink has (-want +got):\n%s", diff)
	}
	if reason := o.halted(); reason != "" {
		t.Errorf("the store is still halted: %s", reason)
	}
}

func TestASinkThatFailsGetsTheRecordAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(ctx context.Context) error{
		"an error":      func(context.Context) error { return errors.New("out of order") },
		"no room":       func(context.Context) error { return audit.ErrNoRoom },
		"a panic":       func(context.Context) error { panic("sink") },
		"no answer":     func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"not even then": func(context.Context) error { select {} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutbox(t)
			o.commit(5)
			sink := newKeeper(5)
			var failed atomic.Bool
			sink.before = func(ctx context.Context, r audit.Record) error {
				if r.ID == "r3" && failed.CompareAndSwap(false, true) {
					return fail(ctx)
				}
				return nil
			}
			_, failures, _ := o.run(sink, func(c *relay.Config) { c.AppendTimeout = 20 * time.Millisecond })
			if err := wait(t, "a failure", failures); !strings.Contains(err.Error(), "record 3 ") {
				t.Errorf("Failed was told %v, want what names record 3", err)
			}
			wait(t, "moving the rest", sink.enough)
			if diff := cmp.Diff(ids(1, 5), sink.got()); diff != "" {
				t.Errorf("the sink has (-want +got):\n%s", diff)
			}
			if reason := o.halted(); reason != "" {
				t.Errorf("the store was halted for a sink that only failed: %s", reason)
			}
		})
	}
}

func TestARecordThatASinkCanNeverTakeHaltsTheStore(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(3)
	sink := newKeeper(0)
	sink.before = func(_ context.Context, r audit.Record) error {
		if r.ID == "r2" {
			return errors.Join(audit.ErrConflict, audit.ErrNotWritten)
		}
		return nil
	}
	_, failures, _ := o.run(sink, nil)
	err := wait(t, "a failure", failures)
	if !errors.Is(err, audit.ErrConflict) || !strings.Contains(o.halted(), "can never be stored") {
		t.Errorf("Failed was told %v and the store is halted because %q", err, o.halted())
	}
	if got := sink.got(); slices.Contains(got, "r3") {
		t.Errorf("a record was passed over: the sink has %v", got)
	}
}

func TestOneRelayLeadsAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	first, second := newKeeper(5), newKeeper(5)
	r, _, stop := o.run(first, nil)
	o.commit(5)
	wait(t, "the first relay's work", first.enough)
	relayed(t, r, 5)
	o.run(second, nil)
	stop()
	o.commit(5)
	wait(t, "the second relay's work", second.enough)
	if diff := cmp.Diff(ids(6, 10), second.got()); diff != "" {
		t.Errorf("who took over moved (-want +got):\n%s", diff)
	}
}

// TestAFormerLeaderCanNotMoveThePlace: it hangs in its sink while its session is
// ended and another relay goes on.
func TestAFormerLeaderCanNotMoveThePlace(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(5)
	hangs, goOn := make(chan struct{}), make(chan struct{})
	former := newKeeper(0)
	former.before = func(_ context.Context, r audit.Record) error {
		if r.ID == "r5" {
			close(hangs)
			<-goOn
		}
		return nil
	}
	_, failures, _ := o.run(former, func(c *relay.Config) { c.Retry = time.Minute; c.AppendTimeout = 20 * time.Second })
	wait(t, "the sink's hanging", hangs)
	o.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	o.commit(5)
	next := newKeeper(10)
	r, _, _ := o.run(next, nil)
	wait(t, "the next leader's work", next.enough)
	relayed(t, r, 10)
	close(goOn)
	if err := wait(t, "the former leader's failure", failures); err == nil {
		t.Error("a former leader did not notice")
	}
	if p, err := r.Position(t.Context()); err != nil || p.Relayed != 10 {
		t.Errorf("the position is %+v, %v, want 10 relayed", p, err)
	}
}

func TestPruneLeavesWhatSomeSinkStillNeeds(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.commit(1500)
	bodies := func() (n int64) {
		t.Helper()
		if err := o.QueryRow(t.Context(), `SELECT count(body) FROM interlock.outbox`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	prune := func(keep, want int64) {
		t.Helper()
		n, err := relay.Prune(t.Context(), o.Pool, "interlock", keep)
		if err != nil || n != want {
			t.Fatalf("Prune(%d) = %d, %v, want %d", keep, n, err, want)
		}
	}
	prune(0, 0) // nobody has moved anything
	r, _, _ := o.run(newKeeper(0), nil)
	relayed(t, r, 1500)
	o.exec(`INSERT INTO interlock.relay SELECT 'slow', 1, seq, hash FROM interlock.outbox WHERE seq = 1200`)
	prune(100, 1100)
	prune(100, 0)
	if n := bodies(); n != 400 {
		t.Errorf("%d bodies are left, want 400", n)
	}
	if n, err := relay.Verify(t.Context(), o.Pool, "interlock"); n != 1500 || err != nil {
		t.Errorf("Verify after pruning = %d, %v, want 1500", n, err)
	}
	if _, err := relay.Prune(t.Context(), o.Pool, "interlock", -1); err == nil {
		t.Error("a negative number was kept")
	}
}

func openNothing(context.Context) (audit.Sink, func() error, error) { return nil, nil, nil }

// TestReplicasTakeTurnsWithOneTrail: only who leads has it open.
func TestReplicasTakeTurnsWithOneTrail(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	at := trail.Beside(filepath.Join(t.TempDir(), "trail"), "example.com/moderation")
	open := func(c *relay.Config) {
		c.Sink = nil
		c.Open = func(ctx context.Context) (audit.Sink, func() error, error) {
			log, err := trail.Open(ctx, at)
			if err != nil {
				return nil, nil, err
			}
			return log, log.Close, nil
		}
	}
	first, _, stop := o.run(nil, open)
	o.commit(5)
	relayed(t, first, 5)
	second, failures, _ := o.run(nil, open)
	o.commit(5)
	relayed(t, first, 10)
	stop()
	o.commit(5)
	relayed(t, second, 15)
	select {
	case err := <-failures:
		t.Errorf("who waited for the lead failed: %v", err)
	default:
	}
}

func TestASinkThatCanNotBeOpenedIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() (audit.Sink, func() error, error){
		"an error":   func() (audit.Sink, func() error, error) { return nil, nil, errors.New("locked") },
		"a panic":    func() (audit.Sink, func() error, error) { panic("open") },
		"no sink":    func() (audit.Sink, func() error, error) { return nil, nil, nil },
		"a nil sink": func() (audit.Sink, func() error, error) { return (*keeper)(nil), nil, nil },
		"a close that fails": func() (audit.Sink, func() error, error) {
			return nil, func() error { panic("close") }, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutbox(t)
			o.commit(1)
			sink := newKeeper(1)
			var opened atomic.Bool
			_, failures, _ := o.run(nil, func(c *relay.Config) {
				c.Sink = nil
				c.Open = func(context.Context) (audit.Sink, func() error, error) {
					if opened.CompareAndSwap(false, true) {
						return open()
					}
					return sink, nil, nil
				}
			})
			if err := wait(t, "a failure", failures); err == nil {
				t.Error("the failure was not told")
			}
			wait(t, "moving the record", sink.enough)
		})
	}
}

func TestNewNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	good := relay.Config{Pool: o.Pool, Sink: newKeeper(0)}
	for field, change := range map[string]func(*relay.Config){
		"Pool":          func(c *relay.Config) { c.Pool = nil },
		"Sink":          func(c *relay.Config) { c.Sink = nil },
		"Sink is nil":   func(c *relay.Config) { c.Sink = (*keeper)(nil) },
		"Sink and Open": func(c *relay.Config) { c.Open = openNothing },
		"Name":          func(c *relay.Config) { c.Name = "Trail!" },
		"Schema":        func(c *relay.Config) { c.Schema = "a b" },
		"AppendTimeout": func(c *relay.Config) { c.AppendTimeout = -1 },
		"Lease":         func(c *relay.Config) { c.Lease = time.Second },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			c := good
			change(&c)
			if _, err := relay.New(c); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("New = %v, want what names %s", err, field)
			}
		})
	}
	var zero relay.Relay
	if err := zero.Run(t.Context()); err == nil {
		t.Error("the zero Relay runs")
	}
	if _, err := zero.Position(t.Context()); err == nil {
		t.Error("the zero Relay has a position")
	}
}

//go:build unix

package engine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

const rescueSoon = time.Second

// dead waits until a job has been under way for so long that it counts as that
// of a dead process, and leaves the leadership open, which a dead leader would
// keep for 15 seconds.
func (l *ledger) dead(tb testing.TB, rescue time.Duration) {
	tb.Helper()
	l.waits(tb, 1, `SELECT count(*) FROM interlock.river_job WHERE state = 'running' AND args->>'ticket' <> '' AND attempted_at < clock_timestamp() - make_interval(secs => $1)`, rescue.Seconds())
	if _, err := l.pool.Exec(tb.Context(), `DELETE FROM interlock.river_leader`); err != nil {
		tb.Fatal(err)
	}
}

func TestTheJobOfAKilledProcessIsRunAgain(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.add(t, time.Now(), "one")
	r := startReplica(t, l.pool.Config().ConnString(), rescueSoon)
	r.says(t, "begun one")
	if err := r.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l.dead(t, rescueSoon)
	l.starts(t, hasty(rescueSoon))
	l.waits(t, 1, advanced)
	l.waits(t, 0, undone)
}

// The process is stopped where it has decided and not written its intent. Another
// does its work, and then it wakes up.
func TestAStoppedProcessThatWakesUpCallsNoHandler(t *testing.T) {
	t.Parallel()
	l, g := newStore(t)
	r := startReplica(t, l.pool.Config().ConnString(), rescueSoon, replicaGuard+"=1")
	id := g.requests(t, moderation.Permanent)
	r.says(t, "begun")
	signal := func(s syscall.Signal) {
		if err := r.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	l.dead(t, rescueSoon)
	l.starts(t, hasty(rescueSoon), g.advancedBy)
	l.waits(t, 1, `SELECT count(*) FROM interlock.ticket WHERE status = 'executed'`)
	signal(syscall.SIGCONT)
	fmt.Fprintln(r.in)
	if end := r.says(t, "ended"); strings.HasSuffix(end, "<nil>") {
		t.Errorf("the process that woke up says %q, want that it could not write", end)
	}
	ticket, err := g.store.Ticket(t.Context(), id)
	if err != nil || ticket.Status != moderation.StatusExecuted {
		t.Errorf("the ticket is %s, %v", ticket.Status, err)
	}
	if calls := l.count(t, `SELECT count(*) FROM handled`); calls != 1 {
		t.Errorf("%d calls of the handler, want one", calls)
	}
	if intents := l.count(t, `SELECT count(*) FROM interlock.outbox WHERE convert_from(body, 'UTF8')::json->>'event' = 'intent'`); intents != 1 {
		t.Errorf("%d intents on record, want one", intents)
	}
}

// BenchmarkKillToRerun is how long a job of a killed process waits until another
// begins it again, with the times that an engine has by itself. The killed one
// led the other.
func BenchmarkKillToRerun(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		l := newLedger(b)
		l.add(b, time.Now(), "one")
		r := startReplica(b, l.pool.Config().ConnString(), 45*time.Second)
		r.says(b, "begun one")
		l.starts(b)
		b.StartTimer()
		if err := r.Process.Kill(); err != nil {
			b.Fatal(err)
		}
		l.waits(b, 1, advanced)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/rerun")
	b.ReportMetric(0, "ns/op")
}

package trail_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// fullDisk is a disk that is full for all but what was allocated before: the
// write-ahead files, and the trusted head.
type fullDisk struct {
	disktest.Faulty
	full atomic.Bool
}

func newFullDisk(behind disk.FS) *fullDisk {
	d := &fullDisk{}
	d.FS = behind
	d.Fail = func(_ int, op, path string) error {
		allocated := strings.Contains(path, "wal-") || strings.HasSuffix(path, "head")
		if !d.full.Load() || allocated || op != disktest.OpWrite && op != disktest.OpMkdir && op != disktest.OpTruncate {
			return nil
		}
		return fmt.Errorf("%s %s: %w", op, path, syscall.ENOSPC)
	}
	return d
}

// openFull opens a log on a disk that is full from then on.
func openFull(t testing.TB, d *fullDisk, room int64, publishEvery time.Duration) *trail.Log {
	t.Helper()
	c := (&ramDisk{room: room}).config()
	c.TrustedHead, c.PublishEvery = trail.HeadFileOn(d, ramHead), publishEvery
	l, err := trail.OpenOn(t.Context(), d, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d.full.Store(true)
	return l
}

func newRAMDisk() *ramDisk {
	d := &ramDisk{files: map[string]*ramFile{}}
	d.makeDirs(ramBase)
	return d
}

// step returns a record of a ticket of about so many bytes.
func step(event audit.Event, ticket string, n int) audit.Record {
	r := exactly(ticket+" "+string(event), max(n, 400))
	r.Ticket, r.Event = ticket, event
	return r
}

// answers is how many bytes the outcome of an intent of n bytes may have.
func answers(n int, room int64) int { return min(2*n+8<<10, int(room/4)-64) }

func TestTheOutcomeOfAnAcceptedIntentAlwaysFindsRoom(t *testing.T) {
	t.Parallel()
	const room = trail.MinRoom
	for range 12 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		ram := newRAMDisk()
		d := newFullDisk(ram)
		l := openFull(t, d, room, time.Hour)
		short := random.IntN(4)  // 0: all outcomes are as long as they may be
		open := map[string]int{} // how many bytes the intent of a ticket has
		settle := func(ticket string) {
			n := answers(open[ticket], room)
			if short > 0 && random.IntN(short) == 0 {
				n = 400 + random.IntN(n-400)
			}
			if err := l.Append(t.Context(), step(audit.EventOutcome, ticket, n)); err != nil {
				t.Errorf("seed %d: the outcome of %d bytes of an intent of %d bytes: %v", seed, n, open[ticket], err)
			}
			delete(open, ticket)
		}
		most := []int{600, 5_000, 60_000}[random.IntN(3)]
		// First come all kinds of records, then, when they are refused, undo, then
		// what claims to be an outcome and had no intent.
		for _, phase := range []string{"", "undo", "outcome"} {
			refused := 0
			for i := 0; refused < 30 && i < 2000; i++ {
				r := step(audit.EventRequested, fmt.Sprint(phase, i), 400+random.IntN(most))
				switch {
				case phase == "outcome":
					r.Event = []audit.Event{audit.EventOutcome, audit.EventResolved, audit.EventRefused}[random.IntN(3)]
				case random.IntN(3) == 0:
					r = step(audit.EventIntent, r.Ticket, len(r.Reason))
				}
				if phase == "undo" {
					r.Step = "undo"
				}
				err := l.Append(t.Context(), r)
				switch {
				case err == nil && r.Event == audit.EventIntent:
					json, _ := r.MarshalJSON()
					open[r.Ticket] = len(json)
				case err != nil:
					refused++
					if !errors.Is(err, audit.ErrNoRoom) || errors.Is(err, audit.ErrNotWritten) || errors.Is(err, audit.ErrFailed) {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
				if short > 0 && random.IntN(8) == 0 {
					for ticket := range open {
						settle(ticket)
						break
					}
				}
			}
			if refused == 0 {
				t.Errorf("seed %d: nothing was refused", seed)
			}
		}
		for ticket := range open {
			settle(ticket)
		}
		d.full.Store(false)
		wantAllAccepted(t, l, d)
		ram.drop()
	}
}

// wantAllAccepted fails unless a log whose disk has space again takes
// everything, and verifies.
func wantAllAccepted(t *testing.T, l *trail.Log, d *fullDisk) {
	t.Helper()
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := newTruth(t, l)
	for i := range 10 {
		w.add(t, l, step(audit.EventRequested, fmt.Sprint("after-", i), 8_000), step(audit.EventIntent, fmt.Sprint("after-", i), 8_000), step(audit.EventOutcome, fmt.Sprint("after-", i), 8_000))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := trail.Verify(t.Context(), d.FS.(*ramDisk).public(), w.verifier, trail.VerifyOptions{Head: w.newest})
	if err != nil || found.Checkpoint.Size != w.size {
		t.Errorf("Verify = %v, %v", found.Checkpoint, err)
	}
}

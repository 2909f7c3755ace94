package trail_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// fillUp appends some intents, then ordinary records until they are refused, and
// intents until those are. It returns the tickets of the intents, and the IDs of
// what was accepted and refused.
func fillUp(t *testing.T, l *trail.Log) (intents, accepted, refused []string) {
	t.Helper()
	for i := 0; len(refused) < 10; i++ {
		if i > 10_000 {
			t.Fatal("nothing was refused")
		}
		event := audit.EventRequested
		if i < 5 || len(refused) >= 5 {
			event = audit.EventIntent
		}
		ticket := fmt.Sprint("ticket-", i)
		r := step(event, ticket, 3000)
		err := l.Append(t.Context(), r)
		switch {
		case err == nil && event == audit.EventIntent:
			intents = append(intents, ticket)
			fallthrough
		case err == nil:
			accepted = append(accepted, r.ID)
		case !errors.Is(err, audit.ErrNoRoom), errors.Is(err, audit.ErrNotWritten), errors.Is(err, audit.ErrFailed):
			t.Fatalf("%s: %v, want ErrNoRoom", r.ID, err)
		default:
			refused = append(refused, r.ID)
		}
	}
	if len(intents) < 5 {
		t.Error("intents were refused at once")
	}
	return intents, accepted, refused
}

func TestAFullDiskRefusesIntentsAndStrandsNone(t *testing.T) {
	t.Parallel()
	d := newFullDisk(newRAMDisk())
	l := openFull(t, d, trail.MinRoom, time.Hour)
	before := step(audit.EventIntent, "ticket-before", 3000)
	if err := errors.Join(l.Append(t.Context(), before), l.Publish(t.Context())); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d.full.Store(false)
	closeLog(t, l)
	l = openFull(t, d, trail.MinRoom, time.Hour)
	intents, accepted, refused := fillUp(t, l)
	accepted = append([]string{before.ID}, accepted...)
	wantIDs(t, l, trail.Query{}, accepted...)

	var undo []audit.Record // all three steps of undoing one
	for _, event := range []audit.Event{audit.EventRequested, audit.EventIntent, audit.EventOutcome} {
		r := step(event, "ticket-undo", 3000)
		r.Step = "undo"
		undo = append(undo, r)
	}
	for _, r := range undo {
		if err := l.Append(t.Context(), r); err != nil {
			t.Errorf("undo: %s: %v", r.Event, err)
		}
		accepted = append(accepted, r.ID)
	}
	var group sync.WaitGroup
	for _, ticket := range append(intents, before.Ticket) { // all at once
		r := step(audit.EventOutcome, ticket, 2*3000)
		accepted = append(accepted, r.ID)
		group.Go(func() {
			if err := l.Append(t.Context(), r); err != nil {
				t.Errorf("outcome: %v", err)
			}
		})
	}
	group.Wait()

	var stored []string
	for r, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, r.ID)
	}
	slices.Sort(stored)
	if diff := cmp.Diff(slices.Sorted(slices.Values(accepted)), stored); diff != "" {
		t.Errorf("stored records (-want +got):\n%s", diff)
	}
	d.full.Store(false)
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range refused { // which was not its own fault
		ticket, event, _ := strings.Cut(id, " ")
		if err := l.Append(t.Context(), step(audit.Event(event), ticket, 3000)); err != nil {
			t.Errorf("%s with space: %v", id, err)
		}
	}
	wantAllAccepted(t, l, d)
}

func TestAFullDiskThatIsNoticedByItselfIsLeftByItself(t *testing.T) {
	t.Parallel()
	d := newFullDisk(newRAMDisk())
	l := openFull(t, d, trail.MinRoom, 5*time.Millisecond)
	fillUp(t, l)
	d.full.Store(false)
	var err error
	for range 1000 {
		if err = l.Append(t.Context(), brief(1)); err == nil {
			return
		}
		if !errors.Is(err, audit.ErrNoRoom) {
			break
		}
		<-l.Attempted() // every 5 ms, without a call of Publish
	}
	t.Errorf("append with space = %v", err)
}

// short returns a script that lets writes fail from the n-th on.
func short(n int) func(int, string, string) error {
	writes := 0
	return func(_ int, op, path string) error {
		if op != disktest.OpWrite {
			return nil
		}
		if writes++; writes <= n {
			return nil
		}
		return fmt.Errorf("writing %s: %w", path, syscall.ENOSPC)
	}
}

func TestOpeningWithoutSpaceFailsAndWorksOnceThereIsSome(t *testing.T) {
	t.Parallel()
	fresh := newRAMDisk()
	p := newPlace(t)
	l := p.openQuiet(t, 2*trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	killed := loadDisk(t, p)
	closeLog(t, l)
	closed := loadDisk(t, p)
	tests := map[string]struct {
		disk *ramDisk
		room int64
		size uint64
	}{
		"a new log":                       {fresh, trail.MinRoom, 0},
		"a log that was closed":           {closed, 2 * trail.MinRoom, 3},
		"a log that was killed":           {killed, 2 * trail.MinRoom, 3},
		"a closed log, with more room":    {closed, 3 * trail.MinRoom, 3},
		"a killed log, with more room":    {killed, 3 * trail.MinRoom, 3},
		"a closed log, with less room":    {closed, trail.MinRoom, 3},
		"a killed log, with less room":    {killed, trail.MinRoom, 3},
		"a new log with a lot of room":    {fresh, 2<<20 + 1, 0},
		"a killed log with a lot of room": {killed, 2<<20 + 1, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				if n > 200 {
					t.Fatal("it needs more than 200 writes")
				}
				ram := tt.disk.clone()
				faulty := &disktest.Faulty{FS: ram, Fail: short(n)}
				c := ram.config()
				c.Room, c.TrustedHead = tt.room, trail.HeadFileOn(faulty, ramHead)
				l, err := trail.OpenOn(t.Context(), faulty, c)
				if err == nil {
					l.Close()
					if n == 0 {
						t.Error("opened without a write")
					}
					break
				}
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), ramBase) {
					t.Errorf("after %d writes: %v, want ENOSPC and a path", n, err)
				}
				c.TrustedHead = trail.HeadFileOn(ram, ramHead)
				l, err = trail.OpenOn(t.Context(), ram, c)
				if err != nil {
					t.Fatalf("with space, after %d writes without: %v", n, err)
				}
				if l.Size() != tt.size {
					t.Errorf("after %d writes: size = %d, want %d", n, l.Size(), tt.size)
				}
				if err := errors.Join(l.Append(t.Context(), brief(9)), l.Close()); err != nil {
					t.Errorf("after %d writes: %v", n, err)
				}
				ram.drop()
			}
		})
	}
}

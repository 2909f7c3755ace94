package moderation

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// fcReading is a reading of a clock whose wall time and whose steady part go
// each their own way, as when somebody sets the wall clock. Package time has
// no way to make one, so the steady part is put into the third word of a
// time.Time, which fcSteadyWorks checks.
func fcReading(wall time.Time, steady time.Duration) time.Time {
	now := time.Now()
	r := now.Add(wall.Sub(now.Round(0)))
	words := (*[2]int64)(unsafe.Pointer(&r))
	words[1] = int64(time.Hour + steady)
	return r
}

func TestReadingsForTheseTestsAreWhatTheyClaim(t *testing.T) {
	t.Parallel()
	a := fcReading(fcStart, time.Second)
	b := fcReading(fcStart.AddDate(-12, 0, 0), 3*time.Second)
	if b.Sub(a) != 2*time.Second || !b.Round(0).Equal(fcStart.AddDate(-12, 0, 0)) {
		t.Fatalf("%v after %v, wall %v", b.Sub(a), a, b.Round(0))
	}
}

// fcClock is a clock that is read at the given readings, one after the other.
func fcClock(readings ...time.Time) *clock {
	n := 0
	return &clock{read: func() time.Time {
		r := readings[min(n, len(readings)-1)]
		n++
		return r
	}}
}

func TestClock(t *testing.T) {
	t.Parallel()
	wall := func(after time.Duration) time.Time { return fcStart.Add(after) }
	back := fcStart.AddDate(-12, 0, 0)
	for _, tt := range []struct {
		name     string
		readings []time.Time
		want     []time.Duration // after fcStart
	}{
		{"goes with the wall clock", []time.Time{fcReading(wall(0), 0), fcReading(wall(time.Second), time.Second)}, []time.Duration{0, time.Second}},
		{"goes on at the steady pace when the wall clock is set back by twelve years",
			[]time.Time{fcReading(wall(0), 0), fcReading(back, 5*time.Second), fcReading(back.Add(time.Second), 6*time.Second)},
			[]time.Duration{0, 5 * time.Second, 6 * time.Second}},
		{"stands still when it is set back by a nanosecond in no time", []time.Time{fcReading(wall(0), 0), fcReading(wall(-1), 0)}, []time.Duration{0, 0}},
		{"follows the wall clock forward", []time.Time{fcReading(wall(0), 0), fcReading(wall(time.Hour), time.Second)}, []time.Duration{0, time.Hour}},
		{"does not follow it back when that was a mistake",
			[]time.Time{fcReading(wall(0), 0), fcReading(wall(time.Hour), time.Second), fcReading(wall(2*time.Second), 2*time.Second)},
			[]time.Duration{0, time.Hour, time.Hour + time.Second}},
		{"stands still without a steady part when it is set back", []time.Time{wall(0), wall(-time.Hour), wall(time.Second)}, []time.Duration{0, 0, time.Second}},
		{"is not carried back by a steady part that goes back", []time.Time{fcReading(wall(0), time.Minute), fcReading(wall(-time.Hour), 0)}, []time.Duration{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fcClock(tt.readings...)
			for i, want := range tt.want {
				told, raw := c.now()
				if !told.Equal(wall(want)) {
					t.Errorf("reading %d: told %v after the start, want %v", i, told.Sub(fcStart), want)
				}
				if raw != tt.readings[i] {
					t.Errorf("reading %d: the raw reading is %v", i, raw)
				}
				if told != told.Round(0) || told.Location() != time.UTC {
					t.Errorf("reading %d: %v has a steady part or is not in UTC", i, told)
				}
			}
		})
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	var readings []time.Time
	var steady time.Duration
	for range 2000 {
		steady += time.Duration(r.IntN(1000)) * time.Millisecond
		readings = append(readings, fcReading(fcStart.Add(time.Duration(r.IntN(48)-24)*time.Hour), steady))
	}
	c := fcClock(readings...)
	var last time.Time
	for i := range readings {
		if i == 1000 {
			c.atLeast(last.Add(-time.Hour)) // changes nothing
		}
		told, _ := c.now()
		if told.Before(last) {
			t.Fatalf("reading %d: %v after %v", i, told, last)
		}
		last = told
	}
}

func TestClockIsNotBehindTheLastRecordAfterARestart(t *testing.T) {
	t.Parallel()
	last := fcStart.Add(time.Hour)
	c := fcClock(fcReading(fcStart, 0), fcReading(fcStart.Add(time.Second), time.Second), fcReading(fcStart.Add(2*time.Hour), 2*time.Second))
	c.atLeast(last)
	if told, _ := c.now(); !told.Equal(last.Add(time.Second)) {
		t.Errorf("told %v, want a second after the last record", told.Sub(fcStart))
	}
	if told, _ := c.now(); !told.Equal(fcStart.Add(2 * time.Hour)) {
		t.Errorf("told %v, want the wall clock, which is ahead by now", told.Sub(fcStart))
	}
	ahead := fcClock(fcReading(fcStart, 0))
	ahead.atLeast(fcStart.Add(-time.Hour))
	if told, _ := ahead.now(); !told.Equal(fcStart) {
		t.Errorf("told %v, though the last record is older", told.Sub(fcStart))
	}
}

func TestClockMayBeReadByMany(t *testing.T) {
	t.Parallel()
	c := clock{read: time.Now}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			var last time.Time
			for range 500 {
				told, _ := c.now()
				if told.Before(last) {
					t.Errorf("%v after %v", told, last)
				}
				last = told
			}
		})
	}
	readers.Wait()
}

func TestHoldIsNotSkippedByAWallClockSetForward(t *testing.T) {
	t.Parallel()
	const hold = 10 * time.Minute
	ticket := Ticket{ID: "t", Status: StatusHeld, Approved: fcStart}
	begun := fcReading(fcStart, 0)
	for _, tt := range []struct {
		name string
		seen bool
		wall time.Duration
		raw  time.Duration
		want bool
	}{
		{"before its end", true, hold - 1, hold - 1, false},
		{"at its end", true, hold, hold, true},
		{"with the wall clock set forward", true, 12 * 365 * 24 * time.Hour, time.Second, false},
		{"with the wall clock set forward, when the hold has passed", true, 12 * 365 * 24 * time.Hour, hold, true},
		{"with the wall clock behind", true, hold - 1, hold, false},
		{"when it began in another process", false, hold, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := waits{since: make(map[string]time.Time)}
			if tt.seen {
				w.follow(Ticket{}, ticket, begun)
			}
			now := fcStart.Add(tt.wall)
			if got := w.over(ticket, hold, now, fcReading(now, tt.raw)); got != tt.want {
				t.Errorf("over: %t, want %t", got, tt.want)
			}
		})
	}
}

func TestHoldThatBeginsAnewIsSeen(t *testing.T) {
	t.Parallel()
	const hold = 10 * time.Minute
	w := waits{since: make(map[string]time.Time)}
	first := Ticket{ID: "t", Status: StatusHeld, Approved: fcStart}
	w.follow(Ticket{}, first, fcReading(fcStart, 0))
	again := first
	again.Approved = fcStart.Add(time.Hour)
	w.follow(first, again, fcReading(again.Approved, time.Hour))
	jumped := again.Approved.Add(24 * time.Hour)
	if w.over(again, hold, jumped, fcReading(jumped, time.Hour+time.Minute)) {
		t.Error("a hold that began anew was skipped by a wall clock set forward")
	}
	same := again
	same.Note = "no room"
	w.follow(again, same, fcReading(jumped, 2*time.Hour)) // held as before: does not begin anew
	if !w.over(same, hold, jumped, fcReading(jumped, time.Hour+hold)) {
		t.Error("a hold began anew though the ticket was approved before")
	}
	over := same
	over.Status = StatusExecuted
	w.follow(same, over, fcReading(jumped, 3*time.Hour))
	if len(w.since) != 0 {
		t.Error("a ticket that waits no longer is remembered")
	}
}

package trail_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// assorted returns records that share tickets, people and targets in many ways.
// Half way the clock is set back twelve years.
func assorted(random *rand.Rand, n int) []audit.Record {
	records := make([]audit.Record, n)
	now := time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC)
	for i := range records {
		now = now.Add(time.Duration(random.IntN(2000)) * time.Millisecond)
		if i == n/2 {
			now = now.AddDate(-12, 0, 0)
		}
		r := audit.Record{
			ID:     fmt.Sprintf("id-%d", i),
			Event:  audit.EventRequested,
			Time:   now,
			Ticket: oneOf(random, "", "t1", "t2", "kim", fmt.Sprint("only-", i)),
			Actor:  audit.Actor{Login: oneOf(random, "kim@1", "kim@2", "lee", "t1"), Person: oneOf(random, "", "kim", "lee")},
			Target: audit.Target{ID: oneOf(random, "a1", "a2", "kim")},
		}
		if random.IntN(50) == 0 {
			r = withReason(r, 66_000)
		}
		records[i] = r
	}
	return records
}

func oneOf(random *rand.Rand, texts ...string) string { return texts[random.IntN(len(texts))] }

func withReason(r audit.Record, n int) audit.Record {
	r.Reason = exactly("x", n).Reason
	return r
}

// addSome adds records, several at a time, and returns what the log has of them.
func addSome(t *testing.T, l *trail.Log, records []audit.Record) []trail.Entry {
	t.Helper()
	var entries []trail.Entry
	for some := range slices.Chunk(records, 50) {
		receipts, errs := addAtOnce(t, l, some)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, r := range some {
			entries = append(entries, trail.Entry{Index: receipts[i].Index, Record: r})
		}
	}
	slices.SortFunc(entries, func(a, b trail.Entry) int { return cmp.Compare(a.Index, b.Index) })
	return entries
}

// asksFor is what a query means, one record at a time.
func asksFor(q trail.Query, e trail.Entry) bool {
	r := e.Record
	return e.Index >= q.From &&
		(q.Ticket == "" || r.Ticket == q.Ticket) &&
		(q.Actor == "" || r.Actor.Login == q.Actor || r.Actor.Person == q.Actor) &&
		(q.Target == "" || r.Target.ID == q.Target) &&
		(q.Since.IsZero() || !r.Time.Before(q.Since)) &&
		(q.Until.IsZero() || r.Time.Before(q.Until))
}

// randomQuery asks for something in the neighbourhood of what there is.
func randomQuery(random *rand.Rand, entries []trail.Entry) trail.Query {
	var q trail.Query
	if random.IntN(2) == 0 {
		q.From = random.Uint64N(entries[len(entries)-1].Index + 3)
	}
	if random.IntN(3) == 0 {
		q.Ticket = oneOf(random, "t1", "t2", "kim", "only-7", "none")
	}
	if random.IntN(3) == 0 {
		q.Actor = oneOf(random, "kim@1", "kim", "lee", "t1", "none")
	}
	if random.IntN(3) == 0 {
		q.Target = oneOf(random, "a1", "kim", "none")
	}
	at := func() time.Time {
		return entries[random.IntN(len(entries))].Record.Time.Add(time.Duration(random.IntN(3)-1) * time.Nanosecond)
	}
	if random.IntN(3) == 0 {
		q.Since = at()
	}
	if random.IntN(3) == 0 {
		q.Until = at()
	}
	return q
}

func TestAQueryYieldsWhatItAsksForWhereverTheRecordsAre(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	p := newPlace(t)
	l := p.openQuiet(t, roomy)
	var entries []trail.Entry
	check := func(when string) {
		t.Helper()
		for range 40 {
			q := randomQuery(random, entries)
			var want []string
			for _, e := range entries {
				if asksFor(q, e) {
					want = append(want, fmt.Sprint(e.Index, " ", e.Record.ID))
				}
			}
			var have []string
			for e, err := range l.Records(t.Context(), q) {
				if err != nil {
					t.Fatalf("seed %d, %s: %+v: %v", seed, when, q, err)
				}
				have = append(have, fmt.Sprint(e.Index, " ", e.Record.ID))
			}
			if diff := gocmp.Diff(want, have); diff != "" {
				t.Fatalf("seed %d, %s: %+v: records (-want +got):\n%s", seed, when, q, diff)
			}
		}
	}
	records := assorted(random, 420)
	entries = append(entries, addSome(t, l, records[:150])...)
	check("written ahead")
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("published")
	entries = append(entries, addSome(t, l, records[150:300])...)
	check("half published")
	closeLog(t, l)
	l = p.openQuiet(t, roomy)
	check("reopened")
	entries = append(entries, addSome(t, l, records[300:])...)
	closeLog(t, l)
	if err := os.RemoveAll(filepath.Join(p.dir(), "log", "index")); err != nil {
		t.Fatal(err)
	}
	l = p.openQuiet(t, roomy)
	check("without its index")
	for back := range uint64(60) { // every place to begin at, in the middle of parts too
		from := entries[len(entries)-1].Index - back
		var want []string
		for _, e := range entries {
			if e.Index >= from {
				want = append(want, e.Record.ID)
			}
		}
		wantIDs(t, l, trail.Query{From: from}, want...)
	}
}

func TestAClockThatIsSetBackReordersNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	now := time.Date(2029, time.November, 2, 18, 0, 0, 0, time.UTC)
	then := now.AddDate(-12, 0, 0)
	add := func(id string, at time.Time) {
		t.Helper()
		if err := l.Append(t.Context(), audit.Record{ID: id, Event: audit.EventRequested, Time: at}); err != nil {
			t.Fatal(err)
		}
	}
	add("1", now)
	add("2", now.Add(time.Second))
	add("3", then)
	add("4", then.Add(time.Second))
	add("5", now.Add(2*time.Second))
	check := func() {
		t.Helper()
		wantIDs(t, l, trail.Query{}, "1", "2", "3", "4", "5")
		wantIDs(t, l, trail.Query{Since: now}, "1", "2", "5")
		wantIDs(t, l, trail.Query{Until: now}, "3", "4")
		wantIDs(t, l, trail.Query{Since: then.Add(1), Until: now.Add(1)}, "1", "4")
		wantIDs(t, l, trail.Query{Since: then, Until: then.Add(time.Second)}, "3")
		wantIDs(t, l, trail.Query{Since: now, Until: then})
		var order []string
		for r, err := range l.Replay(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			order = append(order, r.ID)
		}
		if diff := gocmp.Diff([]string{"1", "2", "3", "4", "5"}, order); diff != "" {
			t.Errorf("replay (-want +got):\n%s", diff)
		}
	}
	check()
	closeLog(t, l)
	l = p.openQuiet(t, trail.MinRoom)
	check()
}

func TestReadingEndsWithTheContextAndWithTheLog(t *testing.T) {
	t.Parallel()
	l := newPlace(t).open(t)
	addSome(t, l, briefs(0, 20))
	queries := []trail.Query{{}, {Ticket: "ticket-1"}, {Since: brief(0).Time}, {From: 100}}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	lastOf := func(ctx context.Context, q trail.Query) (last error) {
		for _, err := range l.Records(ctx, q) {
			last = err
		}
		return last
	}
	for _, q := range queries[:3] {
		if err := lastOf(gone, q); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v with a context that is done: %v", q, err)
		}
		seen := 0
		for _, err := range l.Records(t.Context(), q) {
			if seen++; err != nil {
				t.Error(err)
			}
			break // the reader may stop
		}
		if seen != 1 {
			t.Errorf("%+v: %d records", q, seen)
		}
	}
	closeLog(t, l)
	for _, q := range queries {
		if err := lastOf(t.Context(), q); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("%+v of a closed log: %v", q, err)
		}
	}
	var zero trail.Log
	for _, err := range zero.Records(t.Context(), trail.Query{}) {
		if !errors.Is(err, audit.ErrClosed) {
			t.Errorf("the zero Log: %v", err)
		}
	}
}

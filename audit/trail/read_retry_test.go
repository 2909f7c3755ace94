package trail_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// addAtOnce adds records at the same time and returns receipts and errors in
// their order.
func addAtOnce(t *testing.T, l *trail.Log, records []audit.Record) ([]trail.Receipt, []error) {
	t.Helper()
	receipts, errs := make([]trail.Receipt, len(records)), make([]error, len(records))
	var ready, group sync.WaitGroup
	ready.Add(1)
	for i, r := range records {
		group.Go(func() {
			ready.Wait()
			receipts[i], errs[i] = l.Add(t.Context(), r)
		})
	}
	ready.Done()
	group.Wait()
	return receipts, errs
}

// retried are records of which a retry has to find each.
func retried() []audit.Record {
	return []audit.Record{
		exactly("short", 500),
		exactly("the longest in one entry", 65_535),
		exactly("the shortest in parts", 65_536),
		exactly("the longest in 17 parts", audit.MaxRecord),
	}
}

// exactly returns a record whose JSON form has n bytes.
func exactly(id string, n int) audit.Record {
	r := brief(1)
	r.ID, r.Reason = id, "x"
	json, _ := r.MarshalJSON()
	r.Reason = strings.Repeat("x", 1+n-len(json))
	return r
}

// roomy is a room in which the longest record is allowed.
const roomy = 5 << 20

func TestManyRetriesAtOnceAreOneLeafAndOneReceipt(t *testing.T) {
	t.Parallel()
	for _, r := range retried() {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			l := newPlace(t).openQuiet(t, roomy)
			records := make([]audit.Record, 100)
			if len(r.Reason) > 100_000 {
				records = records[:10] // a megabyte each
			}
			for i := range records {
				records[i] = r
			}
			receipts, errs := addAtOnce(t, l, records)
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			for _, receipt := range receipts[1:] {
				if diff := cmp.Diff(receipts[0], receipt); diff != "" {
					t.Fatalf("receipts differ:\n%s", diff)
				}
			}
			if want := receipts[0].Index + 1; l.Size() != want {
				t.Errorf("size = %d, want %d", l.Size(), want)
			}
			wantIDs(t, l, trail.Query{}, r.ID)
		})
	}
}

// wantIDs fails unless a query yields the records with these IDs, in order.
func wantIDs(t *testing.T, l *trail.Log, q trail.Query, want ...string) {
	t.Helper()
	var have []string
	for e, err := range l.Records(t.Context(), q) {
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		have = append(have, e.Record.ID)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%+v: records (-want +got):\n%s", q, diff)
	}
}

func TestOneOfTwoBodiesUnderOneIDWinsForEver(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, roomy)
	bodies := []audit.Record{exactly("id", 400), exactly("id", 300), exactly("id", 65_536), exactly("id", 200_000)}
	var records []audit.Record
	for i := range 80 {
		records = append(records, bodies[i%len(bodies)])
	}
	receipts, errs := addAtOnce(t, l, records)
	won := -1
	for i, err := range errs {
		body := i % len(bodies)
		switch {
		case err == nil && won < 0:
			won = body
		case err == nil && won != body:
			t.Fatalf("bodies %d and %d were both accepted", won, body)
		case err == nil && !cmp.Equal(receipts[i], receipts[won]):
			t.Errorf("receipts differ: %v and %v", receipts[i].Index, receipts[won].Index)
		case err != nil && (!errors.Is(err, audit.ErrConflict) || !errors.Is(err, audit.ErrNotWritten)):
			t.Errorf("body %d: error = %v, want ErrConflict and ErrNotWritten", body, err)
		}
	}
	if won < 0 {
		t.Fatal("none was accepted")
	}
	wantIDs(t, l, trail.Query{}, "id")
}

func TestARetryGetsItsFirstReceiptAndAnotherBodyIsAConflictWhateverHappened(t *testing.T) {
	t.Parallel()
	t.Run("records in parts", func(t *testing.T) {
		t.Parallel()
		retryThroughout(t, newPlace(t), roomy, retried(), nil)
	})
	t.Run("write-ahead files used again", func(t *testing.T) {
		t.Parallel()
		var fillers []audit.Record
		for i := range 30 {
			fillers = append(fillers, exactly(fmt.Sprint("filler-", i), 60_000))
		}
		records := []audit.Record{exactly("short", 500), exactly("other", 501), exactly("long", 60_001)}
		retryThroughout(t, newPlace(t), trail.MinRoom, records, fillers)
	})
}

// retryThroughout appends records, and again whenever something has happened to
// the log.
func retryThroughout(t *testing.T, p place, room int64, records, fillers []audit.Record) {
	l := p.openQuiet(t, room)
	w := newTruth(t, l)
	w.add(t, l, records...)
	size := l.Size()
	again := func(when string) {
		t.Helper()
		for _, one := range w.told[:len(records)] {
			receipt, err := l.Add(t.Context(), one.record)
			if err != nil {
				t.Fatalf("%s: %s: %v", when, one.record.ID, err)
			}
			if diff := cmp.Diff(one.receipt, receipt); diff != "" {
				t.Errorf("%s: %s: receipt (-want +got):\n%s", when, one.record.ID, diff)
			}
			other := one.record
			other.Reason = other.Reason[1:]
			if receipt, err := l.Add(t.Context(), other); !errors.Is(err, audit.ErrConflict) || !errors.Is(err, audit.ErrNotWritten) {
				t.Errorf("%s: another body of %s: %v, %v, want ErrConflict and ErrNotWritten", when, one.record.ID, receipt.Index, err)
			}
		}
		if l.Size() != size {
			t.Errorf("%s: the log has %d entries, not %d", when, l.Size(), size)
		}
	}
	again("at once")
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	again("published")
	closeLog(t, l)
	l = p.openQuiet(t, room)
	again("reopened")
	closeLog(t, l)
	if err := os.RemoveAll(filepath.Join(p.dir(), "log", "index")); err != nil {
		t.Fatal(err)
	}
	l = p.openQuiet(t, room)
	again("without its index")
	w.add(t, l, fillers...)
	size = l.Size()
	again("with more records")
	closeLog(t, l)
	l = p.openQuiet(t, room)
	again("reopened after that")
}

func closeLog(t *testing.T, l *trail.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestARefusedRecordLeavesNothingBehindBesideOthers(t *testing.T) {
	t.Parallel()
	l := newPlace(t).open(t)
	var records []audit.Record
	for i := range 60 {
		r := brief(i)
		switch i % 6 {
		case 1:
			r.ID = ""
		case 2:
			r.Event = ""
		case 3:
			r.State = []byte(`{"torn":`)
		case 4:
			r.Reason = "\xff"
		case 5:
			r = exactly(fmt.Sprint("too long ", i), trail.MinRoom/4)
		}
		records = append(records, r)
	}
	_, errs := addAtOnce(t, l, records)
	for i, err := range errs {
		if good := i%6 == 0; good && err != nil || !good && !errors.Is(err, audit.ErrNotWritten) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if l.Size() != 10 {
		t.Errorf("size = %d, want 10", l.Size())
	}
}

package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// kept is what somebody was given of a log and keeps.
type kept struct {
	record  string
	receipt Receipt
	note    []byte // a copy
	bundle  *bundle
	entries []byte // a copy
}

func (k *kept) changed() bool {
	return !bytes.Equal(k.receipt.Checkpoint, k.note) || !bytes.Equal(bytes.Join(k.bundle.entries, nil), k.entries)
}

// TestWhatWasGivenOfAGroupStaysThoughItsMemoryIsUsedAgain keeps receipts, and
// the entries of groups that were not published yet, while others append,
// publish and read.
func TestWhatWasGivenOfAGroupStaysThoughItsMemoryIsUsedAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, book := newSite(t), newLedger(t)
	l := s.mustOpen(t, hasty{})
	var mu sync.Mutex
	var all []*kept
	var writers, others sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := range 150 {
				r := plainRecord(fmt.Sprintf("%d-%d", w, n), 10+37*n%400)
				if err := book.add(l, fmt.Sprint(w), r); err != nil {
					t.Error(err)
					return
				}
				if n%5 > 0 {
					continue
				}
				k, err := keep(ctx, l, book, r.ID)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, k)
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := l.Publish(ctx); err != nil {
				t.Error(err)
				return
			}
		}
	})
	writers.Wait()
	close(done)
	others.Wait()
	fresh := 0
	for _, k := range all {
		if k.changed() {
			t.Errorf("what was given of record %s has changed", k.record)
		}
		if k.bundle.first%256 != 0 {
			fresh++
		}
	}
	if fresh == 0 {
		t.Error("no entries were read before they were published")
	}
	if err := errors.Join(book.check(s, l), l.Close()); err != nil {
		t.Error(err)
	}
}

// keep takes what the log gives for a record.
func keep(ctx context.Context, l *Log, book *ledger, id string) (*kept, error) {
	book.mu.Lock()
	k := &kept{record: id, receipt: book.told[id]}
	book.mu.Unlock()
	var err error
	if k.bundle, err = l.bundleAt(ctx, k.receipt.Index); err != nil {
		return nil, err
	}
	k.note = bytes.Clone(k.receipt.Checkpoint)
	k.entries = bytes.Join(k.bundle.entries, nil)
	return k, nil
}

// TestTheCommitterWaitsForNobodyWhoHasLeft has several appends in one group, all
// but one of which are not waited for any more when it is committed.
func TestTheCommitterWaitsForNobodyWhoHasLeft(t *testing.T) {
	t.Parallel()
	const leaving = 7
	l := newSite(t).mustOpen(t, hasty{})
	ctx, cancel := context.WithCancel(t.Context())
	var gone, stay sync.WaitGroup
	l.signing.Lock() // no group is committed
	stay.Go(func() { appendPlain(t, l, "first") })
	until(l, func() bool { return len(l.groups) == 1 })
	stay.Go(func() { appendPlain(t, l, "second") })
	for n := range leaving {
		gone.Go(func() {
			if err := l.Append(ctx, plainRecord(fmt.Sprint(n), 10)); !errors.Is(err, context.Canceled) {
				t.Errorf("who leaves is told %v", err)
			}
		})
	}
	until(l, func() bool { return l.pending != nil && l.pending.joined == 1+leaving })
	cancel()
	gone.Wait()
	l.signing.Unlock()
	stay.Wait()
	appendPlain(t, l, "third")
	if got := l.Size(); got != 3+leaving {
		t.Errorf("%d entries", got)
	}
}

func appendPlain(t *testing.T, l *Log, id string) {
	if err := l.Append(t.Context(), plainRecord(id, 10)); err != nil {
		t.Error(err)
	}
}

// until waits until something is true of a log.
func until(l *Log, is func() bool) {
	for {
		l.mu.Lock()
		yes := is()
		l.mu.Unlock()
		if yes {
			return
		}
		runtime.Gosched()
	}
}

package limit

import (
	"context"
	"sync"
	"time"
)

// A sweep is made after every sweepEvery-th charge that was taken, looks at
// sweepStep buckets and goes on where the last one ended. A charge makes a
// few buckets at most, so full ones can't pile up.
const (
	sweepEvery = 64
	sweepStep  = 512
)

// maxSweep bounds a sweep, for which the charge waits that it comes after.
const maxSweep = time.Second

// sweeping is where the next sweep of this replica goes on.
type sweeping struct {
	mu           sync.Mutex
	meter, value string
}

// sweep forgets some buckets that are full, and charges that are old. It waits
// for no other; what it does not get done, a later one does.
func (l *Limiter) sweep(ctx context.Context) {
	s := &l.sweeping
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, min(l.timeout, maxSweep))
	defer cancel()
	names, first, last, amounts, windows := l.rates()
	var looked, forgot int
	row := l.pool.QueryRow(ctx, l.sql("SELECT after_meter, after_value, looked, forgot FROM @schema@.limit_sweep_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
		l.now(), int64(l.remember), sweepStep, s.meter, s.value, names, first, last, amounts, windows)
	if err := row.Scan(&s.meter, &s.value, &looked, &forgot); err != nil {
		s.meter, s.value = "", ""
	}
}

// rates returns the rates in force of all meters, as arguments.
func (l *Limiter) rates() (names []string, first, last []int32, amounts, windows []int64) {
	names, first, last, amounts, windows = []string{}, []int32{}, []int32{}, []int64{}, []int64{}
	for _, m := range l.authorizer.Policy().Meters() {
		names = append(names, m.Name)
		first = append(first, int32(len(amounts))+1)
		for _, r := range m.Rates {
			amounts, windows = append(amounts, r.Amount), append(windows, int64(r.Window))
		}
		last = append(last, int32(len(amounts)))
	}
	return names, first, last, amounts, windows
}

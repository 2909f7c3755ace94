package limit

import (
	"context"
	"time"
)

// SetMoment makes a limiter go by another clock than the database's.
func (l *Limiter) SetMoment(now func() time.Time) {
	l.moment = func() *int64 {
		t := now().UnixNano()
		return &t
	}
}

// StopSweeping makes charges sweep no more.
func (l *Limiter) StopSweeping() { l.sweeping.mu.Lock() }

// Sweep sweeps once.
func (l *Limiter) Sweep(ctx context.Context) { l.sweep(ctx) }

// SweepStep is how many buckets a sweep looks at.
const SweepStep = sweepStep

package moderationtest

import (
	"context"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// Limiter is a [moderation.Limiter] that answers as it was told, and notes
// what it took. What it was not told, and the zero Limiter, it refuses; what
// hangs in the zero Limiter is let go by LetGo only, or by the context.
//
// It is a [moderation.Restorer] and a [moderation.Releaser] too, which only
// note their charges. Where these must not be there, hide them:
// struct{ moderation.Limiter }{limiter}.
type Limiter struct {
	// OnTake, OnPeek, OnRestore and OnRelease are the seams of Take, Peek,
	// Restore and Release.
	OnTake    Seam[moderation.Charge, moderation.Usage]
	OnPeek    Seam[moderation.Charge, moderation.Usage]
	OnRestore Seam[moderation.Charge, struct{}]
	OnRelease Seam[moderation.Charge, struct{}]

	mu     sync.Mutex
	answer func(moderation.Charge) (moderation.Usage, error)
	taken  []moderation.Charge
}

// NewLimiter returns a limiter that refuses every charge. What hangs in it
// is let go at the end of the test.
func NewLimiter(t Cleaner) *Limiter {
	l := new(Limiter)
	t.Cleanup(l.LetGo)
	return l
}

// Allow makes it take every charge.
func (l *Limiter) Allow() {
	l.AnswerWith(func(moderation.Charge) (moderation.Usage, error) {
		return moderation.Usage{Allowed: true}, nil
	})
}

// AnswerWith makes answer what answers Take and Peek. It may be called by many
// goroutines at once. Nil refuses.
func (l *Limiter) AnswerWith(answer func(moderation.Charge) (moderation.Usage, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

// Taken returns the charges that Take allowed or that were restored, in order.
func (l *Limiter) Taken() []moderation.Charge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.taken)
}

// Take answers as it was told, and notes what it allows.
func (l *Limiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.OnTake.call(ctx, c, func(ctx context.Context) (moderation.Usage, error) {
		u, err := l.told(ctx, c)
		if err == nil && u.Allowed {
			l.note(c)
		}
		return u, err
	})
}

// Peek answers as it was told.
func (l *Limiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.OnPeek.call(ctx, c, func(ctx context.Context) (moderation.Usage, error) {
		return l.told(ctx, c)
	})
}

// Restore notes a charge as taken.
func (l *Limiter) Restore(ctx context.Context, c moderation.Charge) error {
	_, err := l.OnRestore.call(ctx, c, func(ctx context.Context) (struct{}, error) {
		if err := ctx.Err(); err != nil {
			return struct{}{}, err
		}
		l.note(c)
		return struct{}{}, nil
	})
	return err
}

// Release says nothing against a charge being over; its seam keeps it.
func (l *Limiter) Release(ctx context.Context, c moderation.Charge) error {
	_, err := l.OnRelease.call(ctx, c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, ctx.Err()
	})
	return err
}

// LetGo lets go every call that hangs, now and later.
func (l *Limiter) LetGo() {
	l.OnTake.LetGo()
	l.OnPeek.LetGo()
	l.OnRestore.LetGo()
	l.OnRelease.LetGo()
}

func (l *Limiter) told(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	if err := ctx.Err(); err != nil {
		return moderation.Usage{}, err
	}
	l.mu.Lock()
	answer := l.answer
	l.mu.Unlock()
	if answer == nil {
		return moderation.Usage{}, nil
	}
	return answer(c)
}

func (l *Limiter) note(c moderation.Charge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, c)
}

package policy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// bounded asks somebody in another goroutine and waits no longer than limit, or
// until ctx is done. Who panics, ends the goroutine or does not answer in time
// has failed; what comes later is dropped.
func bounded[T any](ctx context.Context, limit time.Duration, who string, ask func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		got := answer{err: errors.New(who + " ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				got = answer{err: fmt.Errorf("%s panicked: %v", who, p)}
			}
			answers <- got
		}()
		value, err := ask(ctx)
		got = answer{value, err}
	}()
	select {
	case got := <-answers:
		if got.err != nil {
			return zero, got.err
		}
		return got.value, nil
	case <-ctx.Done():
		return zero, fmt.Errorf("%s did not answer: %w", who, ctx.Err())
	}
}

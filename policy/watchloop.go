package policy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// watch is one call of Watch.
type watch struct {
	authorizer *Authorizer
	config     WatchConfig
	notices    chan struct{} // one, where the watcher has called since the last load
	subscribed chan error    // what came of setting the watcher's callback
	failures   int           // loads in a row that neither confirmed nor replaced the version
	failed     int           // those in a row that failed
	unreported int
}

// Bounds of the waits between loads.
const (
	noticePause = 100 * time.Millisecond // before a notice of the watcher counts again
	failPause   = time.Second            // after a first failure, where nothing is polled
	maxPause    = time.Minute            // after any number, where Every is not longer
)

// run loads when it is time to, or when the watcher calls, one after the other.
// A watcher that calls without end does not make it load without end, and one
// that calls during failures does not hurry them.
func (w *watch) run(ctx context.Context) {
	w.subscribe(ctx)
	poll, resume := stopped(), stopped()
	defer poll.Stop()
	defer resume.Stop()
	w.schedule(poll)
	notices := w.notices
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-w.subscribed:
			w.notSubscribed(ctx, err)
			continue
		case <-resume.C:
			notices = w.notices
			continue
		case <-notices:
		case <-poll.C:
		}
		w.load(ctx)
		notices = nil
		resume.Stop()
		if w.failed == 0 {
			resume.Reset(noticePause)
		}
		w.schedule(poll)
	}
}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// schedule sets the timer of the next load, where there is one to come.
func (w *watch) schedule(poll *time.Timer) {
	poll.Stop()
	if w.config.Every > 0 || w.failed > 0 {
		poll.Reset(w.pause())
	}
}

// load loads once and reports what came of it.
func (w *watch) load(ctx context.Context) {
	bound, cancel := context.WithTimeout(ctx, w.config.LoadTimeout)
	defer cancel()
	got, err := w.authorizer.load(bound, loading{poll: true})
	if ctx.Err() != nil {
		return // that the watch was ended is no failure
	}
	e := Event{Kind: EventConfirmed}
	var kept *QuarantineError
	switch {
	case errors.As(err, &kept):
		e.Kind, e.Err = EventQuarantined, err
	case err != nil:
		e.Kind, e.Err = EventFailed, err
	case got.changed:
		e.Kind, e.Difference = EventReplaced, got.difference
	}
	w.failures++
	w.failed++
	if err == nil {
		w.failures = 0
	}
	if e.Kind != EventFailed { // what is quarantined is looked at again as usual
		w.failed = 0
	}
	w.report(e)
}

// pause is how long to wait for the next load.
func (w *watch) pause() time.Duration {
	wait := w.config.Every
	if w.failed > 0 {
		wait = backoff(w.config.Every, w.failed)
	}
	if w.config.Jitter > 0 {
		wait += rand.N(w.config.Jitter)
	}
	return wait
}

// backoff doubles the wait with each failure in a row.
func backoff(every time.Duration, failures int) time.Duration {
	wait := every
	if wait == 0 {
		wait = failPause
	}
	longest := max(every, maxPause)
	for range failures - 1 {
		if wait = 2 * wait; wait >= longest {
			return longest
		}
	}
	return min(wait, longest)
}

// subscribe sets the watcher's callback, which does no more than to leave a
// notice: it may be called by any goroutine, at any time, also after Watch has
// returned.
func (w *watch) subscribe(ctx context.Context) {
	if w.config.Watcher == nil {
		return
	}
	notices, subscribed, watcher := w.notices, w.subscribed, w.config.Watcher
	notice := func(string) {
		select {
		case notices <- struct{}{}:
		default:
		}
	}
	go func() {
		_, err := bounded(ctx, w.config.LoadTimeout, "the Casbin watcher", func(context.Context) (struct{}, error) {
			return struct{}{}, watcher.SetUpdateCallback(notice)
		})
		subscribed <- err
	}()
}

// notSubscribed reports that the watcher took no callback, and tries again
// after a while.
func (w *watch) notSubscribed(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	w.report(Event{Kind: EventFailed, Err: fmt.Errorf("the Casbin watcher took no callback: %w", err)})
	go func() {
		select {
		case <-ctx.Done():
		case <-time.After(maxPause):
			w.subscribe(ctx)
		}
	}()
}

// report tells of an event.
func (w *watch) report(e Event) {
	e.Digest, e.Unreported = w.authorizer.Digest(), w.unreported
	e.Failures = max(e.Failures, w.failures)
	panicked := true
	defer func() {
		w.unreported = 0
		if panicked {
			_ = recover()
			w.unreported = e.Unreported + 1
		}
	}()
	w.config.Report(e)
	panicked = false
}

package moderation

import (
	"context"
	"sync"
)

// flight names something that one process does once at a time: what is asked
// under one key, or the execution of one ticket.
type flight struct{ requester, key, ticket string }

// flights keeps callers in one process from doing the same thing at the same
// time. Between processes the store's revisions do.
type flights struct {
	mu    sync.Mutex
	inAir map[flight]chan struct{} // closed at the landing; nil while nobody waits
}

// try takes off unless the same thing is in the air already.
func (f *flights) try(what flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, busy := f.inAir[what]; busy {
		return false
	}
	f.inAir[what] = nil
	return true
}

// land ends what took off.
func (f *flights) land(what flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if landed := f.inAir[what]; landed != nil {
		close(landed)
	}
	delete(f.inAir, what)
}

// wait takes off as soon as the same thing has landed, or gives up with ctx.
func (f *flights) wait(ctx context.Context, what flight) error {
	for !f.try(what) {
		select {
		case <-f.landing(what):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// landing is closed when what is in the air has landed.
func (f *flights) landing(what flight) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	landed, busy := f.inAir[what]
	if landed == nil {
		landed = make(chan struct{})
	}
	if !busy {
		close(landed)
		return landed
	}
	f.inAir[what] = landed
	return landed
}

// flying reports whether something is in the air.
func (f *flights) flying(what flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, busy := f.inAir[what]
	return busy
}

// waitAll waits until nothing is in the air.
func (f *flights) waitAll(ctx context.Context) error {
	for {
		what, ok := f.any()
		if !ok {
			return nil
		}
		select {
		case <-f.landing(what):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// any returns something that is in the air.
func (f *flights) any() (flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for what := range f.inAir {
		return what, true
	}
	return flight{}, false
}

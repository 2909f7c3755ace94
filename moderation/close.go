package moderation

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Close ends the guard's work. From its first call on every verb is refused
// with [CodeClosed], those that handlers call included, and Run returns. Close
// waits for the verbs under way, and for handlers, those that ran over their
// time included; records what is still owed; and, where New has rebuilt the
// guard from an [audit.Snapshotter], saves a snapshot, from which the next New
// goes on. It returns nil if and only if all of that is done.
//
// ctx bounds it. After an error the guard stays closed, and Close may be called
// again to go on; once it has returned nil it does nothing more. An error that
// wraps [ErrUnrecorded] says that an outcome is not recorded: after a restart
// its ticket is unknown. Where no snapshot could be saved no record is lost:
// the next New reads more of them. A handler that calls Close waits for itself.
//
// An Observer is told what is left to tell for at most a second; what becomes
// of that makes no difference to what Close returns.
//
// Close does not close Config.Audit or Config.Store. Who has opened them closes
// them, after the guard: guard.Close(ctx), then trail.Close().
func (g *Guard) Close(ctx context.Context) error {
	if err := g.ready(ctx); err != nil {
		return err
	}
	g.verbs.close()
	err := g.close(ctx)
	g.watch.wait(ctx)
	if err != nil {
		return fmt.Errorf("moderation: closing the guard: %w", err)
	}
	return nil
}

// close waits for what is under way, and then puts everything away.
func (g *Guard) close(ctx context.Context) error {
	if err := g.verbs.wait(ctx); err != nil {
		return fmt.Errorf("verbs are still under way: %w", err)
	}
	if err := g.flights.waitAll(ctx); err != nil {
		return fmt.Errorf("handlers are still running: %w", err)
	}
	_, err := bounded(ctx, forEver, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.putAway(ctx)
	})
	if _, owing := g.oldest(); owing && err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	return err
}

// forEver is the limit of what only its context bounds.
const forEver time.Duration = math.MaxInt64

// putAway records what is owed and how many refusals were only counted, and then
// saves a snapshot of what no snapshot has. It is done by one at a time.
func (g *Guard) putAway(ctx context.Context) error {
	select {
	case g.closing <- struct{}{}:
		defer func() { <-g.closing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := g.payOwed(ctx); err != nil {
		return err
	}
	now, _ := g.clock.now()
	g.summarize(ctx, now, now.Add(tallyWindow))
	if g.memory == nil {
		return nil
	}
	return g.memory.save(ctx)
}

// saveSnapshot saves one for the next New, if the sink keeps snapshots.
func (g *Guard) saveSnapshot(ctx context.Context) error {
	_, err := bounded(ctx, forEver, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.memory.save(ctx)
	})
	return err
}

// enter begins a verb, which ends with exit.
func (g *Guard) enter(ctx context.Context) error {
	if err := g.ready(ctx); err != nil {
		return err
	}
	if !g.verbs.begin() {
		return closedRefusal()
	}
	return nil
}

func (g *Guard) exit() { g.verbs.end() }

func closedRefusal() *Refusal {
	return &Refusal{Code: CodeClosed, Text: "The guard is closed."}
}

// verbs counts the verbs under way, until there may be no further ones.
type verbs struct {
	mu     sync.Mutex
	count  int
	closed chan struct{} // closed by close
	over   chan struct{} // closed when that was done and none is left
}

// begin counts a verb, unless there may be no further ones.
func (v *verbs) begin() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.isClosed() {
		return false
	}
	v.count++
	return true
}

func (v *verbs) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count--
	v.settle()
}

// close lets no further verb begin.
func (v *verbs) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.isClosed() {
		return
	}
	close(v.closed)
	v.settle()
}

func (v *verbs) settle() {
	if v.count == 0 && v.isClosed() {
		close(v.over)
	}
}

func (v *verbs) isClosed() bool {
	select {
	case <-v.closed:
		return true
	default:
		return false
	}
}

// wait waits until the last verb has ended after close.
func (v *verbs) wait(ctx context.Context) error {
	select {
	case <-v.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

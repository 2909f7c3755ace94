package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// accounts counts the accounts that were used: each is acted on once.
var accounts atomic.Int64

// measured is what a load came to.
type measured struct {
	perSecond float64
	busy      int             // actions refused since a freeze came between
	freezes   []time.Duration // until the last partition refuses
}

// load has every replica of a cluster execute actions, as many at a time as the
// layout says, and freezes somebody in all partitions meanwhile, again and again.
// What is done in the first two seconds does not count.
func (c *cluster) load(ctx context.Context, l layout, length time.Duration) (m measured, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done, busy atomic.Int64
	var workers sync.WaitGroup
	stop := make(chan struct{})
	for _, r := range c.replicas {
		for range l.inFlight {
			workers.Go(func() {
				for running(stop) {
					switch err := r.act(ctx, l.partitions); {
					case err == nil:
						done.Add(1)
					case errors.Is(err, moderation.ErrConflicting):
						busy.Add(1)
					default:
						cancel(err)
						return
					}
				}
			})
		}
	}
	m, err = c.watch(ctx, length, &done, &busy)
	close(stop)
	workers.Wait()
	return m, errors.Join(err, context.Cause(ctx))
}

// watch counts for so long.
func (c *cluster) watch(ctx context.Context, length time.Duration, done, busy *atomic.Int64) (m measured, err error) {
	if err := pause(ctx, min(length, 2*time.Second)); err != nil { // connections and plans
		return m, err
	}
	begun, before := time.Now(), done.Load()
	if err := pause(ctx, length); err != nil {
		return m, err
	}
	m.perSecond = float64(done.Load()-before) / time.Since(begun).Seconds()
	for begun := time.Now(); time.Since(begun) < length; {
		took, err := c.freeze(ctx)
		if err != nil {
			return m, err
		}
		m.freezes = append(m.freezes, took)
	}
	slices.Sort(m.freezes)
	m.busy = int(busy.Load())
	return m, nil
}

func running(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// act executes one action, on an account whose partition the replica serves.
func (r replica) act(ctx context.Context, partitions int) error {
	for {
		n := accounts.Add(1)
		guard := r.serving(account(n), partitions)
		if guard == nil {
			continue // another replica's
		}
		t, err := guard.Do(ctx, suspend(n))
		if err == nil && t.Status != moderation.StatusExecuted {
			err = fmt.Errorf("ticket %s is %s", t.ID, t.Status)
		}
		return err
	}
}

// freeze freezes somebody in all partitions at once, and returns how long it took
// until the last of them had it. Then it looks that all of them refuse, and lifts
// the freezes.
func (c *cluster) freeze(ctx context.Context) (took time.Duration, err error) {
	begun := time.Now()
	tickets := make([]moderation.Ticket, len(c.apart))
	err = c.each(func(p int, g *moderation.Guard) (err error) {
		tickets[p], err = again(ctx, func() (moderation.Ticket, error) {
			return g.Freeze(ctx, moderation.FreezeRequest{
				Actor: "lead-1", Scope: moderation.Scope{Actor: suspect}, Duration: time.Hour, Reason: "a stolen account", Key: key(),
			})
		})
		return err
	})
	took = time.Since(begun)
	if err != nil {
		return took, err
	}
	return took, c.each(func(p int, g *moderation.Guard) error {
		a := suspend(accounts.Add(1))
		a.Actor = suspect
		if _, err := g.Do(ctx, a); !errors.Is(err, moderation.ErrFrozen) {
			return fmt.Errorf("partition %d after the freeze: %w", p, errors.Join(err, errors.New("it does not refuse")))
		}
		_, err := again(ctx, func() (moderation.Ticket, error) {
			return g.Unfreeze(ctx, moderation.UndoRequest{Ticket: tickets[p].ID, Actor: "lead-2", Reason: "it is its owner's again", Key: key()})
		})
		return err
	})
}

func key() string { return fmt.Sprint("freeze-", accounts.Add(1)) }

// again does what met something else at the same moment once more.
func again(ctx context.Context, do func() (moderation.Ticket, error)) (moderation.Ticket, error) {
	for {
		t, err := do()
		if err == nil || !errors.Is(err, moderation.ErrConflicting) || ctx.Err() != nil {
			return t, err
		}
	}
}

// each does something in all partitions at once.
func (c *cluster) each(do func(p int, g *moderation.Guard) error) error {
	errs := make([]error, len(c.apart))
	var all sync.WaitGroup
	for p, g := range c.apart {
		all.Go(func() { errs[p] = do(p, g) })
	}
	all.Wait()
	return errors.Join(errs...)
}

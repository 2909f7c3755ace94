package moderation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
)

// commit makes a change durable, with its record. The end of the caller's
// context does not leave it half done; Config.RecordTimeout bounds it.
// Outcomes that are still owed go first: while they can't be written, nothing
// else is.
func (g *Guard) commit(ctx context.Context, c Change) error {
	if err := g.payOwed(ctx); err != nil {
		return err
	}
	return g.commitNow(ctx, c)
}

func (g *Guard) commitNow(ctx context.Context, c Change) error {
	return g.try(ctx, &attempt{change: c})
}

// attempt is one commit under way.
type attempt struct {
	change Change
	// back tells that the store has answered, be it after the guard stopped
	// waiting: until then the change may still be made, or not.
	back  atomic.Bool
	heads [3]HeadIs // where an intent's Heads stand
}

// try makes an attempt within its limit.
func (g *Guard) try(ctx context.Context, a *attempt) error {
	withState(&a.change)
	a.back.Store(false)
	_, err := bounded(detach(ctx), g.config.RecordTimeout, func(ctx context.Context) (struct{}, error) {
		defer a.back.Store(true)
		return struct{}{}, g.store.Commit(ctx, a.change)
	})
	if err == nil {
		g.release(ctx, a.change)
		g.watch.change(a.change)
	}
	return err
}

// inDoubt reports whether a failed commit may have been, or may yet be, written.
func inDoubt(err error) bool {
	return err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, audit.ErrNotWritten) && !errors.Is(err, audit.ErrNoRoom)
}

// withState puts the tickets' new state on the record.
func withState(c *Change) {
	if len(c.Tickets) > 0 && len(c.Record.State) == 0 {
		c.Record.State = encodeState(c.Tickets)
	}
}

// debt is what happened, or did not, and must be recorded before anything else
// is: an outcome that the store has not taken, or the refusal of an intent that
// may have been written. It can be paid when the attempt that left it is back.
type debt struct {
	change Change
	left   *attempt
}

// owed are the debts, the oldest first.
type owed struct {
	mu    sync.Mutex
	debts []debt
}

// owe remembers a change until it is written.
func (g *Guard) owe(c Change, left *attempt) {
	g.owed.mu.Lock()
	defer g.owed.mu.Unlock()
	g.owed.debts = append(g.owed.debts, debt{c, left})
	g.watch.alarm(AlarmUnpaid, c.Record.Event, &c.Tickets[0], c.Record.Time, "Nothing else is recorded before this is.")
}

// commitOrOwe is for what has happened already and must be recorded.
func (g *Guard) commitOrOwe(ctx context.Context, c Change) error {
	a := &attempt{change: c}
	a.back.Store(true)
	err := g.payOwed(ctx)
	if err == nil {
		err = g.try(ctx, a)
	}
	if err != nil {
		g.owe(c, a)
	}
	return err
}

// owes reports whether something about a ticket is not written yet.
func (g *Guard) owes(id string) bool {
	g.owed.mu.Lock()
	defer g.owed.mu.Unlock()
	return slices.ContainsFunc(g.owed.debts, func(d debt) bool { return d.change.Tickets[0].ID == id })
}

// oldest returns the debt to pay next.
func (g *Guard) oldest() (debt, bool) {
	g.owed.mu.Lock()
	defer g.owed.mu.Unlock()
	if len(g.owed.debts) == 0 {
		return debt{}, false
	}
	return g.owed.debts[0], true
}

// errNotBack is why a debt can't be paid yet.
var errNotBack = errors.New("moderation: a commit that ran over its limit has not come back from the store")

// payOwed writes what is owed. The lock is not held while the store works.
func (g *Guard) payOwed(ctx context.Context) error {
	for {
		d, ok := g.oldest()
		if !ok {
			return nil
		}
		if !d.left.back.Load() {
			return errNotBack
		}
		again := &attempt{change: d.change}
		err := g.try(ctx, again)
		if err != nil && !(errors.Is(err, ErrConflict) && g.overtaken(ctx, d.change)) {
			g.leave(d.change, again)
			return err
		}
		if g.forgive(d.change) {
			g.recountBatch(ctx, d.change.Tickets)
		}
	}
}

// leave notes that a debt has another attempt behind it.
func (g *Guard) leave(c Change, left *attempt) {
	g.owed.mu.Lock()
	defer g.owed.mu.Unlock()
	for i := range g.owed.debts {
		if g.owed.debts[i].change.Record.ID == c.Record.ID {
			g.owed.debts[i].left = left
		}
	}
}

// overtaken reports whether a change that is owed can never be made: somebody
// else moved the ticket on, or the intent before it was never written.
func (g *Guard) overtaken(ctx context.Context, c Change) bool {
	t, err := g.load(ctx, c.Tickets[0].ID)
	if errors.Is(err, ErrNoTicket) {
		return true
	}
	return err == nil && t.Revision+1 != c.Tickets[0].Revision
}

// forgive drops a debt, and reports whether nobody else has.
func (g *Guard) forgive(c Change) bool {
	g.owed.mu.Lock()
	defer g.owed.mu.Unlock()
	before := len(g.owed.debts)
	g.owed.debts = slices.DeleteFunc(g.owed.debts, func(d debt) bool { return d.change.Record.ID == c.Record.ID })
	return len(g.owed.debts) < before
}

// safeText makes any text fit to be recorded: valid UTF-8 of bounded length.
func safeText(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

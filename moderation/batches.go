package moderation

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// peopleFor is how long what was found out about the people behind a batch holds
// for its members; freezes, halts and the members are looked at each time.
const peopleFor = time.Second

// mostBatches is how many batches a process remembers.
const mostBatches = 64

// batches is what this process remembers of batches. All of it can be found out
// again; the zero value is empty.
type batches struct {
	once sync.Once
	seed maphash.Seed
	mu   sync.Mutex
	all  map[string]*knownBatch
}

// knownBatch is what is remembered of one.
type knownBatch struct {
	looked bool     // this process has looked at the members
	owners []uint64 // hashes of those who have a part in one, sorted

	people map[BatchClass]*people // Count and Reach of the class left out

	counted time.Time // when its tickets were counted; zero for never
	wrongs  Wrongs
	done    int
}

// people is what was found out about those behind a batch.
type people struct {
	findings *findings // never changed
	at       time.Time
	revision uint64 // of the mandate
	epoch    uint64 // of freezes
}

func (b *batches) hash(name string) uint64 {
	b.once.Do(func() { b.seed = maphash.MakeSeed() })
	return maphash.String(b.seed, name)
}

// of returns what is remembered of a batch. The lock is held.
func (b *batches) of(id string) *knownBatch {
	if b.all == nil {
		b.all = make(map[string]*knownBatch)
	}
	k := b.all[id]
	if k == nil {
		for other := range b.all {
			if len(b.all) < mostBatches {
				break
			}
			delete(b.all, other)
		}
		k = &knownBatch{people: make(map[BatchClass]*people)}
		b.all[id] = k
	}
	return k
}

// recall returns what is known of the people behind a batch, if it still holds.
func (b *batches) recall(t Ticket, class BatchClass, epoch uint64, now time.Time, longest time.Duration) *findings {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.of(t.ID).people[class]
	if p == nil || p.revision != t.Revision || p.epoch != epoch || now.Sub(p.at) >= min(peopleFor, longest) {
		return nil
	}
	return p.findings
}

// remember keeps it.
func (b *batches) remember(t Ticket, class BatchClass, epoch uint64, f *findings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(t.ID).people[class] = &people{f, f.at, t.Revision, epoch}
}

// followBatch counts what became of a member, or that a person has undone one,
// and halts a batch in which more goes wrong than is tolerated.
func (g *Guard) followBatch(ctx context.Context, tickets []Ticket) {
	if mandate, became, ok := ofBatch(tickets); ok {
		g.countMember(ctx, mandate, became)
	}
}

// recountBatch does the same where it is not known what was counted before: after
// an outcome that was written late, or that somebody found out.
func (g *Guard) recountBatch(ctx context.Context, tickets []Ticket) {
	if mandate, became, ok := ofBatch(tickets); ok {
		g.batches.counted(mandate, Wrongs{}, 0, time.Time{})
		g.countMember(ctx, mandate, became)
	}
}

// ofBatch tells what a change says of a member of a batch.
func ofBatch(tickets []Ticket) (mandate string, became Status, ok bool) {
	switch t := tickets[0]; {
	case t.ends():
	case t.Mandate != "" && t.Undoes == "":
		return t.Mandate, t.Status, true
	case t.Mandate == "" && len(tickets) > 1 && tickets[1].Mandate != "":
		return tickets[1].Mandate, StatusUndone, true
	}
	return "", "", false
}

// countMember adds one to the counts of a batch. Where these can't be had nothing
// is halted: the next one counts all again.
func (g *Guard) countMember(ctx context.Context, mandate string, became Status) {
	now, _ := g.clock.now()
	wrongs, done, ok := g.batches.count(mandate, became, now, g.config.MaxStaleness)
	if !ok {
		var err error
		if wrongs, done, err = g.countAll(ctx, mandate); err != nil {
			return
		}
		g.batches.counted(mandate, wrongs, done, now)
	}
	if wrongs == (Wrongs{}) {
		return
	}
	t, err := g.load(detach(ctx), mandate)
	if err != nil || !t.going() {
		return
	}
	if why := t.Batch.exceeded(wrongs, done); why != "" {
		g.haltNow(ctx, t, CodeHalted, why, "")
	}
}

// count adds one; ok is false where all must be counted anew, as other processes
// may have done some.
func (b *batches) count(id string, became Status, now time.Time, longest time.Duration) (w Wrongs, done int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.of(id)
	if k.counted.IsZero() || now.Sub(k.counted) >= longest {
		return Wrongs{}, 0, false
	}
	switch became {
	case StatusUndone:
		k.wrongs.Undos++
		return k.wrongs, k.done, true
	case StatusFailed, StatusUnknown:
		k.wrongs.Failures++
	}
	k.done++
	return k.wrongs, k.done, true
}

func (b *batches) counted(id string, w Wrongs, done int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.of(id)
	k.wrongs, k.done, k.counted = w, done, now
}

// countAll counts the tickets of a batch's members.
func (g *Guard) countAll(ctx context.Context, mandate string) (w Wrongs, done int, err error) {
	type counts struct {
		wrongs Wrongs
		done   int
	}
	c, err := bounded(detach(ctx), g.config.DecideTimeout, func(ctx context.Context) (counts, error) {
		var c counts
		for t, err := range g.store.Tickets(ctx, Query{Mandate: mandate}) {
			if err != nil {
				return c, err
			}
			switch c.done++; t.Status {
			case StatusRefused: // it has another ticket, or will have
				c.done--
			case StatusFailed, StatusUnknown:
				c.wrongs.Failures++
			case StatusUndone:
				c.wrongs.Undos++
			}
		}
		return c, nil
	})
	return c.wrongs, c.done, err
}

// haltNow halts a batch by itself. Somebody else may be faster.
func (g *Guard) haltNow(ctx context.Context, t Ticket, code Code, note, member string) error {
	const tries = 8
	for try := 1; ; try++ {
		err := g.halt(ctx, t, code, note, member)
		if err == nil || try == tries {
			return err
		}
		if t, err = g.load(detach(ctx), t.ID); err != nil || !t.going() {
			return err
		}
	}
}

// halt is one attempt.
func (g *Guard) halt(ctx context.Context, t Ticket, code Code, note, member string) error {
	head, err := bounded(detach(ctx), g.config.DecideTimeout, func(ctx context.Context) (Head, error) {
		return g.store.Head(ctx, t.Subject.ID)
	})
	if err != nil {
		return err
	}
	now, _ := g.clock.now()
	next, err := transition(t, event{kind: audit.EventHalted, at: now, code: code, note: note, member: member, fence: head.Fence + 1})
	if err != nil {
		return err
	}
	c := g.change(&findings{}, now, audit.EventHalted, nil, next)
	c.Record.Outcome = &audit.Outcome{Status: string(next.Status), Code: string(code), Error: note}
	return g.commit(ctx, c)
}

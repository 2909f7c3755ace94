package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
)

// busy is a log that many use at once, until it is closed under their hands.
type busy struct {
	*ledger
	log   *Log
	first uint64        // the index of the first record of this life
	told  atomic.Int64  // records acknowledged in this life
	seen  atomic.Int64  // those that somebody who follows has seen
	cut   chan struct{} // closed again and again: ends the appends that may end early
	cutMu sync.Mutex
}

// TestALogThatIsClosedWhileManyUseItKeepsItsWord lets writers, readers,
// followers, publishers and provers work at once and closes the log in the midst
// of it, several times. Nobody hangs, each is told that it is closed, and what
// was acknowledged is there.
func TestALogThatIsClosedWhileManyUseItKeepsItsWord(t *testing.T) {
	t.Parallel()
	s, book := newSite(t), newLedger(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 8))
	seen := int64(0)
	for life := range 6 {
		c := s.config(hasty{})
		c.PublishEvery = time.Millisecond
		l, err := open(t.Context(), hasty{}, c)
		if err != nil {
			t.Fatal(err)
		}
		b := &busy{ledger: book, log: l, first: l.Size(), cut: make(chan struct{})}
		if err := b.live(life, 1+rng.Int64N(150)); err != nil {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		seen += b.seen.Load()
		l = s.mustOpen(t, hasty{})
		if err := errors.Join(book.check(s, l), l.Close()); err != nil {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
	}
	if seen == 0 {
		t.Error("who followed has seen nothing that was appended meanwhile")
	}
}

// live lets everybody work until so many records are acknowledged.
func (b *busy) live(life int, records int64) error {
	errs := make(chan error, 64)
	var group sync.WaitGroup
	run := func(name string, work func(i int) error) {
		group.Go(func() {
			for i := 0; ; i++ {
				if err := work(i); errors.Is(err, audit.ErrClosed) {
					return
				} else if err != nil {
					errs <- fmt.Errorf("%s: %w", name, err)
					return
				}
				if b.told.Load() >= records {
					_ = b.log.Close()
				}
			}
		})
	}
	for w := range 6 {
		writer := fmt.Sprintf("%d-%d", life, w)
		run("writer", func(i int) error { return b.write(writer, i) })
	}
	for range 2 {
		run("retry", func(i int) error { return b.again(life, i) })
		run("follower", func(int) error { return b.follow() })
		run("prover", b.prove)
	}
	run("reader", func(i int) error { return b.read(i) })
	run("publisher", func(int) error { return b.log.Publish(context.Background()) })
	run("snapshots", func(int) error { return b.save() })
	group.Wait()
	errs <- b.log.Close()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// write appends a record, now and then one for which it does not wait to the end
// and which it then appends again.
func (b *busy) write(writer string, i int) error {
	r := plainRecord(fmt.Sprintf("%s-%d", writer, i), i%5*400)
	r.Ticket = "ticket-" + writer
	if i%4 == 3 {
		ctx, cancel := context.WithCancel(context.Background())
		b.mu.Lock()
		b.tried[r.ID] = r
		b.mu.Unlock()
		defer cancel()
		next := b.nextCut()
		go func() {
			select {
			case <-next:
				cancel()
			case <-ctx.Done():
			}
		}()
		if _, err := b.log.Add(ctx, r); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	err := b.add(b.log, writer, r)
	if err == nil {
		b.told.Add(1)
	}
	b.cutNow()
	return err
}

func (b *busy) nextCut() <-chan struct{} {
	b.cutMu.Lock()
	defer b.cutMu.Unlock()
	return b.cut
}

func (b *busy) cutNow() {
	b.cutMu.Lock()
	defer b.cutMu.Unlock()
	close(b.cut)
	b.cut = make(chan struct{})
}

// again appends a record that two writers have.
func (b *busy) again(life, i int) error {
	r := plainRecord(fmt.Sprintf("both-%d-%d", life, i), 20)
	b.mu.Lock()
	b.tried[r.ID] = r
	b.mu.Unlock()
	receipt, err := b.log.Add(context.Background(), r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, told := b.ledger.told[r.ID]; told && (before.Index != receipt.Index || string(before.Checkpoint) != string(receipt.Checkpoint)) {
		return fmt.Errorf("record %s has the receipts %v and %v", r.ID, before, receipt)
	}
	b.ledger.told[r.ID] = receipt
	return nil
}

// follow wants every record in its place, from the first on.
func (b *busy) follow() error {
	next := uint64(0)
	for e, err := range b.log.Records(context.Background(), Query{Follow: true}) {
		if err != nil {
			return err
		}
		if e.Index != next {
			return fmt.Errorf("entry %d follows entry %d", e.Index, next-1)
		}
		if next++; e.Index >= b.first {
			b.seen.Add(1)
		}
	}
	return errors.New("following ended without an error")
}

// read wants the records of one writer in their order, and those from some index
// on without gaps.
func (b *busy) read(i int) error {
	q := Query{Ticket: fmt.Sprintf("ticket-%d-0", i%3)}
	if i%2 == 0 {
		q = Query{From: b.log.Size() / 2}
	}
	last, first := uint64(0), true
	for e, err := range b.log.Records(context.Background(), q) {
		if err != nil {
			return err
		}
		if !first && (e.Index <= last || q.Ticket == "" && e.Index != last+1) || e.Index < q.From {
			return fmt.Errorf("entry %d follows entry %d of %+v", e.Index, last, q)
		}
		last, first = e.Index, false
	}
	return nil
}

// prove proves a record that was acknowledged, and what its receipt covers.
func (b *busy) prove(i int) error {
	ctx := context.Background()
	b.mu.Lock()
	var r audit.Record
	var receipt Receipt
	for id := range b.ledger.told { // any one
		r, receipt = b.tried[id], b.ledger.told[id]
		break
	}
	b.mu.Unlock()
	if r.ID == "" {
		return b.log.ready()
	}
	v, err := proof.NewVerifier(b.log.VerifierKey())
	if err != nil {
		return err
	}
	json, err := r.AppendJSON(nil)
	if err != nil {
		return err
	}
	if i%2 == 0 {
		text, err := b.log.ProveInclusion(ctx, receipt.Index)
		if err != nil {
			return err
		}
		in, err := v.Record(json, text)
		if err != nil || in.Index != receipt.Index {
			return fmt.Errorf("record %s is proved to be entry %d, not %d: %w", r.ID, in.Index, receipt.Index, err)
		}
		return nil
	}
	older, err := v.Checkpoint(receipt.Checkpoint)
	if err != nil {
		return err
	}
	text, err := b.log.ProveConsistency(ctx, older.Size)
	if err != nil {
		return err
	}
	_, err = v.Consistency(older, text)
	return err
}

// save saves a snapshot, which fails while others append.
func (b *busy) save() error {
	_ = b.log.SaveSnapshot(context.Background(), func(w io.Writer) error {
		_, err := io.WriteString(w, "state")
		return err
	})
	return b.log.ready()
}

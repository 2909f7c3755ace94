package trail_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// follower reads a log while it is written.
type follower struct {
	seen chan trail.Entry
	end  chan error
}

func follow(ctx context.Context, l *trail.Log, q trail.Query) *follower {
	f := &follower{make(chan trail.Entry), make(chan error, 1)}
	q.Follow = true
	go func() {
		for e, err := range l.Records(ctx, q) {
			if err != nil {
				f.end <- err
				return
			}
			select {
			case f.seen <- e:
			case <-ctx.Done():
			}
		}
		f.end <- errors.New("the iteration ended without an error")
	}()
	return f
}

// next returns the IDs of the next records that are seen.
func (f *follower) next(t *testing.T, n int) (ids []string) {
	t.Helper()
	for range n {
		select {
		case e := <-f.seen:
			ids = append(ids, e.Record.ID)
		case err := <-f.end:
			t.Fatalf("after %v: %v", ids, err)
		}
	}
	return ids
}

func TestFollowersSeeEachRecordOnceAndInOrder(t *testing.T) {
	t.Parallel()
	l := newPlace(t).open(t)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	all := follow(t.Context(), l, trail.Query{})
	tail := follow(t.Context(), l, trail.Query{From: 3})
	later := follow(t.Context(), l, trail.Query{From: 40})
	ticket := follow(t.Context(), l, trail.Query{Ticket: "ticket-1"})
	actor := follow(t.Context(), l, trail.Query{Actor: "login-0", Since: brief(10).Time, Until: brief(90).Time})
	if diff := cmp.Diff([]string{"id-0", "id-1", "id-2"}, all.next(t, 3)); diff != "" {
		t.Errorf("what was there (-want +got):\n%s", diff)
	}

	const n = 120
	var group sync.WaitGroup
	var order []string
	group.Go(func() { order = all.next(t, n-3) })
	group.Go(func() { tail.next(t, n-3) })
	group.Go(func() { later.next(t, n-40) })
	group.Go(func() { ticket.next(t, n/3) })
	group.Go(func() { actor.next(t, 40) })
	for i := 3; i < n; i += 9 {
		w.add(t, l, brief(i))
		if _, errs := addAtOnce(t, l, briefs(i+1, min(i+9, n))); errors.Join(errs...) != nil {
			t.Fatal(errs)
		}
		if i%4 == 0 {
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	group.Wait()
	var stored []string
	for e, err := range l.Records(t.Context(), trail.Query{From: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, e.Record.ID)
	}
	if diff := cmp.Diff(stored, order); diff != "" {
		t.Errorf("stored and followed differ:\n%s", diff)
	}
	closeLog(t, l)
	for _, f := range []*follower{all, tail, later, ticket, actor} {
		select {
		case err := <-f.end:
			if !errors.Is(err, audit.ErrClosed) {
				t.Errorf("at Close: %v, want ErrClosed", err)
			}
		case e := <-f.seen:
			t.Errorf("record %s was seen again", e.Record.ID)
		}
	}
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := newPlace(t).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	f := follow(ctx, l, trail.Query{})
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Fatal(err)
	}
	f.next(t, 1)
	cancel()
	if err := <-f.end; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

func TestAFollowerSeesWhatWasAcknowledgedBeforeTheLogFailed(t *testing.T) {
	t.Parallel()
	head := &scriptedHead{}
	c := newPlace(t).config()
	c.TrustedHead = head
	l := openWith(t, c)
	f := follow(t.Context(), l, trail.Query{})
	for i := range 5 {
		if err := l.Append(t.Context(), brief(i)); err != nil {
			t.Fatal(err)
		}
	}
	head.set(func(context.Context, []byte) error { return errors.New("no") })
	if err := l.Append(t.Context(), brief(5)); !errors.Is(err, audit.ErrFailed) {
		t.Fatalf("append = %v, want ErrFailed", err)
	}
	want := []string{"id-0", "id-1", "id-2", "id-3", "id-4"}
	if diff := cmp.Diff(want, f.next(t, 5)); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
	select {
	case err := <-f.end:
		if !errors.Is(err, audit.ErrFailed) {
			t.Errorf("error = %v, want ErrFailed", err)
		}
	case e := <-f.seen:
		t.Errorf("%s was seen, which was never acknowledged", e.Record.ID)
	}
}

// scriptedHead is a trusted head in memory that does what it is told.
type scriptedHead struct {
	mu    sync.Mutex
	saved []byte
	save  func(ctx context.Context, checkpoint []byte) error // first, if set
	load  func(ctx context.Context) ([]byte, error)          // instead, if set
}

func (h *scriptedHead) set(save func(ctx context.Context, checkpoint []byte) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.save = save
}

func (h *scriptedHead) Save(ctx context.Context, checkpoint []byte) error {
	h.mu.Lock()
	save := h.save
	h.mu.Unlock()
	if save != nil {
		if err := save(ctx, checkpoint); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saved = append([]byte(nil), checkpoint...)
	return nil
}

func (h *scriptedHead) Load(ctx context.Context) ([]byte, error) {
	if h.load != nil {
		return h.load(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.saved, nil
}

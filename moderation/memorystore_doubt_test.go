package moderation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
)

// fcTicket is the first revision of a waiting ticket.
func fcTicket(id string) moderation.Ticket {
	return moderation.Ticket{
		ID: id, Revision: 1, Status: moderation.StatusPending, Step: moderation.StepRequest,
		Action:    moderation.Action{Kind: moderation.Suspend, Actor: "mod", Target: "@one", Reason: "spam", Key: "key-" + id},
		Requester: moderation.Party{Login: "mod", Person: "p-mod", Type: moderation.Human},
		Subject:   moderation.Subject{ID: "acct-1", Tier: "standard", Domain: "en"},
		Requested: time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC),
	}
}

// fcNext is a ticket's next revision.
func fcNext(t moderation.Ticket) moderation.Ticket {
	t.Revision++
	t.Note = fmt.Sprint("revision ", t.Revision)
	return t
}

// fcChange is what commits tickets, with a record like the guard's.
func fcChange(tickets ...moderation.Ticket) moderation.Change {
	state, err := json.Marshal(struct {
		Tickets []moderation.Ticket `json:"tickets"`
	}{tickets})
	if err != nil {
		panic(err)
	}
	t := tickets[0]
	return moderation.Change{Tickets: tickets, Record: audit.Record{
		ID: fmt.Sprintf("%s.%d", t.ID, t.Revision), Ticket: t.ID, Revision: t.Revision, Event: audit.EventHeld, Time: t.Requested, State: state,
	}}
}

func fcStore(t *testing.T, sink audit.Sink) *moderation.MemoryStore {
	t.Helper()
	s, err := moderation.NewMemoryStore(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fcAll(t *testing.T, s moderation.Store) []moderation.Ticket {
	t.Helper()
	var tickets []moderation.Ticket
	for ticket, err := range s.Tickets(t.Context(), moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	return tickets
}

func TestZeroMemoryStoreRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*moderation.MemoryStore{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := s.Commit(t.Context(), fcChange(fcTicket("a"))); err == nil {
				t.Error("Commit: got nil")
			}
			if _, err := s.Ticket(t.Context(), "a"); err == nil || errors.Is(err, moderation.ErrNoTicket) {
				t.Errorf("Ticket: got %v, want an error that does not deny the ticket", err)
			}
			if _, err := s.Head(t.Context(), "acct-1"); err == nil {
				t.Error("Head: got nil")
			}
			for _, q := range []moderation.Query{{}, {Requester: "mod", Key: "k"}, {Target: "acct-1"}} {
				var got error
				for _, err := range s.Tickets(t.Context(), q) {
					got = err
				}
				if got == nil {
					t.Errorf("Tickets(%+v): got no error", q)
				}
			}
		})
	}
}

func TestMemoryStoreNeedsASink(t *testing.T) {
	t.Parallel()
	for name, sink := range map[string]audit.Sink{"nil": nil, "typed nil": (*audit.Memory)(nil)} {
		if s, err := moderation.NewMemoryStore(t.Context(), sink); s != nil || !errors.Is(err, audit.ErrNoSink) {
			t.Errorf("%s: got %v, %v, want ErrNoSink", name, s, err)
		}
	}
	s := fcStore(t, fcSink{&audit.Memory{}}) // one that can't be replayed is empty
	if got := fcAll(t, s); len(got) != 0 {
		t.Errorf("got %d tickets", len(got))
	}
}

// fcReplay is a sink that replays records as they are.
type fcReplay struct {
	audit.Memory
	records []audit.Record
}

func (r *fcReplay) Replay(context.Context) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, record := range r.records {
			if !yield(record, nil) {
				return
			}
		}
	}
}

func TestMemoryStoreReplay(t *testing.T) {
	t.Parallel()
	a1, b1 := fcTicket("a"), fcTicket("b")
	a2, b2 := fcNext(a1), fcNext(b1)
	a3 := fcNext(a2)
	r := func(tickets ...moderation.Ticket) audit.Record { return fcChange(tickets...).Record }
	other := func(record audit.Record, change func(*audit.Record)) audit.Record {
		record = record.Clone()
		change(&record)
		return record
	}
	refusal := audit.Record{ID: "x", Event: audit.EventRefused, Time: a1.Requested}
	noted := a2
	noted.Note = "something else"
	for _, tt := range []struct {
		name    string
		records []audit.Record
		want    map[string]uint64 // revisions; nil where it is refused
		says    string
	}{
		{"nothing", nil, map[string]uint64{}, ""},
		{"what was committed", []audit.Record{r(a1), r(b1), r(a2), r(a3)}, map[string]uint64{"a": 3, "b": 1}, ""},
		{"two tickets in one record", []audit.Record{r(a1), r(b1), r(a2, b2)}, map[string]uint64{"a": 2, "b": 2}, ""},
		{"refusals between", []audit.Record{r(a1), refusal, r(a2)}, map[string]uint64{"a": 2}, ""},
		{"a record twice in a row", []audit.Record{r(a1), r(a1), r(a2)}, map[string]uint64{"a": 2}, ""},
		{"a record again after a later one", []audit.Record{r(a1), r(a2), r(a1), r(a3), r(a2)}, map[string]uint64{"a": 3}, ""},
		{"a refusal twice", []audit.Record{refusal, refusal}, map[string]uint64{}, ""},
		{"a record of two tickets again, late", []audit.Record{r(a1), r(b1), r(a2, b2), r(a3), r(a2, b2)}, map[string]uint64{"a": 3, "b": 2}, ""},
		{"the first revision is missing", []audit.Record{r(a2)}, nil, "a.2"},
		{"a revision in the middle is missing", []audit.Record{r(a1), r(a3)}, nil, "a.3"},
		{"two records changed places", []audit.Record{r(a1), r(a3), r(a2)}, nil, "a.3"},
		{"the second ticket's revision is missing", []audit.Record{r(a1), r(a2, b2)}, nil, "a.2"},
		{"a revision has two bodies", []audit.Record{r(a1), r(a2), r(noted)}, nil, "a.2"},
		{"a revision has two bodies, one of them late", []audit.Record{r(a1), r(a2), r(a3), r(noted)}, nil, "a.2"},
		{"a revision has two bodies that differ in the second ticket", []audit.Record{r(a1), r(b1), r(a2, b2), r(a2, fcNext(b2))}, nil, "a.2"},
		{"a revision has two records", []audit.Record{r(a1), r(a2), other(r(a2), func(r *audit.Record) { r.ID = "again" })}, nil, "again"},
		{"a record has two bodies that differ in who did it", []audit.Record{other(r(a1), func(r *audit.Record) { r.Actor.Login = "x" }), other(r(a1), func(r *audit.Record) { r.Actor.Login = "y" })}, nil, "a.1"},
		{"a record has two bodies that differ in the target", []audit.Record{other(r(a1), func(r *audit.Record) { r.Target.ID = "x" }), other(r(a1), func(r *audit.Record) { r.Target.ID = "y" })}, nil, "a.1"},
		{"a refusal has two bodies", []audit.Record{refusal, other(refusal, func(r *audit.Record) { r.Reason = "other" })}, nil, "x"},
		{"a state was cut out", []audit.Record{r(a1), other(r(a2), func(r *audit.Record) { r.State = nil })}, nil, "a.2"},
		{"a ticket was cut out", []audit.Record{r(a1), other(r(a2), func(r *audit.Record) { r.Ticket = "" })}, nil, "a.2"},
		{"a state is damaged in a value", []audit.Record{other(r(a1), func(r *audit.Record) { r.State[bytes.Index(r.State, []byte("0000"))] ^= 0x20 })}, nil, "a.1"},
		{"a state is damaged in the name of a field", []audit.Record{other(r(a1), func(r *audit.Record) { r.State[5] ^= 0x20 })}, nil, "a.1"},
		{"a state is that of another ticket", []audit.Record{other(r(a1), func(r *audit.Record) { r.State = fcChange(b1).Record.State })}, nil, "a.1"},
		{"a state is that of another revision", []audit.Record{r(a1), other(r(a2), func(r *audit.Record) { r.State = fcChange(a3).Record.State })}, nil, "a.2"},
		{"two tickets have one key", []audit.Record{r(a1), r(func() moderation.Ticket { b := b1; b.Action.Key = a1.Action.Key; return b }())}, nil, "b.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := moderation.NewMemoryStore(t.Context(), &fcReplay{records: tt.records})
			if tt.want == nil {
				if err == nil || s != nil {
					t.Fatalf("got a store with %v, want a refusal", fcAll(t, s))
				}
				if !strings.Contains(err.Error(), "record "+tt.says) {
					t.Errorf("%q does not name record %q", err, tt.says)
				}
				if !errors.Is(err, audit.ErrCorrupt) {
					t.Errorf("%v does not match ErrCorrupt", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]uint64)
			for _, ticket := range fcAll(t, s) {
				got[ticket.ID] = ticket.Revision
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("revisions (-want +got):\n%s", d)
			}
		})
	}
}

// fcDoubt is a store over a sink that fails with the n-th append.
func fcDoubt(t *testing.T, faults ...audittest.Fault) (*moderation.MemoryStore, *audittest.Faulty) {
	t.Helper()
	sink := &audittest.Faulty{Script: func(n int, _ audit.Record) audittest.Fault {
		if n < len(faults) {
			return faults[n]
		}
		return audittest.Pass()
	}}
	t.Cleanup(sink.Release)
	return fcStore(t, sink), sink
}

func TestMemoryStoreSettlesWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	failed, never := errors.New("failed"), fmt.Errorf("never: %w", audit.ErrNotWritten)
	a, b := fcTicket("a"), fcTicket("b")
	read := func(s *moderation.MemoryStore) error { // a read, and nothing else
		_, err := s.Ticket(context.Background(), "a")
		return err
	}
	for _, tt := range []struct {
		name   string
		faults []audittest.Fault
		first  error  // of the commit of a
		then   error  // of reading a
		stored []bool // a, b after b was committed too
	}{
		{"a sink that fails before it stores", []audittest.Fault{audittest.Fail(failed)}, failed, nil, []bool{true, true}},
		{"a sink that fails after it has stored", []audittest.Fault{audittest.StoreThenFail(failed)}, failed, nil, []bool{true, true}},
		{"a sink that fails three times", []audittest.Fault{audittest.Fail(failed), audittest.Fail(failed), audittest.StoreThenFail(failed)}, failed, failed, []bool{true, true}},
		{"a sink that panics", []audittest.Fault{audittest.Panic("boom")}, nil, nil, []bool{true, true}},
		{"a sink that ends the goroutine", []audittest.Fault{audittest.Exit()}, nil, nil, []bool{true, true}},
		{"a sink that will never store it", []audittest.Fault{audittest.Fail(never)}, audit.ErrNotWritten, moderation.ErrNoTicket, []bool{false, true}},
		{"a sink that fails, and then will never store it", []audittest.Fault{audittest.Fail(failed), audittest.Fail(never)}, failed, moderation.ErrNoTicket, []bool{false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, sink := fcDoubt(t, tt.faults...)
			err := fcGuarded(func() error { return s.Commit(t.Context(), fcChange(a)) })
			if err == nil || tt.first != nil && !errors.Is(err, tt.first) || errors.Is(err, moderation.ErrConflict) {
				t.Errorf("Commit: got %v, want %v", err, tt.first)
			}
			if err := read(s); !errors.Is(err, tt.then) {
				t.Errorf("Ticket: got %v, want %v", err, tt.then)
			}
			for errors.Is(read(s), failed) {
			}
			if err := s.Commit(t.Context(), fcChange(b)); err != nil {
				t.Errorf("the next Commit: %v", err)
			}
			fcHas(t, s, tt.stored)
			fcSameAfterReplay(t, s, sink)
			if tt.stored[0] { // with the same bytes, and again no change
				if err := s.Commit(t.Context(), fcChange(a)); err != nil {
					t.Errorf("the same Commit again: %v", err)
				}
				fcSameBodies(t, sink.Records())
			}
		})
	}
}

// fcGuarded calls f in a goroutine that may panic or end.
func fcGuarded(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panicked: %v", p)
			}
		}()
		err = errors.New("ended")
		err = f()
	}()
	<-done
	return err
}

func fcHas(t *testing.T, s moderation.Store, want []bool) {
	t.Helper()
	for i, id := range []string{"a", "b"} {
		_, err := s.Ticket(t.Context(), id)
		if got := err == nil; got != want[i] {
			t.Errorf("ticket %s: %v, want stored %t", id, err, want[i])
		}
	}
}

// fcSameAfterReplay checks that the store is what its trail says.
func fcSameAfterReplay(t *testing.T, s moderation.Store, sink audit.Sink) {
	t.Helper()
	again := fcStore(t, sink)
	if d := cmp.Diff(fcAll(t, s), fcAll(t, again), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the store is not what its trail says (-store +trail):\n%s", d)
	}
	for _, target := range []string{"acct-1", "acct-2"} {
		was, err := s.Head(t.Context(), target)
		is, errAgain := again.Head(t.Context(), target)
		if d := cmp.Diff(was, is, cmpopts.EquateEmpty()); d != "" || err != nil || errAgain != nil {
			t.Errorf("head of %s (-store +trail), %v, %v:\n%s", target, err, errAgain, d)
		}
	}
}

func fcSameBodies(t *testing.T, records []audit.Record) {
	t.Helper()
	bodies := make(map[string]audit.Record)
	for _, r := range records {
		if was, ok := bodies[r.ID]; ok && !cmp.Equal(was, r) {
			t.Errorf("record %s has two bodies:\n%s", r.ID, cmp.Diff(was, r))
		}
		bodies[r.ID] = r
	}
}

func TestMemoryStoreCommitsNothingElseWhileInDoubt(t *testing.T) {
	t.Parallel()
	s, sink := fcDoubt(t, audittest.Pass(), audittest.Fail(errFC), audittest.Fail(errFC), audittest.Fail(errFC), audittest.Fail(errFC))
	a, b := fcTicket("a"), fcTicket("b")
	if err := s.Commit(t.Context(), fcChange(a)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), fcChange(fcNext(a))); !errors.Is(err, errFC) {
		t.Fatalf("got %v, want the sink's error", err)
	}
	for range 3 {
		if err := s.Commit(t.Context(), fcChange(b)); !errors.Is(err, errFC) {
			t.Errorf("another commit in doubt: got %v, want the sink's error", err)
		}
	}
	if got := len(sink.Records()); got != 1 {
		t.Errorf("the trail has %d records, want 1", got)
	}
	if err := s.Commit(t.Context(), fcChange(b)); err != nil {
		t.Errorf("after the sink was healed: %v", err)
	}
	if got, err := s.Ticket(t.Context(), "a"); err != nil || got.Revision != 2 {
		t.Errorf("ticket a: revision %d, %v, want 2", got.Revision, err)
	}
	fcSameAfterReplay(t, s, sink)
}

func TestMemoryStoreGoesOnBesideACommitThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sink := fcDoubt(t, audittest.Hang())
		a, b := fcTicket("a"), fcTicket("b")
		b.Subject.ID = "acct-2"
		done := make(chan error, 1)
		go func() { done <- s.Commit(context.Background(), fcChange(a)) }()
		synctest.Wait()
		if err := s.Commit(t.Context(), fcChange(b)); err != nil {
			t.Errorf("another ticket: %v", err)
		}
		if err := s.Commit(t.Context(), fcChange(a)); !errors.Is(err, moderation.ErrConflict) {
			t.Errorf("the same ticket: got %v, want ErrConflict", err)
		}
		key := fcTicket("c")
		key.Action.Key = a.Action.Key
		if err := s.Commit(t.Context(), fcChange(key)); !errors.Is(err, moderation.ErrConflict) {
			t.Errorf("the same key: got %v, want ErrConflict", err)
		}
		if _, err := s.Ticket(t.Context(), "a"); !errors.Is(err, moderation.ErrNoTicket) {
			t.Errorf("what is not written yet: got %v, want ErrNoTicket", err)
		}
		sink.Release()
		if err := <-done; err != nil {
			t.Errorf("the commit that hung: %v", err)
		}
		fcHas(t, s, []bool{true, true})
		fcSameAfterReplay(t, s, sink)
	})
}

func TestMemoryStoreDoesNotWaitForDoubtBeyondItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sink := fcDoubt(t, audittest.Fail(errFC), audittest.Hang())
		if err := s.Commit(t.Context(), fcChange(fcTicket("a"))); !errors.Is(err, errFC) {
			t.Fatal(err)
		}
		go func() { _, _ = s.Ticket(context.Background(), "a") }() // settles, and hangs
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Commit(ctx, fcChange(fcTicket("b"))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit: got %v, want the context's error", err)
		}
		if _, err := s.Ticket(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ticket: got %v, want the context's error", err)
		}
		sink.Release()
		synctest.Wait()
		fcHas(t, s, []bool{true, false})
	})
}

// Many writers over a sink that fails in every way: what was committed is in
// the trail, and store and trail agree when the sink is healed.
func TestMemoryStoreAgreesWithItsTrailUnderFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			r, healed := rand.New(rand.NewPCG(seed, 7)), false
			sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault {
				mu.Lock()
				defer mu.Unlock()
				faults := []audittest.Fault{audittest.Fail(errFC), audittest.StoreThenFail(errFC), audittest.Panic("boom")}
				if n := r.IntN(8); !healed && n < len(faults) {
					return faults[n]
				}
				return audittest.Pass()
			}}
			s := fcStore(t, sink)
			committed := fcWrite(t, s, seed)
			mu.Lock()
			healed = true
			mu.Unlock()
			for _, want := range committed {
				got, err := s.Ticket(t.Context(), want.ID)
				if err != nil || got.Revision < want.Revision {
					t.Errorf("ticket %s was committed at revision %d; the store has %d, %v", want.ID, want.Revision, got.Revision, err)
				}
			}
			fcSameAfterReplay(t, s, sink)
			fcSameBodies(t, sink.Records())
		})
	}
}

// fcWrite has writers make and change tickets, and returns what was committed.
func fcWrite(t *testing.T, s *moderation.MemoryStore, seed uint64) []moderation.Ticket {
	var mu sync.Mutex
	var committed []moderation.Ticket
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for i := range 12 {
				ticket := fcTicket(fmt.Sprintf("%d-%d", w, i))
				ticket.Subject.ID = fmt.Sprint("acct-", 1+r.IntN(2))
				for range 3 {
					err := fcGuarded(func() error { return s.Commit(t.Context(), fcChange(ticket)) })
					if err != nil {
						var got moderation.Ticket
						readErr := fcGuarded(func() (err error) {
							got, err = s.Ticket(t.Context(), ticket.ID)
							return err
						})
						if readErr != nil || got.Revision != ticket.Revision {
							continue // not written, or still in doubt
						}
					}
					mu.Lock()
					committed = append(committed, ticket)
					mu.Unlock()
					ticket = fcNext(ticket)
				}
			}
		})
	}
	writers.Wait()
	if len(committed) < 20 {
		t.Errorf("only %d commits succeeded", len(committed))
	}
	return committed
}

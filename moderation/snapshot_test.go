package moderation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
)

// ssNothing is a sink that takes everything and keeps nothing.
type ssNothing struct{}

func (ssNothing) Append(context.Context, audit.Record) error { return nil }

func (ssNothing) Replay(context.Context) iter.Seq2[audit.Record, error] {
	return func(func(audit.Record, error) bool) {}
}

func (ssNothing) SaveSnapshot(context.Context, func(io.Writer) error) error { return nil }

func (ssNothing) ReplaySnapshot(ctx context.Context, _ func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return ssNothing{}.Replay(ctx)
}

// ssHistory is a store in which a bit of everything has happened.
func ssHistory(t testing.TB) *MemoryStore {
	t.Helper()
	s := newMemoryStore(ssNothing{})
	s.salt = []byte("sixteen bytes !!")
	at := fcStart
	commit := func(e audit.Event, tickets ...Ticket) {
		t.Helper()
		at = at.Add(time.Minute)
		r := audit.Record{ID: fmt.Sprintf("%s.%d", tickets[0].ID, tickets[0].Revision), Event: e, Time: at, Ticket: tickets[0].ID, State: encodeState(tickets)}
		if err := s.Commit(t.Context(), Change{Tickets: tickets, Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	ticket := func(id, target string, status Status) Ticket {
		return Ticket{
			ID: id, Revision: 1, Status: status, Step: StepRequest, Requested: at,
			Action:    Action{Kind: Suspend, Actor: "mod", Target: "@" + target, Reason: "spam", Key: "key-" + id},
			Requester: Party{Login: "mod", Person: "p-mod", Type: Human},
			Subject:   Subject{ID: target, Tier: "standard", Domain: "en", Reach: 7, TierSeen: at},
		}
	}
	next := func(t Ticket, status Status) Ticket {
		t.Revision++
		t.Status = status
		return t
	}
	full := fcFull("<value> ")
	full.Mandate, full.Batch = "", nil // the golden file is older than batches
	full.Revision, full.Fence = 1, 3
	full.Settled, full.Anyway, full.Tries, full.Retry = time.Time{}, false, 0, time.Time{} // which came after the golden file
	commit(audit.EventRequested, full)
	waits := ticket("waits", "b", StatusPending)
	commit(audit.EventRequested, waits)
	waits = next(waits, StatusHeld)
	waits.Due, waits.Overrun, waits.Subject.Reach = at.Add(time.Hour), []Slot{{"lead", "director"}}, 8
	commit(audit.EventHeld, waits)
	rejected := ticket("rejected", "b", StatusPending)
	commit(audit.EventRequested, rejected)
	rejected = next(rejected, StatusRejected)
	rejected.Reviews = []Review{{Login: "lead", Person: "p-lead", Verdict: Rejected, Policy: "p", Time: at}}
	commit(audit.EventRejected, rejected)
	declined := ticket("declined", "b", StatusPending)
	commit(audit.EventRequested, declined)
	declined = next(declined, StatusRejected)
	declined.Reviews = []Review{{Login: "lead2", Person: "p-lead2", Verdict: Approved, Time: at}, {Login: "lead", Person: "p-lead", Verdict: Rejected, Time: at}}
	commit(audit.EventRejected, declined)
	for i, id := range []string{"stands", "also stands"} {
		stands := ticket(id, "b", StatusExecuting)
		stands.Fence, stands.Call = uint64(i+1), CallApply
		commit(audit.EventIntent, stands)
		stands = next(stands, StatusExecuted)
		stands.Executed = fcStart
		commit(audit.EventOutcome, stands)
	}
	unknown := ticket("unknown", "c", StatusExecuting)
	unknown.Subject.Tier, unknown.Call, unknown.Fence = "protected", CallApply, 9
	commit(audit.EventIntent, unknown)
	unknown = next(unknown, StatusUnknown)
	commit(audit.EventOutcome, unknown)
	undo := ticket("undo", "c", StatusExecuting)
	undo.Step, undo.Undoes, undo.Call, undo.Fence = StepUndo, "unknown", CallUndo, 10
	commit(audit.EventIntent, undo)
	for i := range printsPerLine {
		r := audit.Record{ID: fmt.Sprint("refusal ", i), Event: audit.EventRefused, Time: at}
		if err := s.Commit(t.Context(), Change{Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func ssWrite(t testing.TB, s *MemoryStore) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.writeSnapshot(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ssRead(t testing.TB, text []byte) (*MemoryStore, error) {
	s := newMemoryStore(ssNothing{})
	return s, s.readSnapshot(t.Context(), bytes.NewReader(text))
}

var ssWhole = cmp.Options{cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })}

func TestSnapshotIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := ssHistory(t)
	text := ssWrite(t, s)
	for name, from := range map[string]io.Reader{
		"at once":        bytes.NewReader(text),
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(text)),
		"with its end":   iotest.DataErrReader(bytes.NewReader(text)),
		"in odd lengths": iotest.HalfReader(bytes.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newMemoryStore(ssNothing{})
			if err := got.readSnapshot(t.Context(), from); err != nil {
				t.Fatal(err)
			}
			want, err := s.Contents(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			have, err := got.Contents(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, have, ssWhole); d != "" {
				t.Errorf("contents (-written +read):\n%s", d)
			}
			if d := cmp.Diff(s.bodies, got.bodies); d != "" {
				t.Errorf("records (-written +read):\n%s", d)
			}
			var standing []string
			for _, t := range got.targets["b"].standing {
				standing = append(standing, t.id)
			}
			if last := got.targets["b"].last; last == nil || last.id != "declined" || !slices.Equal(standing, []string{"stands", "also stands"}) {
				t.Errorf("on target b %v was called off last, and %q stand", last, standing)
			}
			if got.unsaved != 0 {
				t.Errorf("%d records are said to be in no snapshot", got.unsaved)
			}
			if d := cmp.Diff(string(text), string(ssWrite(t, got))); d != "" {
				t.Errorf("written again (-first +second):\n%s", d)
			}
		})
	}
}

// What a ticket was charged is told as it was then, though the ticket moved on.
func TestUseOfLimitsInASnapshotIsAsItWasThen(t *testing.T) {
	t.Parallel()
	s, err := ssRead(t, ssWrite(t, ssHistory(t)))
	if err != nil {
		t.Fatal(err)
	}
	var got []Charge
	for u := range s.usesKept() {
		if u.ticket == "waits" || u.ticket == "declined" || u.ticket == "undo" {
			got = append(got, u.charges(s.lookup(u.ticket))...)
		}
	}
	charge := func(at ChargeAt, ticket string, target string, minute int) Charge {
		return Charge{
			At: at, Step: StepRequest, Ticket: ticket, Person: "p-mod", Actor: "mod", Kind: Suspend, Target: target,
			Tier: "standard", Domain: "en", Count: 1, Reach: 7, Time: fcStart.Add(time.Duration(minute) * time.Minute),
		}
	}
	rejecting := charge(ChargeRequest, "declined", "b", 7)
	rejecting.Step, rejecting.Person, rejecting.Actor = StepReject, "p-lead", "lead"
	asking, executing := charge(ChargeRequest, "undo", "c", 14), charge(ChargeExecute, "undo", "c", 14)
	asking.Step, executing.Step = StepUndo, StepUndo
	want := []Charge{
		charge(ChargeRequest, "waits", "b", 2),
		charge(ChargeRequest, "declined", "b", 6), rejecting, charge(ChargeRequest, "declined", "b", 7),
		asking, executing,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("charges (-want +got):\n%s", d)
	}
}

// The golden file is what version 1 wrote: it is read for ever.
func TestSnapshotOfVersionOneIsReadAndWritten(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile(filepath.Join("testdata", "snapshot-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssRead(t, golden)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"what was read": ssWrite(t, s), "the same history": ssWrite(t, ssHistory(t))} {
		if d := cmp.Diff(strings.Split(string(golden), "\n"), strings.Split(string(text), "\n")); d != "" {
			t.Errorf("%s (-golden +written):\n%s", name, d)
		}
	}
}

func TestSnapshotLinesAreWrittenAsEncodingJSONWould(t *testing.T) {
	t.Parallel()
	var target snapshotTarget
	var use snapshotUse
	var end snapshotEnd
	var header snapshotHeader
	for _, line := range []interface{ appendJSON([]byte) []byte }{&target, &use, &end, &header} {
		for _, what := range []string{"nothing", "everything"} {
			if what == "everything" {
				n := 0
				fcFill(reflect.ValueOf(line).Elem(), &n, "<\u2028> ")
			}
			if what == "nothing" {
				header.Salt = []byte{} // no salt is never written
			}
			want, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(line.appendJSON(nil))); d != "" {
				t.Errorf("%T with %s set (-encoding/json +ours):\n%s", line, what, d)
			}
		}
	}
}

// ssSpoil changes the ticket that waits without the store's knowing.
func ssSpoil(s *MemoryStore, spoil func(*Ticket)) {
	t := s.lookup("waits").Clone()
	spoil(&t)
	s.tickets["waits"] = s.keep("waits", &t)
}

// What could not be read again is not saved.
func TestSnapshotThatCouldNotBeReadIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *MemoryStore){
		"a text that is not UTF-8":  func(s *MemoryStore) { ssSpoil(s, func(t *Ticket) { t.Note = "\xff" }) },
		"a key that has changed":    func(s *MemoryStore) { ssSpoil(s, func(t *Ticket) { t.Action.Key = "another" }) },
		"a target that has changed": func(s *MemoryStore) { ssSpoil(s, func(t *Ticket) { t.Subject.ID = "c" }) },
		"a last ticket that went on": func(s *MemoryStore) {
			on := s.lookup("declined").Clone()
			on.Revision++
			s.tickets["declined"] = s.keep("declined", &on)
		},
		"a commit under way": func(s *MemoryStore) { s.reserved[claim{claimRecord, "", "x"}] = true },
		"a commit in doubt":  func(s *MemoryStore) { s.doubts = append(s.doubts, doubt{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ssHistory(t)
			spoil(s)
			if err := s.writeSnapshot(t.Context(), io.Discard); err == nil {
				t.Error("it was written")
			}
		})
	}
}

// ssShort takes some bytes and no more.
type ssShort struct{ left int }

var errSSShort = errors.New("no space")

func (w *ssShort) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errSSShort
	}
	return len(p), nil
}

func TestSnapshotThatCannotBeWrittenWholeIsAnError(t *testing.T) {
	t.Parallel()
	s := ssHistory(t)
	whole := len(ssWrite(t, s))
	for _, room := range []int{0, 1, whole / 2, whole - 1} {
		if err := s.writeSnapshot(t.Context(), &ssShort{room}); !errors.Is(err, errSSShort) {
			t.Errorf("with room for %d bytes of %d: %v", room, whole, err)
		}
	}
	if err := s.writeSnapshot(t.Context(), &ssShort{whole}); err != nil {
		t.Error(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.writeSnapshot(done, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
}

// FuzzSnapshot wants every text that is read to be written again as it was. Its
// seeds are short, since each is cut to its least again and again.
func FuzzSnapshot(f *testing.F) {
	for _, seed := range []string{
		`{"end":{"tickets":0,"targets":0,"uses":0,"records":0}}`,
		`{"records":"AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAADAAAAAAAAAAQ="}
{"end":{"tickets":0,"targets":0,"uses":0,"records":2}}`,
		`{"ticket":` + string((&Ticket{ID: "a", Revision: 1, Status: StatusRejected}).appendJSON(nil)) + `}
{"target":{"id":"","fence":7,"last":"a","tier":"x"}}
{"use":{"ticket":"a","what":"over","overrun":[["r"],null],"time":"0001-01-01T00:00:00Z"}}
{"end":{"tickets":1,"targets":1,"uses":1,"records":0}}`,
		`{"ticket":` + string((&Ticket{ID: "a", Revision: 1, Status: StatusUnknown}).appendJSON(nil)) + `}
{"ticket":` + string((&Ticket{ID: "b", Revision: 1, Status: StatusExecuting, Undoes: "a", Action: Action{Key: "b"}}).appendJSON(nil)) + `}
{"target":{"id":"","busy":["b","a"]}}
{"end":{"tickets":2,"targets":1,"uses":0,"records":0}}`,
	} {
		text := `{"snapshot":"interlock moderation state","version":1,"salt":"c2l4dGVlbiBieXRlcyAhIQ=="}` + "\n" + seed + "\n"
		if _, err := ssRead(f, []byte(text)); err != nil {
			f.Fatalf("%s: %v", text, err)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ssRead(t, text)
		if err != nil {
			return
		}
		if again := ssWrite(t, s); !bytes.Equal(text, again) {
			t.Errorf("read\n%q\nand written as\n%q", text, again)
		}
	})
}

package moderation

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

// pkKept is a ticket as a store has it that has packed it.
func pkKept(t testing.TB, s *MemoryStore, ticket Ticket) *kept {
	t.Helper()
	ticket.Status = StatusExecuted
	k := s.keep(ticket.ID, &ticket)
	if k.whole != nil {
		t.Fatal("an executed ticket is not packed")
	}
	return k
}

const pkForgotten = "is there a field of Ticket that pack and unpack do not know (memorypack.go, memoryunpack.go)?"

// Whoever adds a field to Ticket, or to what a ticket is made of, finds here
// that it is to be packed.
func TestPackedTicketHasEveryField(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	want := fcFull("value ")
	want.Status = StatusExecuted
	if d := cmp.Diff(want, *pkKept(t, s, want).ticket()); d != "" {
		t.Errorf("ticket (-kept +told): %s\n%s", pkForgotten, d)
	}
	full := reflect.ValueOf(want)
	for i := range full.NumField() {
		field := full.Type().Field(i)
		var alone Ticket
		reflect.ValueOf(&alone).Elem().Field(i).Set(full.Field(i))
		alone.Status = StatusExecuted
		if d := cmp.Diff(alone, *pkKept(t, s, alone).ticket()); d != "" {
			t.Errorf("only %s is set (-kept +told): %s\n%s", field.Name, pkForgotten, d)
		}
	}
}

func TestPackedTicketIsAsReplayWouldHaveIt(t *testing.T) {
	t.Parallel()
	shapes := fcFull("x")
	shapes.Open = []Slot{nil, {}, {""}, {"a", "b"}}
	shapes.Requirement.Quorum.Slots = []Slot{{}, nil}
	shapes.Rules = []Rule{{}}
	shapes.Reviews = []Review{{}}
	shapes.Barred = []string{""}
	shapes.Action.Parameters = map[string]string{"": ""}
	times := fcFull("x")
	times.Requested = time.Now() // has a steady part, and is in a zone
	times.Approved = times.Requested.Add(-time.Nanosecond).In(time.FixedZone("east", 3600))
	times.Due = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	times.Deadline = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	times.Executed = time.Unix(0, 0)
	times.Until = time.Time{}.Add(time.Nanosecond)
	same := fcFull("x")
	same.Attempt, same.Action.Target = same.ID, same.Subject.ID
	long := fcFull(strings.Repeat("long ", MaxName))
	numbers := fcFull("x")
	numbers.Revision, numbers.Fence, numbers.Subject.Reach, numbers.Action.Duration = 1<<63, 1<<64-1, -1<<63, Permanent
	for name, ticket := range map[string]Ticket{
		"nothing set":        {Revision: 1},
		"empty, not nil":     {Extra: []Slot{}, Barred: []string{}, Rules: []Rule{}, Reviews: []Review{}, Action: Action{Parameters: map[string]string{}}},
		"everything set":     fcFull("value "),
		"odd shapes":         shapes,
		"odd times":          times,
		"the same text":      same,
		"long names":         long,
		"numbers at the end": numbers,
		"beyond the plane":   fcFull("\U0001F600é\ufffd\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ticket.ID, ticket.Status, ticket.Revision = "t", StatusExecuted, max(1, ticket.Revision)
			want, err := fcDecode(encodeState([]Ticket{ticket}), ticket)
			if err != nil {
				t.Fatal(err)
			}
			k := pkKept(t, newMemoryStore(ssNothing{}), ticket)
			if d := cmp.Diff(want[0], *k.ticket()); d != "" {
				t.Errorf("ticket (-replayed +packed):\n%s", d)
			}
			if d := cmp.Diff(want[0], *k.ticket(), cmp.Comparer(func(a, b time.Time) bool { return a == b })); d != "" {
				t.Errorf("times in another form (-replayed +packed):\n%s", d)
			}
			if revision, status := k.head(); revision != ticket.Revision || status != ticket.Status {
				t.Errorf("its head tells of revision %d, %s", revision, status)
			}
		})
	}
}

func TestOnlyTicketsAtRestArePacked(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	for status, packed := range map[Status]bool{
		"": false, StatusPending: false, StatusHeld: false, StatusExecuting: false, StatusUnknown: false, StatusExecuted: true,
		StatusRejected: true, StatusCancelled: true, StatusTimedOut: true, StatusRefused: true, StatusFailed: true, StatusUndone: true, StatusEnded: true,
	} {
		if k := s.keep("t", &Ticket{ID: "t", Status: status}); (k.whole == nil) != packed {
			t.Errorf("%q: packed %v, want %v", status, k.whole == nil, packed)
		}
	}
	if k := s.keep("t", &Ticket{ID: "t", Status: StatusExecuted, Subject: Subject{ID: FreezeTarget}}); k.whole == nil {
		t.Error("a freeze is packed, which every action looks at")
	}
}

// What one ticket is told as must not change when others come.
func TestTicketsOutliveTheirVocabulary(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	vocabularies := make(map[*vocabulary]bool)
	var all []*kept
	for i := range 300 {
		ticket := fcFull(fmt.Sprint("name ", i, " "))
		ticket.ID = fmt.Sprint(i)
		all = append(all, pkKept(t, s, ticket))
		vocabularies[s.words] = true
		if n := len(s.words.names.numbers); n > 2*vocabularySize {
			t.Fatalf("%d names are numbered", n)
		}
	}
	if len(vocabularies) < 2 {
		t.Error("no vocabulary was ever full")
	}
	for v := range vocabularies {
		if v != s.words && (v.names.numbers != nil || v.rules.numbers != nil || v.slots.numbers != nil || v.requirements.numbers != nil) {
			t.Error("a vocabulary that is full can still find numbers")
		}
	}
	for i, k := range all {
		want := fcFull(fmt.Sprint("name ", i, " "))
		want.ID, want.Status = fmt.Sprint(i), StatusExecuted
		if d := cmp.Diff(want, *k.ticket()); d != "" {
			t.Fatalf("ticket %d of %d (-kept +told):\n%s", i, len(all), d)
		}
	}
}

// Names that come with tickets that wait are bounded too.
func TestVocabularyIsBoundedThoughNothingRests(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	for i := range 3 * vocabularySize {
		id := fmt.Sprint(i)
		s.place(&Ticket{ID: id, Revision: 1, Status: StatusPending, Action: Action{Actor: "actor " + id, Key: "k"}})
		if n := len(s.words.names.numbers); n > vocabularySize {
			t.Fatalf("%d names are numbered", n)
		}
	}
}

// Uses that are alike share their text, and are told as they were.
func TestUseOfLimitsIsKeptWhole(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	s.place(&Ticket{ID: "t", Revision: 1, Status: StatusPending})
	for _, want := range []use{
		{ticket: "t", what: useAsking, tier: "standard", domain: "en", reach: 7, overrun: []Slot{{"lead", "director"}, nil, {}}, at: fcStart.Add(time.Nanosecond)},
		{ticket: "t", what: useOver, tier: strings.Repeat("long ", MaxName), reach: -1, at: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		{ticket: "t"},
	} {
		for range 2 {
			s.keepUse(want)
			if d := cmp.Diff(want, s.uses[len(s.uses)-1].use(), cmp.AllowUnexported(use{})); d != "" {
				t.Errorf("use (-kept +told):\n%s", d)
			}
		}
	}
	if n := reflect.TypeFor[use]().NumField(); n != 7 {
		t.Errorf("a use has %d fields: are all of them kept (memoryuse.go)?", n)
	}
}

// A vocabulary that nobody uses any more is let go of.
func TestVocabularyLivesAsLongAsItsTickets(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	gone := make(chan struct{})
	runtime.AddCleanup(s.words, func(done chan struct{}) { close(done) }, gone)
	first := s.words
	for i := 0; s.words == first; i++ {
		pkKept(t, s, fcFull(fmt.Sprint("name ", i, " ")))
	}
	first = nil
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return
		default:
		}
	}
	t.Error("it is still there")
}

// A host may cut its texts from something large, which must not stay in memory.
func TestTicketAtRestKeepsNothingOfTheHosts(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	gone := make(chan struct{})
	func() {
		page := make([]byte, 1<<20)
		runtime.AddCleanup(&page[0], func(done chan struct{}) { close(done) }, gone)
		at := 0
		cut := func(text string) string {
			at += copy(page[at:], text)
			return unsafe.String(&page[at-len(text)], len(text))
		}
		ticket := Ticket{
			ID: cut("id"), Revision: 1, Status: StatusExecuting, Tier: cut("standard"), Policy: cut("policy"),
			Action:      Action{Kind: cut("kind"), Actor: cut("mod"), Target: cut("@b"), Reason: cut("spam"), Key: cut("key"), Parameters: map[string]string{cut("name"): cut("value")}},
			Requester:   Party{Login: cut("mod"), Person: cut("p-mod"), Owners: []string{cut("owner")}},
			Subject:     Subject{ID: cut("b"), Tier: cut("standard"), Domain: cut("en")},
			Requirement: Requirement{Quorum: Quorum{Slots: []Slot{{cut("lead")}}}, Rules: []Rule{{Source: cut("policy.csv:1"), Text: cut("p, x")}}},
			Rules:       []Rule{{Source: cut("policy.csv:2")}}, Extra: []Slot{{cut("director")}}, Due: fcStart,
		}
		for _, status := range []Status{StatusExecuting, StatusExecuted} {
			r := audit.Record{ID: cut("record") + string(status), Event: audit.EventIntent, Ticket: ticket.ID}
			ticket.Status = status
			if err := s.Commit(t.Context(), Change{Tickets: []Ticket{ticket}, Record: r}); err != nil {
				t.Fatal(err)
			}
			ticket.Revision++
		}
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			runtime.KeepAlive(s)
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("something of it is still there")
}

// FuzzPack packs any texts and numbers.
func FuzzPack(f *testing.F) {
	f.Add("", int64(0), uint64(0))
	f.Add("mod", int64(-1), uint64(1<<63))
	f.Add(strings.Repeat("x", MaxName), int64(1<<62), uint64(127))
	f.Fuzz(func(t *testing.T, text string, n int64, u uint64) {
		s := newMemoryStore(ssNothing{})
		want := fcFull(text)
		want.Note, want.UndoToken, want.Action.Reason, want.Attempt, want.Action.Target = text, UndoToken(text), text, text, text
		want.Action.Parameters = map[string]string{text: text, "": text, text + "x": ""}
		want.Action.Duration, want.Subject.Reach, want.Fence, want.Revision = time.Duration(n), n, u, u
		want.Executed, want.Requested, want.Until = time.Unix(n, 0).UTC(), time.Unix(0, n).UTC(), time.Unix(n, int64(u%1e9)).UTC()
		want.Status = StatusExecuted
		for range 2 { // the second time every word is known
			if d := cmp.Diff(want, *pkKept(t, s, want).ticket()); d != "" {
				t.Errorf("ticket (-kept +told):\n%s", d)
			}
		}
	})
}

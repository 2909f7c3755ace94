package moderation

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

func TestOnlyTicketsAtRestArePacked(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	for status, packed := range map[Status]bool{
		"": false, StatusPending: true, StatusHeld: true, StatusExecuting: false, StatusUnknown: false, StatusExecuted: true,
		StatusRejected: true, StatusCancelled: true, StatusTimedOut: true, StatusRefused: true, StatusFailed: true, StatusUndone: true, StatusEnded: true,
	} {
		if k := s.keep("t", &Ticket{ID: "t", Status: status}); (k.whole == nil) != packed {
			t.Errorf("%q: packed %v, want %v", status, k.whole == nil, packed)
		}
	}
	if k := s.keep("t", &Ticket{ID: "t", Status: StatusExecuted, Subject: Subject{ID: FreezeTarget}}); k.whole == nil {
		t.Error("a freeze is packed, which every action looks at")
	}
	if k := s.keep("t", &Ticket{ID: "t", Status: StatusExecuted, Batch: &Batch{}}); k.whole == nil {
		t.Error("the ticket of a batch is packed")
	}
	if k := s.keep("t", &Ticket{ID: "t", Status: StatusExecuted, Mandate: "m"}); k.whole != nil {
		t.Error("the ticket of a member is not packed")
	}
}

// What one ticket is told as must not change when others come.
func TestTicketsOutliveTheirVocabulary(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	vocabularies := make(map[*vocabulary]bool)
	var all []*kept
	for i := range 300 {
		ticket := pkFull(fmt.Sprint("name ", i, " "))
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
		if v != s.words && (v.names.numbers != nil || v.rules.numbers != nil || v.slots.numbers != nil || v.requirements.numbers != nil || v.terms.numbers != nil) {
			t.Error("a vocabulary that is full can still find numbers")
		}
	}
	for i, k := range all {
		want := pkFull(fmt.Sprint("name ", i, " "))
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
		s.place(&Ticket{ID: id, Revision: 1, Status: StatusExecuting, Action: Action{Actor: "actor " + id, Key: "k"}})
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
	s.place(&Ticket{ID: "u", Revision: 1, Status: StatusPending})
	uses := []use{
		{ticket: "t", what: useAsking, tier: "standard", domain: "en", reach: 7, overrun: []Slot{{"lead", "director"}, nil, {}}, at: fcStart.Add(time.Nanosecond)},
		{ticket: "t", what: useOver, tier: strings.Repeat("long ", MaxName), reach: -1, at: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		{ticket: "t"},
	}
	for i := range reflect.TypeFor[use]().NumField() { // what differs in one field goes with no other
		next := uses[0]
		switch field := reflect.TypeFor[use]().Field(i).Name; field {
		case "ticket":
			next.ticket = "u"
		case "what":
			next.what = useRejecting
		case "tier":
			next.tier = "vip"
		case "domain":
			next.domain = "de"
		case "reach":
			next.reach++
		case "overrun":
			next.overrun = []Slot{{"lead", "director"}, {}, {}}
		case "at":
			next.at = next.at.Add(time.Nanosecond)
		default:
			t.Errorf("a use has the field %s: is it kept (memoryuse.go)?", field)
		}
		uses = append(uses, uses[0], next)
	}
	var want []use
	for len(s.uses) < 3 {
		for _, u := range uses {
			for range usesTogether + 1 {
				s.keepUse(u)
				want = append(want, u)
			}
		}
	}
	if d := cmp.Diff(want, slices.Collect(s.usesKept()), cmp.AllowUnexported(use{})); d != "" {
		t.Errorf("uses (-kept +told):\n%s", d)
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
		pkKept(t, s, pkFull(fmt.Sprint("name ", i, " ")))
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
			ID: cut("id"), Revision: 1, Step: StepBypass, Status: StatusExecuting, Mandate: cut("mandate"), Tier: cut("standard"), Policy: cut("policy"),
			Action:      Action{Kind: cut("kind"), Actor: cut("mod"), Target: cut("@b"), Reason: cut("spam"), Key: cut("key"), Parameters: map[string]string{cut("name"): cut("value")}},
			Requester:   Party{Login: cut("mod"), Person: cut("p-mod"), Owners: []string{cut("owner")}},
			Subject:     Subject{ID: cut("b"), Tier: cut("standard"), Domain: cut("en")},
			Requirement: Requirement{Quorum: Quorum{Slots: []Slot{{cut("lead")}}}, Rules: []Rule{{Source: cut("policy.csv:1"), Text: cut("p, x")}}},
			Rules:       []Rule{{Source: cut("policy.csv:2")}}, Extra: []Slot{{cut("director")}}, Due: fcStart,
			Reviews:   []Review{{Login: cut("boss"), Person: cut("p-boss"), Roles: []string{cut("lead")}, Policy: cut("policy"), Reason: cut("so it is")}},
			UndoToken: UndoToken(cut("undo")), Attempt: cut("attempt"), After: cut("another"), Note: cut("note"), Barred: []string{cut("p-else")},
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

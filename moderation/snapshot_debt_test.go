package moderation

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

// Who owes for a bypass owes still when the store was read from a snapshot.
func TestSnapshotKeepsDebtsAndWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	s.salt = []byte("sixteen bytes !!")
	owed := Ticket{
		ID: "bypass", Revision: 1, Status: StatusExecuting, Step: StepBypass, Requested: fcStart, Call: CallApply, Fence: 1,
		Action:    Action{Kind: Suspend, Actor: "mod", Target: "@a", Reason: "now", Case: "incident-7", Key: "k"},
		Requester: Party{Login: "mod", Person: "p-mod", Type: Human}, Subject: Subject{ID: "a", Tier: "standard", Domain: "en"},
	}
	waits := owed
	waits.ID, waits.Step, waits.Status, waits.Fence, waits.Action.Key = "waits", StepRequest, StatusPending, 0, "w"
	settled := owed
	settled.ID, settled.Requester.Person, settled.Subject.ID, settled.Action.Key = "settled", "p-lead", "b", "s"
	settled.Status, settled.Settled = StatusExecuted, fcStart
	next := owed
	next.Revision, next.Status, next.Over = 2, StatusUndone, fcStart.Add(time.Hour)
	for i, c := range []Ticket{owed, waits, settled, next} {
		r := audit.Record{ID: string(rune('a' + i)), Event: audit.EventOutcome, Time: fcStart, Ticket: c.ID, State: encodeState([]Ticket{c})}
		if err := s.Commit(t.Context(), Change{Tickets: []Ticket{c}, Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ssRead(t, ssWrite(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []*MemoryStore{s, got} {
		if d := cmp.Diff(map[string]string{"p-mod": "bypass"}, of.debtors); d != "" {
			t.Errorf("who owes (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"waits"}, slices.Collect(maps.Keys(of.unfinished))); d != "" {
			t.Errorf("unfinished (-want +got):\n%s", d)
		}
	}
	again := owed
	again.ID, again.Action.Key, again.Subject.ID = "again", "again", "c"
	r := audit.Record{ID: "z", Event: audit.EventIntent, Time: fcStart, Ticket: again.ID, State: encodeState([]Ticket{again})}
	if err := got.Commit(t.Context(), Change{Tickets: []Ticket{again}, Record: r}); err == nil {
		t.Error("a second bypass of who owes was committed")
	}
	// Two debts of one person are in no snapshot that was written.
	got.tickets["again"], got.debtors = got.keep("again", &again), map[string]string{}
	got.keys[requestKey{"mod", "again"}], got.targets["c"] = "again", newTargetState()
	if _, err := ssRead(t, ssWrite(t, got)); err == nil {
		t.Error("a snapshot with two debts of one person was read")
	}
}

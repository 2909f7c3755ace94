package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
)

// vbKillDir names the directory of the process that is to be killed.
const vbKillDir = "INTERLOCK_KILLED_GUARD_DIR"

// vbKillTrail names what it keeps its trail in, one of vbDeskTrails.
const vbKillTrail = "INTERLOCK_KILLED_GUARD_TRAIL"

// vbKillRound keeps the keys of one process apart from those of the next.
const vbKillRound = "INTERLOCK_KILLED_GUARD_ROUND"

// vbDesk is what one process has of the service that is killed again and
// again: a guard over a trail in a directory, a handler that writes down what
// it does, and a list of what was acknowledged.
type vbDesk struct {
	*vbHost
	trail       vbDeskTrail
	effects     *os.File // what the handler did
	acks        *os.File // what was acknowledged
	acknowledge func()
}

// vbDeskTrail is a sink that can be opened again.
type vbDeskTrail interface {
	audit.Sink
	audit.Replayer
	io.Closer
}

// vbDeskTrails open the trails over which a guard is killed.
var vbDeskTrails = map[string]func(dir string) (vbDeskTrail, error){
	"file": func(dir string) (vbDeskTrail, error) {
		return audit.OpenFile(filepath.Join(dir, "trail.jsonl"))
	},
	"log": func(dir string) (vbDeskTrail, error) {
		c := trail.Beside(filepath.Join(dir, "trail"), "example.com/desk")
		c.Room = 1 << 20
		return trail.Open(context.Background(), c)
	},
}

const vbDesks = 400 // accounts, so that few are busy or undone lately

func vbOpenDesk(t *testing.T, dir, over string, later time.Duration) *vbDesk {
	t.Helper()
	d := &vbDesk{acknowledge: func() {}}
	open := func(name string) *os.File {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
	d.effects, d.acks = open("effects"), open("acks")
	sink, err := vbDeskTrails[over](dir)
	if err != nil {
		t.Fatal(err)
	}
	d.trail = sink
	t.Cleanup(func() { sink.Close() })
	d.vbHost = vbOpen(t, func(h *vbHost) {
		h.config.Audit, h.config.ForgetOnExit = sink, false
		h.config.Questions = 3 // what is refused only makes the trail longer
		h.config.Now = func() time.Time { return time.Now().Add(later) }
		for i := range vbDesks {
			id := fmt.Sprintf("desk-%d", i)
			h.directory.SetTarget(moderation.Target{ID: id, Tier: "standard", Domain: "en"}, "@"+id)
		}
		h.rule(moderation.StepRequest, moderation.Limit, vbNeeds(0, moderation.Slot{"lead"}))
		for i := range h.config.Kinds {
			h.config.Kinds[i].Probe = nil
		}
		h.config.Kinds[0].Apply = func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) { return "", d.work(p) }
		h.config.Kinds[0].Undo = func(_ context.Context, p moderation.Permit) error { return d.work(p) }
		h.config.Kinds[1].Apply, h.config.Kinds[1].Undo = h.config.Kinds[0].Apply, h.config.Kinds[0].Undo
	})
	return d
}

// work is the handler: one line when it begins and one when it is done.
func (d *vbDesk) work(p moderation.Permit) error {
	for _, moment := range []string{"start", "done"} {
		if _, err := fmt.Fprintln(d.effects, moment, p.Call, p.Ticket, p.Target, "of:"+p.Undoes); err != nil {
			return err
		}
	}
	return nil
}

// ack writes down that a verb returned nil. One write, so that a kill leaves a
// whole line or none.
func (d *vbDesk) ack(t moderation.Ticket) {
	fmt.Fprintln(d.acks, "acked", t.ID, t.Revision, t.Status, t.Action.Actor, t.Action.Key)
	d.acknowledge()
}

// TestGuardThatWillBeKilled is the process that TestKilledAtAnyMoment kills.
// By itself it does nothing.
func TestGuardThatWillBeKilled(t *testing.T) {
	dir := os.Getenv(vbKillDir)
	if dir == "" {
		return
	}
	d := vbOpenDesk(t, dir, os.Getenv(vbKillTrail), 0)
	var mu sync.Mutex
	d.acknowledge = func() {
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.WriteString("!")
	}
	go d.guard.Run(t.Context())
	vbTogether(8, func(worker int) {
		for i := 0; ; i++ {
			d.oneStep(t, fmt.Sprintf("%s-%d-%d", os.Getenv(vbKillRound), worker, i))
		}
	})
}

// oneStep asks for something, and perhaps takes it back.
func (d *vbDesk) oneStep(t *testing.T, key string) {
	a := suspend([]string{"mod", "mod2", "mod3"}[rand.N(3)], fmt.Sprintf("@desk-%d", rand.N(vbDesks)), key)
	a.Parameters = map[string]string{"of": key} // never the same as what stands
	switch rand.N(3) {
	case 0:
		a.Duration = time.Second
	case 1:
		a.Kind, a.Duration = moderation.Limit, 0
	}
	ticket, err := d.guard.Do(t.Context(), a)
	switch {
	case errors.Is(err, moderation.ErrPending) && ticket.Status == moderation.StatusPending:
		d.ack(ticket)
		ticket, err = d.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: "lead", Digest: ticket.Digest})
		if err != nil {
			return // barred, or busy
		}
		d.ack(ticket)
		if ticket, err = d.guard.Do(t.Context(), a); err != nil {
			return
		}
	case err != nil:
		return // busy, or undone lately
	}
	d.ack(ticket)
	if rand.N(2) == 0 {
		undo, err := d.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: ticket.ID, Actor: "mod", Reason: "was wrong", Key: key + "-undo"})
		if err == nil {
			d.ack(undo)
		}
	}
}

// vbEffect is a line of the handler's.
type vbEffect struct{ moment, call, ticket, target, of string }

func vbEffects(t *testing.T, dir string) []vbEffect {
	t.Helper()
	var effects []vbEffect
	for _, f := range vbLines(t, filepath.Join(dir, "effects")) {
		effects = append(effects, vbEffect{f[0], f[1], f[2], f[3], strings.TrimPrefix(f[4], "of:")})
	}
	return effects
}

func vbLines(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for line := range bytes.Lines(text) {
		lines = append(lines, strings.Fields(string(line)))
	}
	return lines
}

func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const rounds = 12
	for over := range vbDeskTrails {
		t.Run("over a "+over, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, seed))
			dir := t.TempDir()
			for round := range rounds {
				vbKillOne(t, dir, over, round, 1+random.IntN(60))
				vbCheckAfterKill(t, dir, over, round == rounds-1)
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
		})
	}
}

// vbKillOne runs a process over dir and kills it when it has acknowledged so
// many steps.
func vbKillOne(t *testing.T, dir, over string, round, steps int) {
	t.Helper()
	environment := []string{vbKillDir + "=" + dir, vbKillTrail + "=" + over, fmt.Sprint(vbKillRound, "=", round)}
	if vbKill(t, "TestGuardThatWillBeKilled", steps, environment...) {
		t.Fatal("the process ended by itself")
	}
}

// vbCheckAfterKill opens what the killed process left behind and holds it
// against what was acknowledged and what the handler did.
func vbCheckAfterKill(t *testing.T, dir, over string, last bool) {
	t.Helper()
	started := make(map[string]int)
	before := vbEffects(t, dir)
	for _, e := range before {
		if e.moment == "start" {
			started[e.call+" "+e.ticket]++
		}
	}
	later := time.Duration(0)
	if last {
		later = time.Hour // when everything can be resolved
	}
	d := vbOpenDesk(t, dir, over, later)
	defer func() { // what is killed next begins with a snapshot, where the trail keeps one
		if err := errors.Join(d.guard.Close(t.Context()), d.trail.Close()); err != nil {
			t.Error(err)
		}
	}()
	intents, outcomes := vbCallsOnTrail(t, d.trail)
	unsettled := make(map[string]bool)
	for call, n := range started {
		ticket := d.snapshotOf(strings.Fields(call)[1])
		switch {
		case n > 1:
			t.Errorf("the handler was started %d times for %q", n, call)
		case intents[call] == 0:
			t.Errorf("the handler was started for %q without an intent on the trail", call)
		case outcomes[call] == 0 && ticket.Status != moderation.StatusUnknown:
			t.Errorf("%q was started and no outcome is known, but the ticket is %s", call, ticket.Status)
		}
		if ticket.Status == moderation.StatusUnknown {
			unsettled[ticket.ID] = true
		}
	}
	for _, ack := range vbLines(t, filepath.Join(dir, "acks")) {
		d.checkAcknowledged(t, ack)
	}
	if got := vbEffects(t, dir); !slices.Equal(got, before) {
		t.Errorf("opening the guard, or repeating keys, called the handler: %v", got[len(before):])
	}
	if last {
		d.settleAll(t, dir, unsettled)
	}
}

// vbCallsOnTrail counts intents and outcomes by call and ticket. What a guard
// found out only when it was opened again is no outcome.
func vbCallsOnTrail(t *testing.T, sink audit.Replayer) (intents, outcomes map[string]int) {
	t.Helper()
	intents, outcomes = make(map[string]int), make(map[string]int)
	calls := make(map[string]string)
	for r, err := range sink.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch r.Event {
		case audit.EventIntent:
			call := string(moderation.CallApply)
			if r.Step == string(moderation.StepUndo) || calls[r.Ticket] != "" {
				call = string(moderation.CallUndo)
			}
			calls[r.Ticket] = call + " " + r.Ticket
			intents[calls[r.Ticket]]++
		case audit.EventOutcome:
			if r.Outcome != nil && r.Outcome.Status != string(moderation.StatusUnknown) {
				outcomes[calls[r.Ticket]]++
			}
		}
	}
	return intents, outcomes
}

// snapshotOf reads a ticket in a lead's name.
func (d *vbDesk) snapshotOf(id string) moderation.Ticket {
	d.t.Helper()
	ticket, err := d.guard.Ticket(d.t.Context(), "boss", id)
	if err != nil {
		d.t.Errorf("ticket %s is lost: %v", id, err)
	}
	return ticket
}

// checkAcknowledged holds one acknowledged step against the ticket, and asks
// again with its key.
func (d *vbDesk) checkAcknowledged(t *testing.T, ack []string) {
	t.Helper()
	id, revision, status := ack[1], ack[2], moderation.Status(ack[3])
	ticket := d.snapshotOf(id)
	var acked uint64
	fmt.Sscan(revision, &acked)
	if ticket.Revision < acked {
		t.Errorf("ticket %s is at revision %d; %s at %d was acknowledged", id, ticket.Revision, status, acked)
	}
	if status == moderation.StatusExecuted && (ticket.Executed.IsZero() || ticket.Status.Waiting()) {
		t.Errorf("ticket %s was acknowledged as executed and is %s", id, ticket.Status)
	}
	if status != moderation.StatusExecuted || ticket.Undoes != "" {
		return
	}
	again, err := d.guard.Do(t.Context(), ticket.Action)
	if again.ID != id || err != nil && !errors.Is(err, moderation.ErrOver) && !errors.Is(err, moderation.ErrUnknown) {
		t.Errorf("the key of ticket %s again: ticket %s, %v", id, again.ID, err)
	}
}

// settleAll resolves what is unknown by what the handler did, and wants the
// trail to say of each account what the handler's lines say.
func (d *vbDesk) settleAll(t *testing.T, dir string, unsettled map[string]bool) {
	t.Helper()
	done, force := make(map[string]bool), make(map[string][]string)
	for _, e := range vbEffects(t, dir) {
		if e.moment != "done" {
			continue
		}
		done[e.call+" "+e.ticket] = true
		if e.call == string(moderation.CallApply) {
			force[e.target] = append(force[e.target], e.ticket)
		} else {
			force[e.target] = slices.DeleteFunc(force[e.target], func(id string) bool { return id == e.of })
		}
	}
	for id := range unsettled {
		ticket := d.snapshotOf(id)
		found := moderation.ProbeNotApplied
		if done[string(ticket.Call)+" "+id] {
			found = moderation.ProbeApplied
		}
		if _, err := d.tryResolve(ticket, "boss", found); err != nil {
			t.Errorf("resolving ticket %s as %s: %v", id, found, err)
		}
	}
	standing := make(map[string][]string)
	for ticket, err := range d.guard.Tickets(t.Context(), "boss", moderation.Query{Status: []moderation.Status{moderation.StatusExecuted}}) {
		if err != nil {
			t.Fatal(err)
		}
		if ticket.Undoes == "" {
			standing[ticket.Subject.ID] = append(standing[ticket.Subject.ID], ticket.ID)
		}
	}
	for i := range vbDesks {
		id := fmt.Sprintf("desk-%d", i)
		slices.Sort(force[id])
		slices.Sort(standing[id])
		if !slices.Equal(force[id], standing[id]) {
			t.Errorf("in force on %s: %v; the trail says %v", id, force[id], standing[id])
		}
	}
	t.Logf("%d tickets were unknown, %d calls", len(unsettled), len(done))
}

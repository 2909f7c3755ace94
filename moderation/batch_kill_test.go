package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
)

// What tells a process that is to be killed in a batch where it is, how many were
// killed before it, and which batch it takes back; empty while it is to be done.
const (
	kbDir    = "INTERLOCK_KILLED_BATCH_DIR"
	kbRound  = "INTERLOCK_KILLED_BATCH_ROUND"
	kbUndoes = "INTERLOCK_KILLED_BATCH_UNDOES"
)

// kbMembers is how many accounts the batch has.
const kbMembers = 240

// kbService is what one process has of a service that is killed again and again in
// a batch: a guard over a trail in a directory, the accounts in a file, and a file
// of what the handler did.
type kbService struct {
	*vbHost
	trail    *trail.Log
	calls    *os.File // a line when a call begins and one when it is over
	accounts *os.File // the effects: a restriction that is put on, or lifted
	members  batch.Slice
	runner   *batch.Runner
}

// kbOpen opens the service as a process finds it. Each is ten minutes later than
// the one before, so that what that left unknown can be asked about.
func kbOpen(t *testing.T, dir string, round int) *kbService {
	t.Helper()
	s := &kbService{}
	open := func(name string) *os.File {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
	s.calls, s.accounts = open("calls"), open("accounts")
	c := trail.Beside(filepath.Join(dir, "trail"), "example.com/batch")
	c.Room = 1 << 20
	var err error
	if s.trail, err = trail.Open(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.trail.Close() })
	s.vbHost = vbOpen(t, func(h *vbHost) {
		h.config.Audit, h.config.ForgetOnExit = s.trail, false
		h.config.Now = func() time.Time { return time.Now().Add(time.Duration(round) * 10 * time.Minute) }
		for i := range kbMembers {
			s.members = append(s.members, fmt.Sprintf("member-%03d", i))
			h.directory.SetTarget(moderation.Target{ID: s.members[i], Tier: "standard", Domain: "en"})
		}
		h.rule(moderation.StepRequest, moderation.Suspend, vbNeeds(0, moderation.Slot{"lead"}))
		h.config.Kinds[0].Apply = func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
			return moderation.UndoToken("was " + p.Target), s.work(p, "on", p.Ticket)
		}
		h.config.Kinds[0].Undo = func(_ context.Context, p moderation.Permit) error { return s.work(p, "off", p.Undoes) }
		h.config.Kinds[0].Probe = func(_ context.Context, p moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
			return s.finds(t, dir, p), moderation.UndoToken("was " + p.Target), nil
		}
	})
	s.runner, err = batch.New(s.guard, batch.Config{
		Stages:  []batch.Stage{{Share: 0.05, Soak: 20 * time.Millisecond}, {Share: 0.3, Soak: 20 * time.Millisecond}, {Share: 1}},
		Workers: 4, MaxFailures: 2, // so that what crashes leave unknown halts it
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// close is what a process does that is not killed.
func (s *kbService) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.guard.Close(t.Context()), s.trail.Close()); err != nil {
		t.Fatal(err)
	}
}

// step tells that the process has come to another moment to be killed at.
func (s *kbService) step() { os.Stdout.WriteString("!") }

// writes puts a line into a file, durably and in one write.
func (s *kbService) writes(file *os.File, words ...any) error {
	_, err := fmt.Fprintln(file, words...)
	err = errors.Join(err, file.Sync())
	s.step()
	return err
}

// work is the handler.
func (s *kbService) work(p moderation.Permit, what, ticket string) error {
	return errors.Join(
		s.writes(s.calls, "begins", p.Call, p.Ticket, p.Target),
		s.writes(s.accounts, what, ticket, p.Target),
		s.writes(s.calls, "ends", p.Call, p.Ticket, p.Target),
	)
}

// finds is what a probe finds on the accounts.
func (s *kbService) finds(t *testing.T, dir string, p moderation.Permit) moderation.ProbeResult {
	what, ticket := "on", p.Ticket
	if p.Call == moderation.CallUndo {
		what, ticket = "off", p.Undoes
	}
	for _, line := range vbLines(t, filepath.Join(dir, "accounts")) {
		if line[0] == what && line[1] == ticket {
			return moderation.ProbeApplied
		}
	}
	return moderation.ProbeNotApplied
}

// TestBatchThatWillBeKilled is the process that TestABatchIsDoneOnceWhateverIsKilled
// kills. By itself it does nothing.
func TestBatchThatWillBeKilled(t *testing.T) {
	dir := os.Getenv(kbDir)
	if dir == "" {
		return
	}
	round, err := strconv.Atoi(os.Getenv(kbRound))
	if err != nil {
		t.Fatal(err)
	}
	s := kbOpen(t, dir, round)
	s.step()
	if mandate := os.Getenv(kbUndoes); mandate != "" {
		s.undoAll(t, mandate)
	} else {
		s.doAll(t)
	}
	s.close(t)
}

// start asks for the batch, or finds it, and has it approved.
func (s *kbService) start(t *testing.T) moderation.Ticket {
	t.Helper()
	a := suspend("mod", "", "the batch")
	a.Tier = "standard"
	mandate, err := s.runner.Start(t.Context(), a, s.members, kbMembers)
	if errors.Is(err, moderation.ErrPending) {
		s.step()
		mandate, err = s.tryApprove(mandate, "lead")
	}
	if err != nil {
		t.Fatal(err)
	}
	return mandate
}

// doAll takes the batch to its end: it asks about what a process that was killed
// left unknown, and resumes the batch where that has halted it.
func (s *kbService) doAll(t *testing.T) {
	mandate := s.start(t)
	for tries := 0; ; tries++ {
		s.step()
		unknown, err := s.each(t, s.runner.Run(t.Context(), mandate.ID, s.members))
		var refusal *moderation.Refusal
		switch {
		case tries > kbMembers:
			t.Fatalf("it comes to no end: %d are unknown, %v", unknown, err)
		case errors.As(err, &refusal) && refusal.Code == moderation.CodeHalted:
			if _, err := s.runner.Resume(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead2", Reason: "the process was killed"}); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		case unknown == 0:
			return
		}
	}
}

// undoAll takes back the whole batch in the same way.
func (s *kbService) undoAll(t *testing.T, mandate string) {
	u := moderation.UndoRequest{Ticket: mandate, Actor: "mod2", Reason: "the wrong list", Key: "the undo"}
	for tries := 0; ; tries++ {
		s.step()
		left := 0
		_, err := s.each(t, func(yield func(batch.Result, error) bool) {
			for result, err := range s.runner.UndoAll(t.Context(), u) {
				if left++; !yield(result, err) {
					return
				}
			}
		})
		switch {
		case err != nil || tries > kbMembers:
			t.Fatalf("%d are left, %v", left, err)
		case left == 0:
			return
		}
	}
}

// each goes through a run, and asks what is true of members that are unknown.
func (s *kbService) each(t *testing.T, results func(func(batch.Result, error) bool)) (unknown int, failed error) {
	t.Helper()
	for result, err := range results {
		if err != nil {
			return unknown, err
		}
		if !errors.Is(result.Err, moderation.ErrUnknown) {
			continue
		}
		unknown++
		s.step()
		if _, err := s.guard.Advance(t.Context(), result.Ticket); err != nil {
			t.Fatal(err)
		}
	}
	return unknown, nil
}

// TestABatchIsDoneOnceWhateverIsKilled kills the process that runs a batch again
// and again, and then the one that takes all of it back.
func TestABatchIsDoneOnceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	dir := t.TempDir()
	done := kbUntilItEnds(t, random, dir, 0, "")
	s := kbOpen(t, dir, done)
	mandate := s.start(t)
	s.checkDone(t, dir, mandate.ID)
	s.close(t)
	undone := kbUntilItEnds(t, random, dir, done+1, mandate.ID)
	s = kbOpen(t, dir, undone)
	s.checkUndone(t, dir, mandate.ID)
	s.close(t)
	t.Logf("%d were killed in the batch, %d in its undo", done-1, undone-done-2)
}

// kbUntilItEnds kills one process after the other until one has come to its end,
// and returns the next round.
func kbUntilItEnds(t *testing.T, random *rand.Rand, dir string, round int, undoes string) int {
	t.Helper()
	const most = 120 // before the batch's deadline
	for begun := round; round < begun+most; round++ {
		environment := []string{kbDir + "=" + dir, fmt.Sprint(kbRound, "=", round), kbUndoes + "=" + undoes}
		if vbKill(t, "TestBatchThatWillBeKilled", 1+random.IntN(100), environment...) {
			return round + 1
		}
	}
	t.Fatalf("after %d processes were killed it is not at its end", most)
	return 0
}

// effects counts the lines of the accounts by ticket.
func (s *kbService) effects(t *testing.T, dir string) (on, off map[string]int) {
	t.Helper()
	on, off = make(map[string]int), make(map[string]int)
	for _, line := range vbLines(t, filepath.Join(dir, "accounts")) {
		if line[0] == "on" {
			on[line[1]]++
		} else {
			off[line[1]]++
		}
	}
	return on, off
}

// kbCalls is what the handler and the trail say of one ticket.
type kbCalls struct{ begun, intents, outcomes int }

// countCalls wants of each ticket at most one call of its handler, with a durable
// intent and, in the end, one outcome. It returns how many calls each account had.
func (s *kbService) countCalls(t *testing.T, dir string) (ofAccount map[string]int) {
	t.Helper()
	tickets, ofAccount := make(map[string]*kbCalls), make(map[string]int)
	of := func(id string) *kbCalls {
		if tickets[id] == nil {
			tickets[id] = &kbCalls{}
		}
		return tickets[id]
	}
	for _, line := range vbLines(t, filepath.Join(dir, "calls")) {
		if line[0] == "begins" {
			of(line[2]).begun++
			ofAccount[line[1]+" "+line[3]]++
		}
	}
	for r, err := range s.trail.Replay(t.Context()) {
		switch {
		case err != nil:
			t.Fatal(err)
		case r.Event == audit.EventIntent:
			of(r.Ticket).intents++
		case r.Event == audit.EventRefused && tickets[r.Ticket] != nil, r.Event == audit.EventResolved,
			r.Event == audit.EventOutcome && r.Outcome != nil && r.Outcome.Status != string(moderation.StatusUnknown):
			of(r.Ticket).outcomes++
		}
	}
	for id, calls := range tickets {
		if calls.begun > 1 || calls.intents != 1 || calls.outcomes != 1 {
			t.Errorf("ticket %s has %+v, want at most one call, one intent and one outcome", id, *calls)
		}
	}
	return ofAccount
}

// checkDone wants each member to have had its turn, once, and its ticket to say
// what became of the account.
func (s *kbService) checkDone(t *testing.T, dir, mandate string) {
	t.Helper()
	for account, n := range s.countCalls(t, dir) {
		if n > 1 {
			t.Errorf("%d calls: %s", n, account)
		}
	}
	on, _ := s.effects(t, dir)
	came := make(map[string]moderation.Status)
	for ticket, err := range s.guard.Tickets(t.Context(), "boss", moderation.Query{Mandate: mandate}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case ticket.Status == moderation.StatusRefused && on[ticket.ID] == 0:
			continue // the batch was halted behind its intent: the member has another
		case came[ticket.Subject.ID] != "":
			t.Errorf("%s has two outcomes", ticket.Subject.ID)
		case ticket.Status == moderation.StatusExecuted && on[ticket.ID] == 1, ticket.Status == moderation.StatusFailed && on[ticket.ID] == 0:
		default:
			t.Errorf("ticket %s is %s (%s) and its restriction was put on %d times", ticket.ID, ticket.Status, ticket.Note, on[ticket.ID])
		}
		came[ticket.Subject.ID] = ticket.Status
	}
	if len(came) != kbMembers {
		t.Errorf("%d members have an outcome, want %d", len(came), kbMembers)
	}
	t.Logf("%d were done", len(on))
}

// checkUndone wants all that was done to be taken back, once.
func (s *kbService) checkUndone(t *testing.T, dir, mandate string) {
	t.Helper()
	s.countCalls(t, dir)
	on, off := s.effects(t, dir)
	if !maps.Equal(on, off) {
		t.Errorf("put on: %v\nlifted: %v", on, off)
	}
	for ticket, err := range s.guard.Tickets(t.Context(), "boss", moderation.Query{Mandate: mandate}) {
		if err != nil {
			t.Fatal(err)
		}
		if undone := ticket.Status == moderation.StatusUndone; undone != (on[ticket.ID] == 1) || !ticket.Status.Final() {
			t.Errorf("ticket %s is %s, and its restriction was put on %d times", ticket.ID, ticket.Status, on[ticket.ID])
		}
	}
	if got := s.shows(moderation.Ticket{ID: mandate}); got.Status != moderation.StatusUndone {
		t.Errorf("the batch is %s", got.Status)
	}
}

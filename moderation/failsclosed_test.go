package moderation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// TestFailsClosed holds the guard to one promise, once a row: whatever is
// missing, wrong, late or lying, the handler does not run, the answer names
// the cause, and the trail has the refusal if it could be written.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(
		fcGuardCases(), fcConfigCases(), fcTests(
			fcInputRows(), fcVerbInputRows(), fcDurationRows(), fcClaimRows(),
			fcDirectoryRows(), fcAuthorizerRows(), fcLimiterRows(), fcStoreRows(), fcTrailRows(), fcRoomRows(), fcGateRows(),
			fcIdentityRows(), fcReviewRows(), fcContextRows(), fcFreezeRows(), fcLateRows(),
			fcHandlerRows(), fcProbeRows(), fcOutcomeRows(), fcOnceRows(), fcRecoverRows(),
		))
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("two rows are named %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
	if len(cases) < 90 {
		t.Errorf("only %d rows", len(cases))
	}
}

// fcCase is a row with its own way of being run.
type fcCase struct {
	name string
	run  func(*testing.T)
}

// fcRow is one way of going wrong. Where nothing else is said, mod suspends
// @one, which needs no approval.
type fcRow struct {
	name  string
	world func(*world)         // before the guard is made
	given func(*fcWorld)       // what happened before; all of it well
	fault func(*fcWorld)       // what goes wrong from then on
	act   func(*fcWorld) error // the call that must be refused

	code       moderation.Code   // of the refusal, else
	status     moderation.Status // of the StateError, else
	ok         bool              // it succeeds after all
	is         []error           // what else the answer matches
	says       []string          // what else the answer says
	ran        int               // handler calls that the act led to
	unrecorded bool              // the trail can't be written
	silent     bool              // it is not to be in the trail
	after      func(*fcWorld)    // what must hold then
}

// fcWorld is a world with a store and a trail that can be broken too.
type fcWorld struct {
	*world
	t      *testing.T
	store  *moderationtest.Store
	trail  *audittest.Faulty
	script *fcScript
	ticket moderation.Ticket // what the row is about
}

var errFC = errors.New("the cause")

func fcTests(groups ...[]fcRow) []fcCase {
	var cases []fcCase
	for _, r := range slices.Concat(groups...) {
		cases = append(cases, fcCase{r.name, func(t *testing.T) { synctest.Test(t, r.run) }})
	}
	return cases
}

func fcNew(t *testing.T, change func(*world)) *fcWorld {
	t.Helper()
	w := &fcWorld{t: t, script: &fcScript{}}
	w.trail = &audittest.Faulty{Script: w.script.next}
	t.Cleanup(w.trail.Release)
	w.world = newWorld(t, func(inner *world) {
		behind, err := moderation.NewMemoryStore(t.Context(), w.trail)
		if err != nil {
			t.Fatal(err)
		}
		w.store = moderationtest.NewStore(t, behind)
		inner.config.Store, inner.config.Audit = w.store, nil
		if change != nil {
			change(inner)
		}
	})
	return w
}

func (r fcRow) run(t *testing.T) {
	w := fcNew(t, r.world)
	if r.given != nil {
		r.given(w)
	}
	before, recorded := w.calls(), len(w.trail.Records())
	if r.fault != nil {
		r.fault(w)
	}
	act := r.act
	if act == nil {
		act = fcDo(suspend("mod", "@one", "k"))
	}
	err := act(w)
	r.checkAnswer(t, err)
	r.checkTrail(t, err, w.trail.Records()[recorded:])
	if got := w.calls() - before; got != r.ran {
		t.Errorf("the handler was called %d times, want %d", got, r.ran)
	}
	if r.after != nil {
		r.after(w)
		return
	}
	// Nor does it run later, when what hung has come back.
	time.Sleep(time.Hour)
	synctest.Wait()
	if got := w.calls() - before; got != r.ran {
		t.Errorf("an hour later the handler was called %d times, want %d", got, r.ran)
	}
}

func (r fcRow) checkAnswer(t *testing.T, err error) {
	t.Helper()
	switch {
	case r.ok:
		if err != nil {
			t.Errorf("got %v, want success", err)
		}
		return
	case r.code != "":
		if wantCode(t, err, r.code); !errors.Is(err, moderation.ErrRefused) {
			t.Errorf("%v does not match ErrRefused", err)
		}
	case r.status != "":
		var s *moderation.StateError
		if !errors.As(err, &s) || s.Status != r.status {
			t.Fatalf("got %v, want a StateError with status %s", err, r.status)
		}
	default:
		t.Fatal("the row does not say what is wanted")
	}
	for _, is := range r.is {
		if !errors.Is(err, is) {
			t.Errorf("%v does not match %v", err, is)
		}
	}
	for _, says := range r.says {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
}

// checkTrail wants a refusal in the trail, or that the answer says that there
// is none. Outcomes of handlers are to be there too.
func (r fcRow) checkTrail(t *testing.T, err error, records []audit.Record) {
	t.Helper()
	if r.unrecorded != errors.Is(err, moderation.ErrUnrecorded) {
		t.Errorf("%v: matches ErrUnrecorded: %t, want %t", err, !r.unrecorded, r.unrecorded)
	}
	if r.unrecorded || r.silent || r.ok {
		return
	}
	event, has := audit.EventOutcome, func(o *audit.Outcome) bool { return o.Status == string(r.status) }
	if r.code != "" {
		event, has = audit.EventRefused, func(o *audit.Outcome) bool { return o.Code == string(r.code) }
	}
	for _, record := range records {
		if record.Event == event && record.Outcome != nil && has(record.Outcome) {
			return
		}
	}
	t.Errorf("the trail has no record %q of code %q, status %q: %v", event, r.code, r.status, fcEvents(records))
}

func fcEvents(records []audit.Record) []audit.Event {
	var events []audit.Event
	for _, r := range records {
		events = append(events, r.Event)
	}
	return events
}

// fcScript tells the trail what to do with which record.
type fcScript struct {
	mu    sync.Mutex
	match func(audit.Record) bool
	fault audittest.Fault
}

func (s *fcScript) next(_ int, r audit.Record) audittest.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.match != nil && s.match(r) {
		return s.fault
	}
	return audittest.Pass()
}

// breakTrail makes the trail fail with records that match.
func (w *fcWorld) breakTrail(f audittest.Fault, match func(audit.Record) bool) {
	w.script.mu.Lock()
	defer w.script.mu.Unlock()
	w.script.match, w.script.fault = match, f
}

func (w *fcWorld) healTrail() { w.breakTrail(audittest.Pass(), nil) }

func fcEvery(audit.Record) bool { return true }

func fcEvent(e audit.Event) func(audit.Record) bool {
	return func(r audit.Record) bool { return r.Event == e }
}

func fcDo(a moderation.Action) func(*fcWorld) error {
	return func(w *fcWorld) error {
		_, err := w.guard.Do(w.t.Context(), a)
		return err
	}
}

// must returns the ticket of a call that has to succeed or to wait.
func (w *fcWorld) must(ticket moderation.Ticket, err error) moderation.Ticket {
	w.t.Helper()
	if err != nil && !errors.Is(err, moderation.ErrPending) {
		w.t.Fatal(err)
	}
	return ticket
}

// fcExecuted has mod suspend @one.
func fcExecuted(w *fcWorld) {
	w.ticket = w.must(w.guard.Do(w.t.Context(), suspend("mod", "@one", "given")))
}

// fcTimed has mod suspend @one for an hour, which is over then.
func fcTimed(w *fcWorld) {
	a := suspend("mod", "@one", "given")
	a.Duration = time.Hour
	w.ticket = w.must(w.guard.Do(w.t.Context(), a))
	time.Sleep(time.Hour)
}

// fcPending has mod ask to suspend @vip, which needs two leads and a hold.
func fcPending(w *fcWorld) {
	w.ticket = w.must(w.guard.Do(w.t.Context(), suspend("mod", "@vip", "given")))
}

// fcHeld has it approved, too.
func fcHeld(w *fcWorld) {
	fcPending(w)
	for _, login := range []string{"lead", "lead2"} {
		w.ticket = w.must(w.guard.Approve(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: login, Digest: w.ticket.Digest}))
	}
}

// fcReady lets the hold pass, too.
func fcReady(w *fcWorld) {
	fcHeld(w)
	time.Sleep(10 * time.Minute)
}

// fcUnknown has mod suspend @one with a handler that fails and can't be asked.
func fcUnknown(w *fcWorld) {
	w.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errFC)))
	w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
	var err error
	w.ticket, err = w.guard.Do(w.t.Context(), suspend("mod", "@one", "given"))
	if !errors.Is(err, moderation.ErrUnknown) {
		w.t.Fatalf("got %v, want an unknown outcome", err)
	}
	w.handler.OnApply.Heal()
	w.handler.OnProbe.Heal()
	time.Sleep(2 * time.Minute)
}

func fcAdvance(w *fcWorld) error {
	_, err := w.guard.Advance(w.t.Context(), w.ticket.ID)
	return err
}

func fcApprove(login string) func(*fcWorld) error {
	return func(w *fcWorld) error {
		_, err := w.guard.Approve(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: login, Digest: w.ticket.Digest})
		return err
	}
}

func fcUndo(actor string) func(*fcWorld) error {
	return func(w *fcWorld) error {
		_, err := w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: actor, Reason: "wrong", Key: "undo"})
		return err
	}
}

// stored returns the ticket as the store has it.
func (w *fcWorld) stored() moderation.Ticket {
	w.t.Helper()
	ticket, err := w.store.Ticket(context.WithoutCancel(w.t.Context()), w.ticket.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return ticket
}

// wantStatus checks how the row's ticket stands in the store.
func (w *fcWorld) wantStatus(want moderation.Status) {
	w.t.Helper()
	if got := w.stored().Status; got != want {
		w.t.Errorf("the ticket is %s, want %s", got, want)
	}
}

package batch_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
)

// TestBatchOverATrailGoesOnAfterARestart closes guard and trail in the middle of a
// halted batch, with a snapshot, and goes on with what the next guard reads.
func TestBatchOverATrailGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	w.config.ForgetOnExit = false
	dir := filepath.Join(t.TempDir(), "trail")
	open := func() *trail.Log {
		log, err := trail.Open(t.Context(), trail.Beside(dir, "example.com/batch"))
		if err != nil {
			t.Fatal(err)
		}
		w.config.Audit = log
		w.open(t)
		return log
	}
	log := open()
	r := w.runner(t, batch.Config{Workers: 2})
	mandate := w.start(t, r)
	done := 0
	for _, err := range r.Run(t.Context(), mandate.ID, w.members) {
		if done++; done == 10 {
			if _, err := r.Halt(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead", Reason: "look"}); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			wantCode(t, err, moderation.CodeHalted)
		}
	}
	before := w.tickets(t)
	called := w.applied()
	for range 2 { // from the snapshot, and from the one of that
		if err := w.guard.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		log = open()
	}
	if d := cmp.Diff(before, w.tickets(t)); d != "" {
		t.Errorf("tickets (-before +after):\n%s", d)
	}
	r = w.runner(t, batch.Config{Workers: 2})
	_, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	wantCode(t, err, moderation.CodeHalted)
	if _, err := r.Resume(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead", Reason: "fine"}); err != nil {
		t.Fatal(err)
	}
	results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	if err != nil || len(results) != 30 || len(failures(results)) != 0 || w.applied() != 30 || called >= 30 {
		t.Errorf("%d results, %v, %d and then %d calls, %v", len(results), failures(results), called, w.applied(), err)
	}
	results, err = drain(t, r.UndoAll(t.Context(), moderation.UndoRequest{Ticket: mandate.ID, Actor: "mod2", Reason: "wrong", Key: "u"}))
	if err != nil || len(failures(results)) != 0 || w.inForce() != 0 {
		t.Errorf("%v, %d in force, %v", failures(results), w.inForce(), err)
	}
	if err := w.guard.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) tickets(t *testing.T) (all []moderation.Ticket) {
	t.Helper()
	for ticket, err := range w.guard.Tickets(t.Context(), "lead", moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ticket)
	}
	return all
}

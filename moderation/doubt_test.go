package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
)

// A request that only has to wait for its hold is written although the trail
// says that it failed. Its requester was told that it was refused: it must not
// be done when the trail answers again.
func TestRequestThatWasInDoubtIsNotDoneLater(t *testing.T) {
	t.Parallel()
	now := time.Now()
	sink := &audittest.Faulty{Script: func(n int, r audit.Record) audittest.Fault {
		if n == 0 {
			return audittest.StoreThenFail(errors.New("connection lost"))
		}
		return audittest.Pass()
	}}
	w := newWorld(t, func(w *world) {
		w.config.Audit = sink
		w.config.Now = func() time.Time { return now }
		w.rules["request standard"] = moderation.Requirement{Quorum: moderation.Quorum{None: true}, Hold: time.Minute, Deadline: time.Hour}
	})
	_, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
	wantCode(t, err, moderation.CodeTrail)
	if !errors.Is(err, moderation.ErrUnrecorded) {
		t.Errorf("%v does not say that it is not recorded", err)
	}
	id := sink.Records()[0].Ticket
	now = now.Add(2 * time.Minute) // the hold would be over
	ticket, err := w.guard.Advance(t.Context(), id)
	if err != nil || ticket.Status != moderation.StatusRefused || w.calls() != 0 {
		t.Errorf("Advance: %s, %v, %d handler calls; want a ticket that is refused", ticket.Status, err, w.calls())
	}
	if _, err = w.guard.Do(t.Context(), suspend("mod", "@one", "k1")); !errors.Is(err, moderation.ErrRefused) || w.calls() != 0 {
		t.Errorf("the same key again: %v, %d handler calls", err, w.calls())
	}
}

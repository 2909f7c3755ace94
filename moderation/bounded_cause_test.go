package moderation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// clCause is a sink that stores the first record, does not answer until it is
// told to stop, and then says why it was told.
type clCause struct{ *audit.Memory }

func (s clCause) Append(ctx context.Context, r audit.Record) error {
	err := s.Memory.Append(ctx, r)
	if len(s.Records()) == 1 {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return err
}

// A caller that leaves says why. A sink that repeats it has said nothing of the
// record: it is in doubt, whatever the caller's words.
func TestWhyTheCallerLeftIsNotWhatBecameOfARecord(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{audit.ErrNotWritten, audit.ErrNoRoom, moderation.ErrConflict} {
		t.Run(cause.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(w *world) { w.config.Audit = clCause{w.sink} })
				ctx, leave := context.WithCancelCause(t.Context())
				go func() {
					synctest.Wait() // until the sink has the intent
					leave(cause)
				}()
				_, err := w.guard.Do(ctx, suspend("mod", "@one", "k"))
				wantCode(t, err, moderation.CodeTrail)
				if errors.Is(err, cause) || w.calls() != 0 {
					t.Errorf("got %v, %d handler calls", err, w.calls())
				}
				synctest.Wait()
				if _, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k")); err == nil || w.calls() != 0 {
					t.Errorf("the same key again: %v, %d handler calls", err, w.calls())
				}
				w.open(t) // the trail has nothing that the guard did not know of
			})
		})
	}
}

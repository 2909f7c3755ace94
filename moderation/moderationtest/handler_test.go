package moderationtest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestHandlerDoubleIsASmallWorld(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := moderationtest.NewHandler(t)
	kind := h.Kind(moderation.Suspend)
	first := moderation.Permit{Ticket: "1", Call: moderation.CallApply, Target: "42", Fence: 1, Parameters: map[string]string{"a": "b"},
		Standing: []moderation.Standing{{Ticket: "0", Parameters: map[string]string{"c": "d"}}}}
	second := moderation.Permit{Ticket: "2", Call: moderation.CallApply, Target: "42", Fence: 2}
	undo := moderation.Permit{Ticket: "3", Call: moderation.CallUndo, Target: "42", Fence: 3, Undoes: "1"}

	inForce := func(want ...string) {
		t.Helper()
		var got []string
		for _, p := range h.InForce("42") {
			got = append(got, p.Ticket)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("InForce (-want +got):\n%s", d)
		}
	}
	probe := func(p moderation.Permit, want moderation.ProbeResult, wantToken moderation.UndoToken) {
		t.Helper()
		got, token, err := kind.Probe(ctx, p)
		if err != nil || got != want || token != wantToken {
			t.Errorf("Probe of %s %s: got %q, %q and %v, want %q and %q", p.Call, p.Ticket, got, token, err, want, wantToken)
		}
	}
	probe(first, moderation.ProbeNotApplied, "")
	for _, p := range []moderation.Permit{first, first, second} {
		if token, err := kind.Apply(ctx, p); err != nil || token != moderation.UndoToken("undo:"+p.Ticket) {
			t.Errorf("Apply of %s: got %q and %v", p.Ticket, token, err)
		}
	}
	inForce("1", "2")
	probe(first, moderation.ProbeApplied, "undo:1")
	probe(undo, moderation.ProbeNotApplied, "")

	if _, err := kind.Apply(ctx, moderation.Permit{Ticket: "late", Target: "42", Fence: 1}); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("Apply with a fence that was passed: got %v, want ErrNotApplied", err)
	}
	if err := kind.Undo(ctx, undo); err != nil {
		t.Errorf("Undo: %v", err)
	}
	inForce("2")
	probe(undo, moderation.ProbeApplied, "")

	// The end of a duration is an undo under the ticket's own permit.
	end := moderation.Permit{Ticket: "2", Call: moderation.CallUndo, Target: "42", Fence: 4}
	probe(end, moderation.ProbeNotApplied, "")
	if err := kind.Undo(ctx, end); err != nil {
		t.Errorf("Undo of its own: %v", err)
	}
	inForce()
	probe(end, moderation.ProbeApplied, "")

	first.Parameters["a"], first.Standing[0].Parameters["c"] = "changed", "changed"
	kept := h.OnApply.Calls()[0]
	if kept.Parameters["a"] != "b" || kept.Standing[0].Parameters["c"] != "d" {
		t.Errorf("the seam keeps the caller's maps: %+v", kept)
	}
	if !kind.Idempotent || kind.Timed || kind.Name != moderation.Suspend {
		t.Errorf("Kind: got %+v", kind)
	}
}

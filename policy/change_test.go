package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// amended is constitution with one more moderator.
const amended = constitution + "g, eve, mod, *, -, -\n"

// contents are rows without the places where they stand, in one order.
func contents(rows []policy.Row) []string {
	var list []string
	for _, r := range rows {
		list = append(list, r.String())
	}
	slices.Sort(list)
	return list
}

func TestChangeTakesForceAsItWasShownAndApproved(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	old := h.authorizer.Digest()
	p := h.propose(amended)
	if p.Replaces != old || p.Digest != digestOf(t, amended) || p.Difference != "g: 1 added, 0 removed, 0 changed\n+ g, eve, mod, *, -, -" {
		t.Errorf("the proposal is %.12s in place of %.12s, changing %q", p.Digest, p.Replaces, p.Difference)
	}
	ticket := h.pending("ada", p)
	h.inForce(old, "while it waits")

	shown, err := h.changes.Proposal(t.Context(), ticket.Action)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, shown); diff != "" {
		t.Errorf("the reviewer is shown something else than was proposed (-proposed +shown):\n%s", diff)
	}
	if err := h.approve("dan", ticket); err != nil {
		t.Fatal(err)
	}
	if ticket, err = h.Advance(t.Context(), ticket.ID); err != nil || ticket.Status != moderation.StatusExecuted {
		t.Fatalf("the change is %s: %v", ticket.Status, err)
	}
	h.inForce(p.Digest, "once it is executed")
	if diff := cmp.Diff(contents(shown.Rows), contents(h.table.last.Rows)); diff != "" {
		t.Errorf("installed is something else than was shown (-shown +installed):\n%s", diff)
	}
	if i := h.table.last; i.Replaces != old || i.Digest != p.Digest || i.Ticket != ticket.ID || i.Fence == 0 {
		t.Errorf("the installer was given %+v", i)
	}
	var takes []audit.Record
	for _, r := range h.trail.Records() {
		if r.Event == audit.EventPolicy {
			takes = append(takes, r)
		}
	}
	if len(takes) != 2 || takes[0].Digest != old || takes[1].Digest != p.Digest || takes[1].Decision.PolicyThen != old ||
		takes[1].Cause == nil || takes[1].Cause.Ticket != ticket.ID || takes[1].Decision.Text != p.Difference {
		t.Errorf("on record are %+v", takes)
	}
	if err := h.authorizer.Reload(t.Context()); err != nil {
		t.Errorf("reloading what was installed: %v", err)
	}
}

func TestUndoPutsTheOldVersionBackWithAQuorum(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	old := h.authorizer.Digest()
	p, ticket := h.change(amended)
	undo, err := h.Undo(t.Context(), moderation.UndoRequest{Ticket: ticket.ID, Actor: "ada", Reason: "a mistake", Key: "u"})
	if !errors.Is(err, moderation.ErrPending) {
		t.Fatalf("undo by one person: %v, want pending", err)
	}
	h.inForce(p.Digest, "while the undo waits")
	if err := h.approve("dora", undo); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Advance(t.Context(), undo.ID); err != nil {
		t.Fatal(err)
	}
	h.inForce(old, "after the undo")
	if err := h.authorizer.Reload(t.Context()); err != nil || digestOfRows(t, h.table) != old {
		t.Errorf("the table holds %.12s; reload: %v", digestOfRows(t, h.table), err)
	}
}

func digestOfRows(t *testing.T, table *table) string {
	t.Helper()
	c := config("")
	c.Source = table
	p, err := policy.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return p.Digest()
}

// A change that was replaced itself is not undone over the head of the next.
func TestUndoOfAnOlderChangeIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	_, first := h.change(amended)
	second, _ := h.change(amended + "g, ann, lead, *, -, -\n")
	_, err := h.Undo(t.Context(), moderation.UndoRequest{Ticket: first.ID, Actor: "ada", Reason: "a mistake", Key: "u"})
	if !errors.Is(err, moderation.ErrDenied) {
		t.Errorf("undo of the first of two changes: %v, want a denial", err)
	}
	h.inForce(second.Digest, "after that")
}

func TestSameVersionMayComeBackByAnotherChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	old := h.authorizer.Digest()
	h.change(amended)
	h.change(constitution)
	h.inForce(old, "after a change there and back")
	p := h.propose(amended)
	a := p.Action()
	a.Actor, a.Reason, a.Key = "ada", "once more", "again"
	ticket, err := h.Do(t.Context(), a)
	if !errors.Is(err, moderation.ErrPending) {
		t.Fatal(err)
	}
	if err := h.approve("dan", ticket); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Advance(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	}
	h.inForce(p.Digest, "after the third change")
}

// Of two changes that wait for approval, only one can replace what both would.
func TestSecondOfTwoChangesIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	one, other := h.propose(amended), h.propose(constitution+"g, eve, lead, *, -, -\n")
	first, second := h.pending("ada", one), h.pending("ada", other)
	for _, ticket := range []moderation.Ticket{first, second} {
		if err := h.approve("dan", ticket); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Advance(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	got, err := h.Advance(t.Context(), second.ID)
	if !errors.Is(err, moderation.ErrDenied) || got.Status != moderation.StatusRefused {
		t.Errorf("the second change is %s: %v; want refused", got.Status, err)
	}
	h.inForce(one.Digest, "after both")
}

// The handler itself looks again: what was decided may be over by then.
func TestApplyRefusesWhatReplacesAnotherVersion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	p := h.propose(amended)
	h.change(constitution + "g, eve, lead, *, -, -\n")
	_, err := h.changes.Kind().Apply(t.Context(), moderation.Permit{Ticket: "t", Parameters: p.Action().Parameters, Fence: 9})
	if !errors.Is(err, moderation.ErrNotApplied) || h.authorizer.Digest() == p.Digest {
		t.Errorf("Apply: %v", err)
	}
}

func TestInstallersAnswerIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		install func(*house, policy.Installation) error
		status  moderation.Status
		kept    policy.QuarantineReason
	}{
		"it writes something else": {func(h *house, i policy.Installation) error {
			h.table.set(rowsOf(h.t, constitution+"g, eve, director, *, -, -\n"))
			return nil
		}, moderation.StatusUnknown, policy.ReasonAltered},
		"it writes nothing": {func(*house, policy.Installation) error { return nil }, moderation.StatusFailed, policy.ReasonAltered},
		"it changes what it was given": {func(h *house, i policy.Installation) error {
			i.Rows[0].Fields[0] = "eve"
			h.table.set(i.Rows)
			return nil
		}, moderation.StatusUnknown, policy.ReasonAltered},
		"it says that it changed nothing": {func(*house, policy.Installation) error { return moderation.ErrNotApplied }, moderation.StatusFailed, ""},
		"it panics":                       {func(*house, policy.Installation) error { panic("boom") }, moderation.StatusFailed, ""},
		"it writes and then fails": {func(h *house, i policy.Installation) error {
			h.table.set(i.Rows)
			return errors.New("the connection was lost")
		}, moderation.StatusExecuted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, constitution)
			old := h.authorizer.Digest()
			h.table.install = func(i policy.Installation) error { return tc.install(h, i) }
			p := h.propose(amended)
			ticket := h.pending("ada", p)
			if err := h.approve("dan", ticket); err != nil {
				t.Fatal(err)
			}
			ticket, err := h.Advance(t.Context(), ticket.ID)
			if ticket.Status != tc.status {
				t.Errorf("the change is %s (%v), want %s", ticket.Status, err, tc.status)
			}
			want := old
			if tc.status == moderation.StatusExecuted {
				want = p.Digest
			}
			h.inForce(want, "after that")
			if kept := h.authorizer.Quarantine(); tc.kept != "" && (len(kept) == 0 || !slices.ContainsFunc(h.refusals(), func(r audit.Record) bool { return strings.Contains(r.Decision.Text, string(tc.kept)) })) {
				t.Errorf("quarantined are %+v", kept)
			}
		})
	}
}

// A crash between the installation and its outcome leaves a version in the table
// that the approvals of an unknown ticket suffice for.
func TestRestartAfterACrashDuringInstallation(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]bool{"after it was written": true, "before it was written": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, constitution)
			old := h.authorizer.Digest()
			p := h.propose(amended)
			ticket := h.pending("ada", p)
			if err := h.approve("dan", ticket); err != nil {
				t.Fatal(err)
			}
			var crashed *audit.Memory
			h.table.install = func(i policy.Installation) error { // all that outlives the process is what is there now
				if written {
					h.table.set(i.Rows)
				}
				crashed = new(audit.Memory)
				for _, r := range h.trail.Records() {
					if err := crashed.Append(context.Background(), r); err != nil {
						return err
					}
				}
				return errors.New("crash")
			}
			_, _ = h.Advance(t.Context(), ticket.ID)
			h.table.install, h.trail = nil, crashed
			if err := h.start(); err != nil {
				t.Fatal(err)
			}
			want := old
			if written {
				want = p.Digest
			}
			h.inForce(want, "after the restart")
			probed, token, err := h.changes.Kind().Probe(t.Context(), moderation.Permit{Call: moderation.CallApply, Parameters: p.Action().Parameters, Fence: 1})
			if err != nil || (probed == moderation.ProbeApplied) != written || (probed == moderation.ProbeNotApplied) == written || written && string(token) != old {
				t.Errorf("the probe finds %q, %.12s: %v", probed, token, err)
			}
		})
	}
}

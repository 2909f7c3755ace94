package moderation_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// vbFile is a host whose trail is a file of JSON lines, and which can be
// restarted over it: after a crash, or where the trail keeps snapshots too,
// after it was closed.
type vbFile struct {
	*vbHost
	path      string
	file      *audit.File
	snapshots *ssSink // the trail instead of the file; nil for the file
}

// vbTrails are the trails over which a host is restarted.
var vbTrails = map[string]func(*testing.T, ...func(*vbHost)) *vbFile{
	"over a file":     vbOpenFile,
	"over a snapshot": vbOpenSnapshots,
}

func vbOpenSnapshots(t *testing.T, change ...func(*vbHost)) *vbFile {
	t.Helper()
	return vbOpenTrail(t, &vbFile{snapshots: &ssSink{}}, change)
}

func vbOpenFile(t *testing.T, change ...func(*vbHost)) *vbFile {
	t.Helper()
	return vbOpenTrail(t, &vbFile{path: filepath.Join(t.TempDir(), "trail.jsonl")}, change)
}

func vbOpenTrail(t *testing.T, f *vbFile, change []func(*vbHost)) *vbFile {
	t.Helper()
	f.vbHost = vbOpen(t, append(change, func(h *vbHost) {
		f.vbHost = h
		f.openTrail(t)
	})...)
	t.Cleanup(func() {
		if f.file != nil {
			f.file.Close()
		}
	})
	return f
}

func (f *vbFile) openTrail(t *testing.T) {
	t.Helper()
	if f.snapshots != nil {
		f.config.Audit = f.snapshots
		return
	}
	file, err := audit.OpenFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.file = file
	f.config.Audit, f.config.ForgetOnExit = file, false
}

// reopen ends the guard and makes a new one over the same file, or over a
// snapshot of everything, with a limiter that knows nothing yet.
func (f *vbFile) reopen(t *testing.T) {
	t.Helper()
	if f.snapshots == nil {
		if err := f.file.Close(); err != nil {
			t.Fatal(err)
		}
	} else {
		err := f.guard.Close(t.Context())
		if _, after := f.snapshots.saved(); err != nil || after != len(f.snapshots.Records()) {
			t.Fatalf("closed with %v; the snapshot is of %d records of %d", err, after, len(f.snapshots.Records()))
		}
	}
	f.openTrail(t)
	f.limiter = moderationtest.NewLimiter(t)
	f.limiter.Allow()
	f.config.Limiter = f.limiter
	f.open(t)
}

// vbExhausted is the answer of a limit on executions that is exhausted and
// takes a director's approval.
func vbExhausted(c moderation.Charge) (moderation.Usage, error) {
	if len(c.Overrun) > 0 || c.At == moderation.ChargeRequest {
		return moderation.Usage{Allowed: true}, nil
	}
	return moderation.Usage{RetryAfter: time.Hour, Over: []moderation.Slot{{"director"}}}, nil
}

func TestRestartKeeps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		to   func(h *vbHost) moderation.Ticket
		// then goes on after the restart with the ticket.
		then func(h *vbHost, t moderation.Ticket)
	}{
		{"a pending ticket with its approvals", func(h *vbHost) moderation.Ticket {
			return h.approves(h.asks("mod", "@vip"), "lead")
		}, func(h *vbHost, t moderation.Ticket) {
			_, err := h.tryApprove(t, "lead-alt")
			wantCode(h.t, err, moderation.CodeAlreadyCounted)
			h.approves(t, "lead2")
			h.clock.pass(10 * time.Minute)
			h.advances(t, moderation.StatusExecuted)
		}},
		{"a held ticket and its hold", func(h *vbHost) moderation.Ticket {
			t := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
			h.clock.pass(5 * time.Minute)
			return t
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(5*time.Minute - 1)
			h.advances(t, moderation.StatusHeld)
			h.clock.pass(1)
			h.advances(t, moderation.StatusExecuted)
		}},
		{"a restriction and when it ends", func(h *vbHost) moderation.Ticket {
			return h.suspendsFor("mod", "@one", time.Hour)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(time.Hour - 1)
			h.advances(t, moderation.StatusExecuted)
			h.clock.pass(1)
			h.advances(t, moderation.StatusEnded)
		}},
		{"what stands, for the handler of the next", func(h *vbHost) moderation.Ticket {
			return h.does(suspend("mod", "@one", ""))
		}, func(h *vbHost, t moderation.Ticket) {
			a := suspend("mod2", "@one", h.key())
			_, err := h.guard.Do(h.t.Context(), a)
			wantCode(h.t, err, moderation.CodeStands)
			h.does(moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "@one", Reason: "spam"})
			calls := h.handler.OnApply.Calls()
			if p := calls[len(calls)-1]; len(p.Standing) != 1 || p.Standing[0].Ticket != t.ID || p.Fence <= t.Fence {
				h.t.Errorf("permit after the restart: fence %d after %d, standing %+v", p.Fence, t.Fence, p.Standing)
			}
			h.undoes(t, "mod3")
			calls = h.handler.OnUndo.Calls()
			if p := calls[len(calls)-1]; p.UndoToken != t.UndoToken || len(p.Standing) != 1 {
				h.t.Errorf("permit of the undo after the restart: token %q, standing %+v", p.UndoToken, p.Standing)
			}
		}},
		{"a freeze", func(h *vbHost) moderation.Ticket {
			return h.freezes("lead", moderation.Scope{All: true})
		}, func(h *vbHost, t moderation.Ticket) {
			_, err := h.guard.Do(h.t.Context(), suspend("mod", "@one", h.key()))
			wantCode(h.t, err, moderation.CodeFrozen)
			h.clock.pass(time.Hour)
			h.does(suspend("mod", "@one", ""))
		}},
		{"whom a rejection bars", func(h *vbHost) moderation.Ticket {
			t := h.asks("mod", "@vip")
			if _, err := h.guard.Reject(h.t.Context(), h.review(t, "lead")); err != nil {
				h.t.Fatal(err)
			}
			return t
		}, func(h *vbHost, t moderation.Ticket) {
			again := h.asks("mod", "@vip")
			if diff := cmp.Diff([]any{t.ID, []string{"p-lead"}, 3}, []any{again.After, again.Barred, len(again.Open)}); diff != "" {
				h.t.Errorf("after, barred and open slots (-want +got):\n%s", diff)
			}
		}},
		{"an unknown outcome, until it is resolved", func(h *vbHost) moderation.Ticket {
			return h.unknownTicket(true)
		}, func(h *vbHost, t moderation.Ticket) {
			_, err := h.guard.Do(h.t.Context(), suspend("mod2", "@one", h.key()))
			wantCode(h.t, err, moderation.CodeBusy)
			h.clock.pass(resolvable)
			if _, err := h.tryResolve(t, "lead", moderation.ProbeApplied); err != nil {
				h.t.Fatal(err)
			}
			h.wantStatus(t, moderation.StatusExecuted)
		}},
		{"an undo that waits for its quorum", func(h *vbHost) moderation.Ticket {
			h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
			t, err := h.tryUndo(h.does(suspend("mod", "@one", "")), "mod2")
			wantPending(h.t, err)
			return t
		}, func(h *vbHost, t moderation.Ticket) {
			h.approves(t, "lead")
			h.advances(t, moderation.StatusExecuted)
			h.wantForce("acct-1")
		}},
		{"slots for an exhausted limit", func(h *vbHost) moderation.Ticket {
			h.limiter.AnswerWith(vbExhausted)
			return h.asks("mod", "@one")
		}, func(h *vbHost, t moderation.Ticket) {
			h.limiter.AnswerWith(vbExhausted)
			h.approves(t, "director")
			h.advances(t, moderation.StatusExecuted)
			taken := h.limiter.Taken()
			if last := taken[len(taken)-1]; len(last.Overrun) == 0 {
				h.t.Errorf("charged as %+v, want an overrun", last)
			}
		}},
	} {
		for over, open := range vbTrails {
			t.Run(tc.name+" "+over, func(t *testing.T) {
				t.Parallel()
				f := open(t)
				ticket := tc.to(f.vbHost)
				before, calls := f.shows(ticket), f.calls()
				f.reopen(t)
				if diff := cmp.Diff(before, f.shows(ticket), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("the ticket after the restart (-before +after):\n%s", diff)
				}
				f.wantCalls(calls)
				tc.then(f.vbHost, ticket)
			})
		}
	}
}

func TestRepeatedKeyRunsNothingAgainAfterARestart(t *testing.T) {
	t.Parallel()
	for over, open := range vbTrails {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			vbRepeatsKeys(t, open(t))
		})
	}
}

func vbRepeatsKeys(t *testing.T, f *vbFile) {
	done := f.does(suspend("mod", "@one", "k1"))
	over := f.does(suspend("mod", "@two", "k2"))
	f.undoes(over, "mod2")
	calls := f.calls()
	for range 2 {
		f.reopen(t)
		again, err := f.guard.Do(t.Context(), done.Action)
		if err != nil || again.ID != done.ID {
			t.Errorf("the same key: ticket %s, %v", again.ID, err)
		}
		if _, err := f.guard.Do(t.Context(), over.Action); !errors.Is(err, moderation.ErrOver) {
			t.Errorf("the key of what was undone: %v, want that it is over", err)
		}
		a := done.Action
		a.Reason = "something else"
		_, err = f.guard.Do(t.Context(), a)
		wantCode(t, err, moderation.CodeKeyReused)
	}
	f.wantCalls(calls)
}

func TestUseOfLimitsIsRestored(t *testing.T) {
	t.Parallel()
	for over, open := range vbTrails {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			vbRestoresLimits(t, open(t))
		})
	}
}

func vbRestoresLimits(t *testing.T, f *vbFile) {
	f.does(suspend("mod", "@one", ""))
	f.clock.pass(time.Minute)
	held := f.approves(f.asks("bot", "@vip"), "lead", "lead2")
	f.clock.pass(10 * time.Minute)
	f.retarget("vip-1", func(t *moderation.Target) { t.Reach = 5000 }, "@vip")
	f.advances(held, moderation.StatusExecuted)
	f.undoes(held, "mod2")
	f.freezes("lead", moderation.Scope{Kind: moderation.Limit})
	f.retarget("vip-1", func(t *moderation.Target) { t.Reach, t.Domain = 7, "de" }, "@vip") // what was charged stays
	f.limiter.AnswerWith(vbExhausted)
	over := f.approves(f.asks("mod2", "@two"), "director")
	f.limiter.AnswerWith(vbExhausted)
	f.advances(over, moderation.StatusExecuted)
	f.limiter.Allow()
	rejected := f.asks("mod3", "@vip")
	if _, err := f.guard.Reject(t.Context(), f.review(rejected, "lead3")); err != nil {
		t.Fatal(err)
	}
	before, released := f.limiter.Taken(), f.limiter.OnRelease.Calls()
	for i, c := range before {
		if c.Ticket == over.ID { // a restored charge has what the ticket may overrun by then
			before[i].Overrun = []moderation.Slot{{"director"}}
		}
	}
	f.reopen(t)
	if diff := cmp.Diff(before, f.limiter.Taken()); diff != "" {
		t.Errorf("charges restored from the trail (-taken before +restored):\n%s", diff)
	}
	if diff := cmp.Diff(released, f.limiter.OnRelease.Calls()); diff != "" {
		t.Errorf("releases restored from the trail (-released before +restored):\n%s", diff)
	}
}

func TestLimiterThatCannotBeRestoredKeepsTheGuardFromOpening(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.does(suspend("mod", "@one", ""))
	h.limiter.OnRestore.Inject(vbFailed)
	if _, err := moderation.New(t.Context(), h.config); !errors.Is(err, moderationtest.ErrInjected) {
		t.Errorf("New: %v, want the limiter's error", err)
	}
}

func TestTimeDoesNotGoBackOverARestart(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
	h.clock.pass(12 * time.Hour)
	h.does(suspend("mod", "@one", "")) // the trail has reached this hour
	h.clock.pass(-13 * time.Hour)
	h.restart()
	later := h.does(suspend("mod2", "@two", ""))
	if !later.Executed.After(ticket.Approved.Add(11 * time.Hour)) {
		t.Errorf("executed at %v, before the last record", later.Executed)
	}
	h.advances(ticket, moderation.StatusExecuted) // its hold was over by the trail's time
}

// crashed leaves a guard in the middle of a handler's call, as a crash would:
// the intent is on the trail, and nothing after it.
func (h *vbHost) crashed(call func(*moderation.Guard) (moderation.Ticket, error)) moderation.Ticket {
	h.t.Helper()
	var cut *audit.Memory
	config := h.config
	store := &vbCut{Memory: h.sink}
	store.on = func(r audit.Record) {
		if r.Event == audit.EventIntent {
			cut = h.copyOfTrail()
		}
	}
	config.Audit = store
	guard, err := moderation.New(h.t.Context(), config)
	if err != nil {
		h.t.Fatal(err)
	}
	ticket, err := call(guard)
	if cut == nil {
		h.t.Fatalf("there was no intent: %v", err)
	}
	h.sink = cut
	h.config.Audit = cut
	h.open(h.t)
	return ticket
}

// vbCut is a sink that tells when it has taken a record.
type vbCut struct {
	*audit.Memory
	on func(audit.Record)
}

func (c *vbCut) Append(ctx context.Context, r audit.Record) error {
	err := c.Memory.Append(ctx, r)
	if err == nil {
		c.on(r)
	}
	return err
}

func (h *vbHost) copyOfTrail() *audit.Memory {
	h.t.Helper()
	trail := &audit.Memory{}
	for _, r := range h.sink.Records() {
		if err := trail.Append(context.Background(), r); err != nil {
			h.t.Fatal(err)
		}
	}
	return trail
}

func TestHandlerThatWasRunningAtTheCrashIsUnknown(t *testing.T) {
	t.Parallel()
	t.Run("until it is asked about", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.crashed(func(g *moderation.Guard) (moderation.Ticket, error) {
			return g.Do(t.Context(), suspend("mod", "@one", "k"))
		})
		got := h.wantStatus(ticket, moderation.StatusUnknown)
		if got.Note == "" {
			t.Error("the ticket does not say why")
		}
		records := h.sink.Records()
		if last := records[len(records)-1]; last.Event != audit.EventOutcome || last.Outcome == nil || last.Outcome.Status != string(moderation.StatusUnknown) {
			t.Errorf("the last record is %s with outcome %+v", last.Event, last.Outcome)
		}
		if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrUnknown) {
			t.Errorf("the same key: %v, want that its outcome is unknown", err)
		}
		h.wantCalls(1)
		h.clock.pass(resolvable)
		h.advances(ticket, moderation.StatusExecuted)
		h.wantForce("acct-1", ticket)
		h.wantCalls(1)
	})
	t.Run("until somebody resolves it", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
		ticket := h.crashed(func(g *moderation.Guard) (moderation.Ticket, error) {
			return g.Do(t.Context(), suspend("mod", "@one", "k"))
		})
		h.restart()
		h.clock.pass(resolvable)
		h.advances(ticket, moderation.StatusUnknown)
		if _, err := h.tryResolve(ticket, "lead", moderation.ProbeApplied); err != nil {
			t.Fatal(err)
		}
		h.wantStatus(ticket, moderation.StatusExecuted)
		h.wantCalls(1)
	})
	t.Run("also where it took back another's", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		of := h.does(suspend("mod", "@one", ""))
		undo := h.crashed(func(g *moderation.Guard) (moderation.Ticket, error) {
			return g.Undo(t.Context(), moderation.UndoRequest{Ticket: of.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
		})
		h.wantStatus(undo, moderation.StatusUnknown)
		h.wantStatus(of, moderation.StatusExecuted)
		h.clock.pass(resolvable)
		h.advances(undo, moderation.StatusExecuted)
		h.wantStatus(of, moderation.StatusUndone)
		h.wantCalls(2)
	})
	t.Run("also where it was the end of a duration", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		of := h.suspendsFor("mod", "@one", time.Hour)
		h.clock.pass(time.Hour)
		h.crashed(func(g *moderation.Guard) (moderation.Ticket, error) { return g.Advance(t.Context(), of.ID) })
		h.wantStatus(of, moderation.StatusUnknown)
		h.clock.pass(resolvable)
		h.advances(of, moderation.StatusEnded)
		h.wantCalls(2)
	})
	t.Run("also where it was a freeze, which then holds", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		freeze := h.crashed(func(g *moderation.Guard) (moderation.Ticket, error) {
			return g.Freeze(t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{All: true}, Duration: time.Hour, Reason: "odd", Key: "f"})
		})
		h.clock.pass(resolvable)
		_, _ = h.guard.Advance(t.Context(), freeze.ID)
		h.wantStatus(freeze, moderation.StatusExecuted)
		_, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
		wantCode(t, err, moderation.CodeFrozen)
	})
}

func TestTrailThatLacksARecordIsNotOpened(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	h.advances(ticket, moderation.StatusExecuted)
	all := h.sink.Records()
	for missing := range all[:len(all)-1] {
		trail := &audit.Memory{}
		for i, r := range all {
			if i == missing {
				continue
			}
			if err := trail.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		h.config.Audit = trail
		_, err := moderation.New(t.Context(), h.config)
		if !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), all[missing+1].ID) {
			t.Errorf("without record %d: %v; want damage that names record %s", missing, err, all[missing+1].ID)
		}
	}
}

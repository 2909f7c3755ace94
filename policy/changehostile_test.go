package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// coup is a policy in which ada alone is the quorum for everything: her second
// login approves what the first one asks for.
var coup = strings.NewReplacer(
	"change, *, *, *, director, -, 24h", "change, *, *, *, admin, -, 24h",
	"p, director, approve, interlock", "p, admin, approve, interlock",
).Replace(constitution)

// quarantined checks that a version was kept out, is shown and is on record.
func (h *house) quarantined(digest string, reason policy.QuarantineReason) {
	h.t.Helper()
	if !slices.ContainsFunc(h.authorizer.Quarantine(), func(q policy.Quarantined) bool {
		return q.Digest == digest && q.Reason == reason && q.Why != "" && q.Total == len(q.Rows) && q.Total > 0 && !q.First.IsZero()
	}) {
		h.t.Errorf("version %.12s is not shown as quarantined: %+v", digest, h.authorizer.Quarantine())
	}
	n := 0
	for _, r := range h.refusals() {
		if r.Digest == digest && r.Decision.Policy == digest && !r.Decision.Allowed {
			n++
		}
	}
	if n != 1 {
		h.t.Errorf("version %.12s is on record as quarantined %d times, want once", digest, n)
	}
}

// refused checks the error of a reload.
func refused(t *testing.T, err error, reason policy.QuarantineReason, digest string) {
	t.Helper()
	var q *policy.QuarantineError
	if !errors.As(err, &q) || q.Reason != reason || q.Digest != digest || q.Rows == 0 || q.Err == nil {
		t.Errorf("the load ends with %v, want version %.12s quarantined as %s", err, digest, reason)
	}
}

func TestOnePersonGetsNoPolicyIn(t *testing.T) {
	t.Parallel()
	t.Run("by proposing one in which that person is the quorum", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		ticket := h.pending("ada", h.propose(coup))
		if err := h.approve("ada2", ticket); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("ada approves by a second login: %v", err)
		}
		// dan is a director, whom the old version asks for, but no admin, whom the
		// new one does.
		if err := h.approve("dan", ticket); err == nil {
			_, err = h.Advance(t.Context(), ticket.ID)
			if err == nil {
				t.Error("the old quorum alone lets it take force")
			}
		}
		h.inForce(old, "after all that")
	})
	t.Run("by asking under a version that asks for more", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		stricter := strings.Replace(constitution, "change, *, *, *, director, -, 24h", "change, *, *, *, director director, 1h, 48h", 1)
		ticket := h.pending("ada", h.propose(stricter))
		if len(ticket.Requirement.Quorum.Slots) != 2 || ticket.Requirement.Hold != time.Hour || ticket.Requirement.Deadline != 24*time.Hour {
			t.Errorf("the change to a stricter policy needs %+v; want two directors, the longer hold and the earlier deadline", ticket.Requirement)
		}
	})
	t.Run("by editing the table", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		h.table.set(rowsOf(t, coup))
		for range 3 {
			refused(t, h.authorizer.Reload(t.Context()), policy.ReasonUnapproved, digestOf(t, coup))
		}
		h.inForce(old, "after the edit")
		h.quarantined(digestOf(t, coup), policy.ReasonUnapproved)
	})
	t.Run("by editing the table to what was proposed and not approved", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		p := h.propose(amended)
		h.pending("ada", p)
		h.table.set(p.Rows)
		refused(t, h.authorizer.Reload(t.Context()), policy.ReasonUnapproved, p.Digest)
		h.inForce(old, "after the edit")
	})
	t.Run("by a second login", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		for asks, approves := range map[string]string{"ada": "ada2", "ada2": "ada2"} {
			ticket := h.pending(asks, h.propose(amended))
			if err := h.approve(approves, ticket); !errors.Is(err, moderation.ErrDenied) {
				t.Errorf("%s approves what %s asks for: %v", approves, asks, err)
			}
		}
	})
	t.Run("by swapping the stored proposal after it was approved", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		p := h.propose(amended)
		ticket := h.pending("ada", p)
		if err := h.approve("dan", ticket); err != nil {
			t.Fatal(err)
		}
		if err := h.shelf.Save(t.Context(), p.Digest, rowsOf(t, coup)); err != nil {
			t.Fatal(err)
		}
		got, err := h.Advance(t.Context(), ticket.ID)
		if got.Status != moderation.StatusFailed {
			t.Errorf("the change is %s: %v; want failed", got.Status, err)
		}
		h.inForce(old, "after the swap")
		h.quarantined(digestOf(t, coup), policy.ReasonAltered)
		if digestOfRows(t, h.table) != old {
			t.Error("what was swapped in is installed")
		}
	})
	t.Run("by swapping the stored proposal before anyone looks", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		p := h.propose(amended)
		if err := h.start(); err != nil { // nothing is kept compiled
			t.Fatal(err)
		}
		if err := h.shelf.Save(t.Context(), p.Digest, rowsOf(t, coup)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.request("ada", p); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("asking for it: %v, want a denial", err)
		}
		if _, err := h.changes.Proposal(t.Context(), p.Action()); err == nil || !strings.Contains(err.Error(), "altered") {
			t.Errorf("a reviewer is shown it: %v", err)
		}
	})
	t.Run("by putting back an old version that was approved once", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		p, _ := h.change(amended)
		h.table.set(rowsOf(t, constitution))
		refused(t, h.authorizer.Reload(t.Context()), policy.ReasonUnapproved, old)
		h.inForce(p.Digest, "after the replay")
		h.quarantined(old, policy.ReasonUnapproved)
		if err := h.start(); err == nil {
			t.Error("a restart takes the replayed version")
		} else {
			refused(t, err, policy.ReasonUnapproved, old)
		}
		h.table.set(p.Rows)
		if err := h.start(); err != nil || h.authorizer.Digest() != p.Digest {
			t.Errorf("a restart with the approved version: %v", err)
		}
	})
	t.Run("by a first start with another version", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		h.table.set(rowsOf(t, coup))
		refused(t, h.start(), policy.ReasonUnapproved, digestOf(t, coup))
		if n := len(h.refusals()); n != 1 {
			t.Errorf("%d refusals are on record, want one", n)
		}
	})
	t.Run("by changing the table between approval and installation", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		p := h.propose(amended)
		ticket := h.pending("ada", p)
		if err := h.approve("dan", ticket); err != nil {
			t.Fatal(err)
		}
		h.table.set(rowsOf(t, coup))
		if _, err := h.Advance(t.Context(), ticket.ID); err != nil {
			t.Fatal(err)
		}
		h.inForce(p.Digest, "after the change")
		if got := digestOfRows(t, h.table); got != p.Digest {
			t.Errorf("the table holds %.12s", got)
		}
	})
	t.Run("by changing the table during the installation", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		h.table.install = func(policy.Installation) error { h.table.set(rowsOf(t, coup)); return nil }
		ticket := h.pending("ada", h.propose(amended))
		if err := h.approve("dan", ticket); err != nil {
			t.Fatal(err)
		}
		if got, _ := h.Advance(t.Context(), ticket.ID); got.Status != moderation.StatusUnknown {
			t.Errorf("the change is %s, want unknown", got.Status)
		}
		h.inForce(old, "after that")
		if kept := h.authorizer.Quarantine(); len(kept) != 1 || kept[0].Digest != digestOf(t, coup) {
			t.Errorf("quarantined are %+v", kept)
		}
	})
	t.Run("by a watcher that fires over an edited table", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		old := h.authorizer.Digest()
		w := new(watcher)
		events := make(chan policy.Event, 8)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- h.authorizer.Watch(ctx, policy.WatchConfig{Watcher: w, Report: func(e policy.Event) { events <- e }})
		}()
		h.table.set(rowsOf(t, coup))
		w.fire(t)
		e := <-events
		cancel()
		<-ended
		if e.Kind != policy.EventQuarantined || e.Digest != old {
			t.Errorf("the watch reports %+v", e)
		}
		refused(t, e.Err, policy.ReasonUnapproved, digestOf(t, coup))
		h.quarantined(digestOf(t, coup), policy.ReasonUnapproved)
	})
	t.Run("by a proposal that nobody keeps", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		unknown := policy.Proposal{Replaces: h.authorizer.Digest(), Digest: strings.Repeat("a", 64)}
		if _, err := h.request("ada", unknown); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("asking for it: %v, want a denial", err)
		}
	})
	t.Run("by naming a version that is not in force as replaced", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		p := h.propose(amended)
		p.Replaces = strings.Repeat("b", 64)
		if _, err := h.request("ada", p); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("asking for it: %v, want a denial", err)
		}
	})
	t.Run("by saying more than the digests", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		a := h.propose(coup).Action()
		a.Actor, a.Reason, a.Key = "ada", "r", "k"
		a.Parameters["difference"] = "nothing changes"
		if _, err := h.Do(t.Context(), a); !errors.Is(err, moderation.ErrInvalid) {
			t.Errorf("an action that describes itself: %v", err)
		}
	})
	t.Run("on the way out", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, constitution)
		if _, err := h.request("leo", h.propose(amended)); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("a leaver asks: %v", err)
		}
		ticket := h.pending("ada", h.propose(amended))
		if err := h.approve("leo", ticket); !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("a leaver approves: %v", err)
		}
		_, executed := h.change(amended)
		_, err := h.Undo(t.Context(), moderation.UndoRequest{Ticket: executed.ID, Actor: "leo", Reason: "r", Key: "u"})
		if !errors.Is(err, moderation.ErrDenied) {
			t.Errorf("a leaver takes it back: %v", err)
		}
	})
	t.Run("when nothing can be put on record", func(t *testing.T) {
		t.Parallel()
		sink := &failingSink{Memory: new(audit.Memory)}
		h := newHouse(t, constitution, func(c *policy.Config) { c.Audit = sink })
		old := h.authorizer.Digest()
		sink.fail(errors.New("the disk is gone"))
		ticket := h.pending("ada", h.propose(amended))
		if err := h.approve("dan", ticket); err != nil {
			t.Fatal(err)
		}
		if got, _ := h.Advance(t.Context(), ticket.ID); got.Status != moderation.StatusFailed {
			t.Errorf("the change is %s, want failed", got.Status)
		}
		h.inForce(old, "without a record")
		if digestOfRows(t, h.table) != old {
			t.Error("it was installed without a record")
		}
	})
}

// The quorum contains both: what one version asks for of the other's roles too.
func TestQuorumOfAChangeContainsBoth(t *testing.T) {
	t.Parallel()
	const both = `p, admin, approve, interlock.policy.change, *, *, allow
g, ann, admin, *, -, -
`
	old := strings.Replace(constitution+both, "change, *, *, *, director, -, 24h", "change, *, *, *, director|admin director, -, 24h", 1)
	next := strings.Replace(constitution+both, "change, *, *, *, director, -, 24h", "change, *, *, *, admin admin|director, -, 24h", 1)
	h := newHouse(t, old)
	ticket := h.pending("ada", h.propose(next))
	var slots []string
	for _, s := range ticket.Requirement.Quorum.Slots {
		slots = append(slots, strings.Join(s, "|"))
	}
	if want := []string{"director|admin", "director", "admin"}; !slices.Equal(slots, want) {
		t.Errorf("the change needs %q, want %q", slots, want)
	}
}

// A role counts in a change only where it is held before and after.
func TestRoleThatTheProposalGivesDoesNotCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	p := h.propose(constitution + "g, eve, director, *, -, -\n")
	ticket := h.pending("ada", p)
	if err := h.approve("eve", ticket); !errors.Is(err, moderation.ErrDenied) {
		t.Errorf("eve, whom the proposal makes a director, approves it: %v", err)
	}
	p = h.propose(strings.Replace(constitution, "g, dan, director, *, -, -\n", "", 1))
	ticket = h.pending("ada", p)
	if err := h.approve("dan", ticket); !errors.Is(err, moderation.ErrDenied) {
		t.Errorf("dan, who is no director any more by the proposal, approves it: %v", err)
	}
}

// The same holds for who may still approve, by another role.
func TestRoleThatTheProposalTakesDoesNotCount(t *testing.T) {
	t.Parallel()
	text := constitution + "p, lead, approve, interlock.policy.change, *, *, allow\ng, dan, lead, *, -, -\n"
	h := newHouse(t, text)
	p := h.propose(strings.Replace(text, "g, dan, director, *, -, -\n", "", 1))
	err := h.approve("dan", h.pending("ada", p))
	var r *moderation.Refusal
	if !errors.As(err, &r) || r.Code != moderation.CodeNotEligible {
		t.Errorf("dan approves as a director that he is no more what takes it from him: %v", err)
	}
	if err := h.approve("dora", h.pending("ada", h.propose(strings.Replace(text, "g, lea, lead, *, -, -\n", "", 1)))); err != nil {
		t.Errorf("dora, who is a director before and after: %v", err)
	}
}

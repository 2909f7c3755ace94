package main

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// TestAReplicaIsKilledInEachStatus kills with SIGKILL the replica that is at work
// on a ticket, once in each status. Locks that the test holds in the database keep
// the ticket there; the others carry on.
func TestAReplicaIsKilledInEachStatus(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for n, c := range []struct {
		name string
		lead bool // whether the account needs one
		kill func(*scenario)
		want moderation.Status // in the end
	}{
		{"pending", true, whilePending, moderation.StatusExecuted},
		{"held", true, whileHeld, moderation.StatusExecuted},
		{"executing, before the deed", false, beforeTheDeed, moderation.StatusFailed},
		{"executing, after the deed", false, afterTheDeed, moderation.StatusExecuted},
		{"unknown, by who asks what is true", false, whileUnknown, moderation.StatusFailed},
		{"executed", false, whileExecuted, moderation.StatusUndone},
		{"executed, its undo before the deed", false, undoBeforeTheDeed, moderation.StatusExecuted},
		{"executed, its undo after the deed", false, undoAfterTheDeed, moderation.StatusUndone},
		{"undone", false, whileUndone, moderation.StatusUndone},
		{"failed", false, whileFailed, moderation.StatusFailed},
		{"rejected", true, whileRejected, moderation.StatusRejected},
		{"cancelled", true, whileCancelled, moderation.StatusCancelled},
	} {
		account := 10 * (n + 1) // every tenth needs a lead
		if !c.lead {
			account++
		}
		s.replaceTheDead()
		x := &scenario{stage: s, account: account}
		t.Logf("killed while a ticket is %s", c.name)
		c.kill(x)
		x.until(c.want)
		s.row(c.name, c.want, x.killed)
	}
	s.conclude()
}

func whilePending(x *scenario) {
	x.requested()
	x.kill(moderation.StatusPending)
	x.post(1, "/approve", "lena", map[string]any{"digest": x.digest}, http.StatusOK)
}

// whileHeld stops all as soon as the approval is on record, since who has the job
// executes it in a moment. If somebody was faster it tries another account.
func whileHeld(x *scenario) {
	for range 20 {
		x.requested()
		x.signal(syscall.SIGSTOP, 1, 2)
		x.post(0, "/approve", "lena", map[string]any{"digest": x.digest}, http.StatusOK)
		x.signal(syscall.SIGSTOP, 0)
		held := x.status() == moderation.StatusHeld
		if held {
			x.kill(moderation.StatusHeld)
			x.signal(syscall.SIGCONT, 0, 1)
			return
		}
		x.signal(syscall.SIGCONT, 0, 1, 2)
		x.account += 1000
	}
	x.Fatal("twenty approved tickets were executed before they could be seen held")
}

func beforeTheDeed(x *scenario) {
	release := x.hold("service.account")
	x.begin("/tickets", "mia", x.action())
	x.waits("service.account")
	x.kill(moderation.StatusExecuting)
	release()
}

func afterTheDeed(x *scenario) {
	x.killAfterTheDeed(func() { x.begin("/tickets", "mia", x.action()) })
}

// whileUnknown kills a second replica, which is asking the service what the first
// one did.
func whileUnknown(x *scenario) {
	release := x.hold("service.account")
	x.begin("/tickets", "mia", x.action())
	x.waits("service.account")
	x.kill(moderation.StatusExecuting)
	x.first(x.whoWaits("greatest(fence"))
	x.kill(moderation.StatusUnknown)
	release()
}

func whileExecuted(x *scenario) {
	x.executed()
	x.kill(moderation.StatusExecuted)
	x.same(moderation.StatusExecuted)
	x.post(1, "/undo", "max", x.undo(), http.StatusOK)
}

func undoBeforeTheDeed(x *scenario) {
	x.executed()
	release := x.hold("service.account")
	x.begin("/tickets/"+x.ticket+"/undo", "max", x.undo())
	x.waits("service.account")
	x.kill(moderation.StatusExecuted)
	release()
	x.settledUndo(moderation.StatusFailed)
}

func undoAfterTheDeed(x *scenario) {
	x.executed()
	x.killAfterTheDeed(func() { x.begin("/tickets/"+x.ticket+"/undo", "max", x.undo()) })
}

func whileUndone(x *scenario) {
	x.executed()
	x.post(0, "/undo", "max", x.undo(), http.StatusOK)
	x.kill(moderation.StatusUndone)
	x.same(moderation.StatusUndone)
}

// whileFailed has a ticket that nothing came of, since its replica was killed, and
// kills the next one.
func whileFailed(x *scenario) {
	beforeTheDeed(x)
	x.until(moderation.StatusFailed)
	x.kill(moderation.StatusFailed)
	x.same(moderation.StatusFailed)
}

func whileRejected(x *scenario) {
	x.requested()
	x.post(0, "/reject", "lena", map[string]any{"digest": x.digest, "reason": "no"}, http.StatusOK)
	x.kill(moderation.StatusRejected)
	x.same(moderation.StatusRejected)
}

func whileCancelled(x *scenario) {
	x.requested()
	x.post(0, "/cancel", "lena", map[string]any{"reason": "no"}, http.StatusOK)
	x.kill(moderation.StatusCancelled)
	x.same(moderation.StatusCancelled)
}

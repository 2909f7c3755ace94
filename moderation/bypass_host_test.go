package moderation_test

import (
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// bpOf is a bypass by a lead, of a permanent suspension.
func bpOf(actor, target, key string) moderation.BypassRequest {
	return moderation.BypassRequest{Action: suspend(actor, target, key), Incident: "incident-7"}
}

// tryBypass bypasses with a key of its own.
func (h *vbHost) tryBypass(actor, target string) (moderation.Ticket, error) {
	return h.guard.Bypass(h.t.Context(), bpOf(actor, target, h.key()))
}

func (h *vbHost) bypasses(actor, target string) moderation.Ticket {
	h.t.Helper()
	t, err := h.tryBypass(actor, target)
	if err != nil {
		h.t.Fatalf("Bypass by %s of %s: %v", actor, target, err)
	}
	return t
}

func (h *vbHost) ratifies(t moderation.Ticket, logins ...string) moderation.Ticket {
	h.t.Helper()
	for _, login := range logins {
		var err error
		if t, err = h.guard.Ratify(h.t.Context(), h.review(t, login)); err != nil {
			h.t.Fatalf("Ratify by %s: %v", login, err)
		}
	}
	return t
}

func (h *vbHost) acknowledges(t moderation.Ticket, login string) moderation.Ticket {
	h.t.Helper()
	t, err := h.guard.Acknowledge(h.t.Context(), h.review(t, login))
	if err != nil {
		h.t.Fatalf("Acknowledge by %s: %v", login, err)
	}
	return t
}

// undoneByItself lets the time to ratify pass.
func (h *vbHost) undoneByItself(t moderation.Ticket) moderation.Ticket {
	h.t.Helper()
	h.clock.pass(t.Deadline.Sub(h.clock.read()))
	return h.advances(t, moderation.StatusUndone)
}

// last is the trail's last record.
func (h *vbHost) last() audit.Record {
	records := h.sink.Records()
	return records[len(records)-1]
}

// bpNeeds is a requirement to ratify.
func bpNeeds(within time.Duration, slots ...moderation.Slot) moderation.Requirement {
	r := vbNeeds(0, slots...)
	r.Deadline = within
	return r
}

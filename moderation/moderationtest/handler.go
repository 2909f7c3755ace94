package moderationtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// Handler is a host's code behind a [moderation.Kind]: a small world in which
// Apply and Undo take effect, ticket by ticket, and of which Probe tells the
// truth. It refuses a permit whose fence is lower than one that it has seen on
// that target, as a service should. A fault comes before the effect, or after
// it ([After]). The zero Handler changes nothing and says so with
// [moderation.ErrNotApplied].
type Handler struct {
	// OnApply, OnUndo and OnProbe are the seams of its methods. The permits
	// that they keep are copies.
	OnApply Seam[moderation.Permit, moderation.UndoToken]
	OnUndo  Seam[moderation.Permit, struct{}]
	OnProbe Seam[moderation.Permit, moderation.ProbeResult]

	ready  bool
	mu     sync.Mutex
	done   map[string]bool                // tickets whose call took effect
	force  map[string][]moderation.Permit // by target, in the order of effect
	fences map[string]uint64
}

var errNoHandler = fmt.Errorf("moderationtest: handler was made without NewHandler: %w", moderation.ErrNotApplied)

// NewHandler returns a handler that does what it is permitted. What hangs in
// it is let go at the end of the test.
func NewHandler(t Cleaner) *Handler {
	h := &Handler{
		ready:  true,
		done:   make(map[string]bool),
		force:  make(map[string][]moderation.Permit),
		fences: make(map[string]uint64),
	}
	t.Cleanup(h.LetGo)
	return h
}

// Kind returns a kind of that name with all three handlers, idempotent and not
// timed. Change what the test needs otherwise.
func (h *Handler) Kind(name string) moderation.Kind {
	return moderation.Kind{Name: name, Apply: h.Apply, Undo: h.Undo, Probe: h.Probe, Idempotent: true}
}

// Apply puts a restriction in force under the permit's ticket; a second time
// changes nothing. It returns the ticket's ID with "undo:" before it.
func (h *Handler) Apply(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	p = clonePermit(p)
	return h.OnApply.call(ctx, p, func(ctx context.Context) (moderation.UndoToken, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := h.admit(ctx, p); err != nil {
			return "", err
		}
		if !h.done[p.Ticket] {
			h.done[p.Ticket] = true
			h.force[p.Target] = append(h.force[p.Target], p)
		}
		return moderation.UndoToken("undo:" + p.Ticket), nil
	})
}

// Undo takes back what is in force under the ticket Permit.Undoes, or under
// Permit.Ticket where that is empty; where nothing is, it changes nothing.
func (h *Handler) Undo(ctx context.Context, p moderation.Permit) error {
	p = clonePermit(p)
	_, err := h.OnUndo.call(ctx, p, func(ctx context.Context) (struct{}, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := h.admit(ctx, p); err != nil {
			return struct{}{}, err
		}
		undone := p.Undoes
		if undone == "" {
			undone = p.Ticket
		}
		h.done[undoOf(p)] = true
		h.force[p.Target] = slices.DeleteFunc(h.force[p.Target], func(f moderation.Permit) bool { return f.Ticket == undone })
		return struct{}{}, nil
	})
	return err
}

// Probe tells whether the call that the permit names took effect, and what its
// Apply returned.
func (h *Handler) Probe(ctx context.Context, p moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
	p = clonePermit(p)
	found, err := h.OnProbe.call(ctx, p, func(ctx context.Context) (moderation.ProbeResult, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if !h.ready {
			return "", errNoHandler
		}
		done := h.done[p.Ticket]
		if p.Call == moderation.CallUndo {
			done = h.done[undoOf(p)]
		}
		if done {
			return moderation.ProbeApplied, nil
		}
		return moderation.ProbeNotApplied, nil
	})
	if err == nil && found == moderation.ProbeApplied && p.Call == moderation.CallApply {
		return found, moderation.UndoToken("undo:" + p.Ticket), nil
	}
	return found, "", err
}

// InForce returns the permits under which something is in force on a target
// now, in the order in which they took effect.
func (h *Handler) InForce(targetID string) []moderation.Permit {
	h.mu.Lock()
	defer h.mu.Unlock()
	permits := slices.Clone(h.force[targetID])
	for i, p := range permits {
		permits[i] = clonePermit(p)
	}
	return permits
}

// LetGo lets go every call that hangs, now and later.
func (h *Handler) LetGo() {
	h.OnApply.LetGo()
	h.OnUndo.LetGo()
	h.OnProbe.LetGo()
}

// admit refuses a permit that must change nothing.
func (h *Handler) admit(ctx context.Context, p moderation.Permit) error {
	switch {
	case !h.ready:
		return errNoHandler
	case ctx.Err() != nil:
		return fmt.Errorf("moderationtest: %w: %w", ctx.Err(), moderation.ErrNotApplied)
	case p.Fence < h.fences[p.Target]:
		return fmt.Errorf("moderationtest: fence %d on %q is lower than %d seen before: %w",
			p.Fence, p.Target, h.fences[p.Target], moderation.ErrFenceRefused)
	}
	h.fences[p.Target] = p.Fence
	return nil
}

// undoOf names an undo apart from the Apply of the same ticket, whose end is
// called with that ticket's own permit.
func undoOf(p moderation.Permit) string { return "undo\x00" + p.Ticket }

func clonePermit(p moderation.Permit) moderation.Permit {
	p.Parameters = maps.Clone(p.Parameters)
	p.Standing = slices.Clone(p.Standing)
	for i := range p.Standing {
		p.Standing[i].Parameters = maps.Clone(p.Standing[i].Parameters)
	}
	return p
}

package moderation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
)

// result is what is known after a call of a handler.
type result struct {
	status Status
	token  UndoToken
	err    error
	took   time.Duration
	// hung tells that the handler did not return; it may still be running.
	hung bool
	code Code // why nothing was changed, where the handler said so
	// again tells that the handler has come back and may be called again.
	again bool
}

// call runs the handler. The flight lands when the handler has really
// returned, be it long after the guard stopped waiting.
func (g *Guard) call(ctx context.Context, t Ticket, f *findings, one flight) result {
	permit := t.permit(f)
	now, _ := g.clock.now()
	start := time.Now()
	handler := f.kind.handler(t.Call)
	token, err := bounded(detach(ctx), t.GiveUp.Sub(now), func(ctx context.Context) (UndoToken, error) {
		defer g.flights.land(one)
		return handler(ctx, permit)
	})
	if errors.Is(err, ErrFenceRefused) {
		g.watch.alarm(AlarmFence, audit.EventOutcome, &t, now, "The service has seen a higher fence on this target.")
	}
	r := result{token: token, err: err, took: time.Since(start), hung: errors.Is(err, errOverrun)}
	switch {
	case err == nil && !token.valid():
		r.token, r.status = "", StatusUnknown
		r.err = fmt.Errorf("moderation: the handler returned an undo token of %d bytes; at most %d bytes of valid UTF-8 are allowed", len(token), MaxUndoToken)
	case err == nil:
		r.status = StatusExecuted
	case errors.Is(err, ErrNotApplied) && !r.hung && t.Tries == 0: // an earlier call may have changed something
		r.status, r.code = StatusFailed, t.notUndone(err)
	case r.hung:
		r.status = StatusUnknown
		r.err = fmt.Errorf("moderation: the handler did not answer within %v: %w", g.config.HandlerTimeout, err)
	default:
		r.status, r.token = g.probe(ctx, t, f.kind, permit)
		r.again = r.status == StatusUnknown
	}
	return r
}

// probe asks the host what is true of a call. Whatever is not a clear answer
// is unknown.
func (g *Guard) probe(ctx context.Context, t Ticket, kind Kind, permit Permit) (Status, UndoToken) {
	if kind.Probe == nil {
		return StatusUnknown, ""
	}
	type answer struct {
		found ProbeResult
		token UndoToken
	}
	a, err := bounded(detach(ctx), g.config.DecideTimeout, func(ctx context.Context) (answer, error) {
		found, token, err := kind.Probe(ctx, permit)
		return answer{found, token}, err
	})
	switch {
	case err == nil && a.found == ProbeApplied && a.token.valid():
		return StatusExecuted, a.token
	case err == nil && a.found == ProbeNotApplied:
		return StatusFailed, ""
	}
	return StatusUnknown, ""
}

// valid reports whether a token can be recorded.
func (u UndoToken) valid() bool {
	return len(u) <= MaxUndoToken && utf8.ValidString(string(u)) && !strings.ContainsRune(string(u), 0)
}

// permit is what the handler is called with.
func (t *Ticket) permit(f *findings) Permit {
	p := Permit{
		Ticket: t.ID, Call: t.Call, Kind: f.kind.Name, Target: t.Subject.ID, Tier: f.subject.Tier,
		Parameters: maps.Clone(t.Action.Parameters), Duration: t.Action.Duration,
		Reason: t.Action.Reason, Case: t.Action.Case, Actor: t.Action.Actor, Digest: t.Digest,
		Key: t.ID, Fence: t.Fence, Deadline: t.GiveUp, Mandate: t.Mandate,
	}
	if d := t.Action.Duration; d > 0 && d != Permanent {
		p.Until = t.Started.Add(d)
	}
	switch {
	case f.undoes != nil:
		p.Undoes, p.UndoToken = f.undoes.ID, f.undoes.UndoToken
		p.Duration, p.Until = f.undoes.Action.Duration, f.undoes.Until
	case t.ends():
		p.Undoes, p.UndoToken, p.Until = t.ID, t.UndoToken, t.Until
		p.Key += ".end"
	}
	p.Anyway = t.Anyway
	for _, s := range f.head.Standing {
		if s.ID != t.ID && s.ID != p.Undoes {
			p.Standing = append(p.Standing, s.standing())
		}
	}
	return p
}

func (t *Ticket) standing() Standing {
	return Standing{Ticket: t.ID, Kind: t.Action.Kind, Actor: t.Action.Actor,
		Parameters: maps.Clone(t.Action.Parameters), Since: t.Executed, Until: t.Until}
}

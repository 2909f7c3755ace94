package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// NewSlog returns a sink that hands each record to handler at the given level,
// with the message "audit" and one attribute for each field that is set, named
// as in the JSON form; structs are groups. State is left out: it is there to
// rebuild a store, not to be read. A record keeps its own time.
//
// Append returns the handler's error, an error if the handler is not enabled
// for the level, and [ErrPanic] if it panics: a record that would get lost is
// not accepted. A log can't be read back, so this is no [Replayer] and not a
// trail by itself. NewSlog returns an error if handler is nil.
func NewSlog(handler slog.Handler, level slog.Level) (Sink, error) {
	if typednil.Is(handler) {
		return nil, errors.New("audit: slog handler is nil")
	}
	return &slogSink{handler: handler, level: level}, nil
}

type slogSink struct {
	handler slog.Handler
	level   slog.Level
}

func (s *slogSink) Append(ctx context.Context, r Record) (err error) {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := alive(ctx); err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: slog handler %T: %v", ErrPanic, s.handler, v)
		}
	}()
	if !s.handler.Enabled(ctx, s.level) {
		return fmt.Errorf("audit: slog handler %T is not enabled for level %v", s.handler, s.level)
	}
	entry := slog.NewRecord(r.Time, s.level, "audit", 0)
	entry.AddAttrs(attributes(r.Clone())...) // handlers may keep what they are given
	if err := s.handler.Handle(ctx, entry); err != nil {
		return fmt.Errorf("audit: slog handler: %w", err)
	}
	return nil
}

func attributes(r Record) []slog.Attr {
	var a attrs
	a.text("id", r.ID)
	a.text("ticket", r.Ticket)
	if r.Revision != 0 {
		a = append(a, slog.Uint64("revision", r.Revision))
	}
	a.text("event", string(r.Event))
	a.text("step", r.Step)
	a.group("actor", actorAttributes(r.Actor))
	a.group("target", targetAttributes(r.Target))
	a.text("kind", r.Kind)
	a.text("reason", r.Reason)
	a.text("case", r.Case)
	a.text("digest", r.Digest)
	a.group("decision", decisionAttributes(r.Decision))
	if len(r.Reviews) > 0 {
		a = append(a, slog.Any("reviews", r.Reviews))
	}
	if len(r.Limits) > 0 {
		a = append(a, slog.Any("limits", r.Limits))
	}
	a.group("outcome", outcomeAttributes(r.Outcome))
	if r.Cause != nil {
		var cause attrs
		cause.text("ticket", r.Cause.Ticket)
		cause.text("schedule", r.Cause.Schedule)
		a.group("cause", cause)
	}
	return a
}

func actorAttributes(actor Actor) (a attrs) {
	a.text("login", actor.Login)
	a.text("person", actor.Person)
	a.text("type", actor.Type)
	return a
}

func targetAttributes(target Target) (a attrs) {
	a.text("id", target.ID)
	a.text("tier", target.Tier)
	a.text("domain", target.Domain)
	a.number("reach", target.Reach)
	return a
}

func decisionAttributes(d *Decision) (a attrs) {
	if d == nil {
		return nil
	}
	a = append(a, slog.Bool("allowed", d.Allowed))
	a.text("code", d.Code)
	a.text("text", d.Text)
	if len(d.Rules) > 0 {
		a = append(a, slog.Any("rules", d.Rules))
	}
	a.text("policy", d.Policy)
	a.text("policyThen", d.PolicyThen)
	if d.Stale {
		a = append(a, slog.Bool("stale", true))
	}
	return a
}

func outcomeAttributes(o *Outcome) (a attrs) {
	if o == nil {
		return nil
	}
	a.text("status", o.Status)
	a.text("code", o.Code)
	a.text("error", o.Error)
	if o.Duration != 0 {
		a = append(a, slog.Duration("duration", o.Duration))
	}
	a.number("count", o.Count)
	return a
}

// attrs collects attributes and leaves out what is not set.
type attrs []slog.Attr

func (a *attrs) text(key, value string) {
	if value != "" {
		*a = append(*a, slog.String(key, value))
	}
}

func (a *attrs) number(key string, value int64) {
	if value != 0 {
		*a = append(*a, slog.Int64(key, value))
	}
}

func (a *attrs) group(key string, members attrs) {
	if len(members) > 0 {
		*a = append(*a, slog.Attr{Key: key, Value: slog.GroupValue(members...)})
	}
}

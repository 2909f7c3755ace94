package moderation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// fcCall calls one verb with texts that a row can spoil.
type fcCall struct {
	verb  string
	given func(*fcWorld)
	texts []string // names of the texts, as the answer names them
	call  func(ctx context.Context, g *moderation.Guard, w *fcWorld, texts map[string]string) error
}

// fcCalls are all verbs but Do. Untouched, the texts are good ones.
func fcCalls() []fcCall {
	review := func(t map[string]string, w *fcWorld) moderation.ReviewRequest {
		return moderation.ReviewRequest{Ticket: t["Ticket"], Actor: t["Actor"], Reason: t["Reason"], Digest: w.ticket.Digest}
	}
	undo := func(t map[string]string) moderation.UndoRequest {
		return moderation.UndoRequest{Ticket: t["Ticket"], Actor: t["Actor"], Reason: t["Reason"], Case: t["Case"], Key: t["Key"]}
	}
	return []fcCall{
		{"Explain", nil, []string{"Actor"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			e, err := g.Explain(ctx, suspend(t["Actor"], "@one", "k"))
			if err == nil && e.Refusal != nil {
				return e.Refusal
			}
			return err
		}},
		{"Approve", fcPending, []string{"Ticket", "Actor", "Reason"}, func(ctx context.Context, g *moderation.Guard, w *fcWorld, t map[string]string) error {
			_, err := g.Approve(ctx, review(t, w))
			return err
		}},
		{"Reject", fcPending, []string{"Ticket", "Actor", "Reason"}, func(ctx context.Context, g *moderation.Guard, w *fcWorld, t map[string]string) error {
			_, err := g.Reject(ctx, review(t, w))
			return err
		}},
		{"Cancel", fcPending, []string{"Ticket", "Actor", "Reason"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Cancel(ctx, moderation.CancelRequest{Ticket: t["Ticket"], Actor: t["Actor"], Reason: t["Reason"]})
			return err
		}},
		{"Undo", fcExecuted, []string{"Ticket", "Actor", "Reason", "Case", "Key"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Undo(ctx, undo(t))
			return err
		}},
		{"Freeze", nil, []string{"Actor", "Reason", "Case", "Key"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Freeze(ctx, moderation.FreezeRequest{Actor: t["Actor"], Reason: t["Reason"], Case: t["Case"], Key: t["Key"],
				Scope: moderation.Scope{All: true}, Duration: time.Hour})
			return err
		}},
		{"Unfreeze", fcFrozenAll, []string{"Ticket", "Actor", "Reason", "Case", "Key"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Unfreeze(ctx, undo(t))
			return err
		}},
		{"Resolve", fcUnknown, []string{"Ticket", "Actor", "Reason"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Resolve(ctx, moderation.Resolution{Ticket: t["Ticket"], Actor: t["Actor"], Reason: t["Reason"], Found: moderation.ProbeApplied})
			return err
		}},
		{"Revoke", fcHeld, []string{"Person", "Actor", "Reason"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Revoke(ctx, moderation.Revocation{Person: t["Person"], Actor: t["Actor"], Reason: t["Reason"]})
			return err
		}},
		{"Ticket", fcPending, []string{"Actor", "Ticket"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Ticket(ctx, t["Actor"], t["Ticket"])
			return err
		}},
		{"Tickets", fcPending, []string{"Actor"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			var errs []error
			for _, err := range g.Tickets(ctx, t["Actor"], moderation.Query{}) {
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}},
		{"Advance", fcReady, []string{"Ticket"}, func(ctx context.Context, g *moderation.Guard, _ *fcWorld, t map[string]string) error {
			_, err := g.Advance(ctx, t["Ticket"])
			return err
		}},
	}
}

// fcFrozenAll has lead freeze everything for an hour.
func fcFrozenAll(w *fcWorld) {
	w.ticket = w.must(w.guard.Freeze(w.t.Context(), moderation.FreezeRequest{
		Actor: "lead", Scope: moderation.Scope{All: true}, Duration: time.Hour, Reason: "storm", Key: "given"}))
}

// good are texts with which every call succeeds.
func (w *fcWorld) good() map[string]string {
	return map[string]string{"Ticket": w.ticket.ID, "Actor": "lead", "Reason": "looked", "Case": "case-1", "Key": "k", "Person": "p-mod"}
}

// with calls the verb with one text spoilt.
func (c fcCall) with(field, text string) func(*fcWorld) error {
	return func(w *fcWorld) error {
		texts := w.good()
		if field != "" {
			texts[field] = text
		}
		return c.call(w.t.Context(), w.guard, w, texts)
	}
}

// fcGuardCases are about guards that were not made by New.
func fcGuardCases() []fcCase {
	var cases []fcCase
	verbs := append(fcCalls(), fcCall{verb: "Do", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		_, err := g.Do(ctx, suspend("mod", "@one", "k"))
		return err
	}}, fcCall{verb: "Run", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		return g.Run(ctx)
	}}, fcCall{verb: "ReportBacklog", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		return g.ReportBacklog(ctx)
	}}, fcCall{verb: "Close", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		return g.Close(ctx)
	}})
	for _, c := range verbs {
		for name, guard := range map[string]*moderation.Guard{"zero": {}, "nil": nil} {
			cases = append(cases, fcCase{"the " + name + " guard refuses " + c.verb, func(t *testing.T) {
				w := &fcWorld{t: t}
				err := c.call(t.Context(), guard, w, w.good())
				wantCode(t, err, moderation.CodeZeroGuard)
				for _, is := range []error{moderation.ErrRefused, moderation.ErrUnavailable} {
					if !errors.Is(err, is) {
						t.Errorf("%v does not match %v", err, is)
					}
				}
			}})
		}
		cases = append(cases, fcCase{"a nil context refuses " + c.verb, func(t *testing.T) {
			w := fcNew(t, nil)
			var none context.Context
			wantCode(t, c.call(none, w.guard, w, w.good()), moderation.CodeInvalid)
			if w.calls() != 0 {
				t.Error("the handler was called")
			}
		}})
	}
	return cases
}

// fcVerbInputRows spoil each text of each verb's request.
func fcVerbInputRows() []fcRow {
	var rows []fcRow
	for _, c := range fcCalls() {
		for _, field := range c.texts {
			texts := append([]fcText{{"empty", "", ""}}, fcBadNames()...)
			switch field {
			case "Reason":
				texts = fcBadReasons()
			case "Case":
				texts = fcBadNames()
			}
			for _, text := range texts {
				if c.verb == "Approve" && field == "Reason" && text.value == "" {
					continue // an approval needs no reason
				}
				rows = append(rows, fcVerbInputRow(c, field, text))
			}
		}
	}
	return append(rows, fcRequestRows()...)
}

func fcVerbInputRow(c fcCall, field string, text fcText) fcRow {
	r := fcRow{
		name:  c.verb + " refuses a request whose " + field + " is " + text.name,
		given: c.given, act: c.with(field, text.value), code: moderation.CodeInvalid, says: []string{text.says, fcFieldName(field)},
	}
	// What has no actor, and a question without effect, are not recorded.
	r.silent = c.verb == "Advance" || c.verb == "Explain"
	if c.verb == "Ticket" && field == "Ticket" {
		r.code, r.says = moderation.CodeNoTicket, nil
	}
	return r
}

// fcFieldName is the part of a field's name that every verb's answer has.
func fcFieldName(field string) string {
	if field == "Ticket" || field == "Actor" {
		return strings.ToLower(field[1:])
	}
	return field
}

// fcRequestRows are about requests that are wrong otherwise.
func fcRequestRows() []fcRow {
	freeze := func(d time.Duration, s moderation.Scope) func(*fcWorld) error {
		return func(w *fcWorld) error {
			_, err := w.guard.Freeze(w.t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: s, Duration: d, Reason: "storm", Key: "k"})
			return err
		}
	}
	resolve := func(change func(*moderation.Resolution)) func(*fcWorld) error {
		return func(w *fcWorld) error {
			r := moderation.Resolution{Ticket: w.ticket.ID, Actor: "lead", Found: moderation.ProbeApplied, Reason: "looked"}
			change(&r)
			_, err := w.guard.Resolve(w.t.Context(), r)
			return err
		}
	}
	all := moderation.Scope{All: true}
	rows := []fcRow{
		{name: "a review without a digest is refused", given: fcPending, act: func(w *fcWorld) error {
			_, err := w.guard.Approve(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: "lead"})
			return err
		}, code: moderation.CodeInvalid, says: []string{"ReviewRequest.Digest"}},
		{name: "a freeze of nothing is refused", act: freeze(time.Hour, moderation.Scope{}), code: moderation.CodeInvalid, says: []string{"Scope"}},
		{name: "a freeze of all and something narrower is refused", act: freeze(time.Hour, moderation.Scope{All: true, Kind: moderation.Suspend}), code: moderation.CodeInvalid, says: []string{"Scope"}},
		{name: "a freeze for no time is refused", act: freeze(0, all), code: moderation.CodeInvalid, says: []string{"Duration"}},
		{name: "a freeze for a negative time is refused", act: freeze(-time.Hour, all), code: moderation.CodeInvalid, says: []string{"Duration"}},
		{name: "a freeze under a second is refused", act: freeze(1, all), code: moderation.CodeInvalid, says: []string{"Duration"}},
		{name: "a freeze beyond the longest is refused", act: freeze(24*time.Hour+1, all), code: moderation.CodeInvalid, says: []string{"Duration"}},
		{name: "a freeze for ever is refused", act: freeze(moderation.Permanent, all), code: moderation.CodeInvalid, says: []string{"Duration"}},
		{name: "a freeze of a kind that nobody registered is refused", act: freeze(time.Hour, moderation.Scope{Kind: "account.suspendd"}), code: moderation.CodeUnknownKind, says: []string{"account.suspendd"}},
		{name: "a freeze of a tier that does not exist is refused", act: freeze(time.Hour, moderation.Scope{Tier: "protectd"}), code: moderation.CodeUnknownTier, says: []string{"protectd"}},
		{name: "a resolution that found nothing is refused", given: fcUnknown, act: resolve(func(r *moderation.Resolution) { r.Found = "" }), code: moderation.CodeInvalid, says: []string{"Resolution.Found"}},
		{name: "a resolution that found something else is refused", given: fcUnknown, act: resolve(func(r *moderation.Resolution) { r.Found = "maybe" }), code: moderation.CodeInvalid, says: []string{"Resolution.Found"}},
		{name: "a resolution with too large an undo token is refused", given: fcUnknown, act: resolve(func(r *moderation.Resolution) {
			r.UndoToken = moderation.UndoToken(strings.Repeat("x", moderation.MaxUndoToken+1))
		}), code: moderation.CodeInvalid, says: []string{"Resolution.UndoToken"}},
		{name: "a resolution with an undo token that is not UTF-8 is refused", given: fcUnknown, act: resolve(func(r *moderation.Resolution) { r.UndoToken = "\xff" }), code: moderation.CodeInvalid, says: []string{"Resolution.UndoToken"}},
	}
	for _, text := range fcBadNames() {
		for field, scope := range map[string]moderation.Scope{"actor": {Actor: text.value}, "domain": {Domain: text.value}} {
			rows = append(rows, fcRow{name: "a freeze of a " + field + " that is " + text.name + " is refused",
				act: freeze(time.Hour, scope), code: moderation.CodeInvalid})
		}
	}
	for _, c := range fcCalls() {
		if c.verb == "Freeze" || c.verb == "Revoke" || c.verb == "Explain" || c.verb == "Tickets" {
			continue
		}
		rows = append(rows, fcRow{name: c.verb + " refuses a ticket that does not exist", given: c.given, act: c.with("Ticket", "no-such-ticket"),
			code: moderation.CodeNoTicket, is: []error{moderation.ErrNoTicket, moderation.ErrInvalid}, silent: c.verb == "Advance"})
	}
	return rows
}

package audit

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/internal/jsontext"
)

// MaxRecord is the most bytes that a record's JSON form may have: 1 MiB.
// A sink may allow less.
const MaxRecord = 1 << 20

// Validate tells whether a sink may accept the record. It returns nil or an
// error that wraps [ErrNotWritten] and names the field at fault: ID, Event and
// Time are required, every text must be valid UTF-8, State must be empty or
// valid JSON (RFC 8259) nested no deeper than 1,000, times must lie in the years
// 0 to 9999 of UTC, and the JSON form must not be longer than [MaxRecord].
//
// Each sink calls it, or refuses the same records by other means.
func (r Record) Validate() error {
	return validate(&r)
}

func validate(r *Record) error {
	switch {
	case r.ID == "":
		return refuse(r, "id", "is missing")
	case r.Event == "":
		return refuse(r, "event", "is missing")
	case r.Time.IsZero():
		return refuse(r, "time", "is missing")
	}
	i := inspect(r)
	if i.field != "" {
		return refuse(r, i.field, i.problem)
	}
	// Only what lies between the bounds must be encoded to know.
	if i.least > MaxRecord || i.most > MaxRecord && len(appendRecord(nil, r)) > MaxRecord {
		return fmt.Errorf("%w: record %.64q has more than %d bytes", ErrNotWritten, r.ID, MaxRecord)
	}
	return nil
}

// refuse says which field of which record keeps it from being written.
func refuse(r *Record, field, problem string) error {
	return fmt.Errorf("%w: record %.64q: field %s %s", ErrNotWritten, r.ID, field, problem)
}

// inspection is what a look at each field of a record found.
type inspection struct {
	field, problem string // the first that can't be written
	least, most    int    // bytes that the JSON form may have
}

// What a byte, and a field with its key and the numbers beside it, take at most.
const (
	mostPerByte = len(`\u0000`)
	mostPerText = 128
)

const notUTF8 = "is not valid UTF-8"

// inspect looks whether everything in the record can be written.
func inspect(r *Record) (i inspection) {
	i.text("id", r.ID)
	i.text("ticket", r.Ticket)
	i.text("event", string(r.Event))
	i.text("step", r.Step)
	i.time("time", r.Time)
	i.text("actor.login", r.Actor.Login)
	i.text("actor.person", r.Actor.Person)
	i.text("actor.type", r.Actor.Type)
	i.text("target.id", r.Target.ID)
	i.text("target.tier", r.Target.Tier)
	i.text("target.domain", r.Target.Domain)
	i.text("kind", r.Kind)
	i.text("reason", r.Reason)
	i.text("case", r.Case)
	i.text("digest", r.Digest)
	i.decision(r.Decision)
	for k := range r.Reviews {
		i.review(&r.Reviews[k])
	}
	for k := range r.Limits {
		i.limit(&r.Limits[k])
	}
	if o := r.Outcome; o != nil {
		i.text("outcome.status", o.Status)
		i.text("outcome.code", o.Code)
		i.text("outcome.error", o.Error)
	}
	if c := r.Cause; c != nil {
		i.text("cause.ticket", c.Ticket)
		i.text("cause.schedule", c.Schedule)
	}
	i.state(r.State)
	return i
}

func (i *inspection) decision(d *Decision) {
	if d == nil {
		return
	}
	i.text("decision.code", d.Code)
	i.text("decision.text", d.Text)
	for k := range d.Rules {
		i.text("decision.rules.source", d.Rules[k].Source)
		i.text("decision.rules.text", d.Rules[k].Text)
	}
	i.text("decision.policy", d.Policy)
	i.text("decision.policyThen", d.PolicyThen)
}

func (i *inspection) review(r *Review) {
	i.text("reviews.login", r.Login)
	i.text("reviews.person", r.Person)
	i.text("reviews.verdict", r.Verdict)
	for _, role := range r.Roles {
		i.text("reviews.roles", role)
	}
	i.time("reviews.time", r.Time)
	i.text("reviews.void", r.Void)
}

func (i *inspection) limit(l *Limit) {
	i.text("limits.rule.source", l.Rule.Source)
	i.text("limits.rule.text", l.Rule.Text)
	i.text("limits.key", l.Key)
	i.text("limits.unit", l.Unit)
}

func (i *inspection) text(field, s string) {
	i.least += len(s)
	i.most += mostPerText + mostPerByte*len(s)
	if !utf8.ValidString(s) {
		i.fail(field, notUTF8)
	}
}

func (i *inspection) time(field string, t time.Time) {
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		i.fail(field, "is outside the years 0 to 9999")
	}
}

func (i *inspection) state(state []byte) {
	i.most += mostPerText + mostPerByte*len(state)
	switch {
	case len(state) == 0:
		return
	case !utf8.Valid(state):
		i.fail("state", notUTF8)
	case !jsontext.Valid(state):
		i.fail("state", "is not valid JSON, or nested too deep")
	}
}

func (i *inspection) fail(field, problem string) {
	if i.field == "" {
		i.field, i.problem = field, problem
	}
}

package audit

import (
	"strconv"

	"github.com/elevenminutes/interlock/internal/jsontext"
)

// AppendJSON appends the record's JSON form to b and returns the longer slice.
// The bytes are those that encoding/json makes of the struct with its times in
// UTC: HTML characters, U+2028 and U+2029 are escaped, State is compacted.
//
// A text that is not valid UTF-8, a State that is not valid JSON, and a time
// outside the years 0 to 9999 are errors that wrap [ErrNotWritten] and name the
// field; b is then returned as it was. Nothing is allocated where b has room.
// Required fields and size are for [Record.Validate] to check.
func (r Record) AppendJSON(b []byte) ([]byte, error) {
	if i := inspect(&r); i.field != "" {
		return b, refuse(&r, i.field, i.problem)
	}
	return appendRecord(b, &r), nil
}

// MarshalJSON returns what [Record.AppendJSON] appends to an empty slice, so
// that a record has one JSON form only.
func (r Record) MarshalJSON() ([]byte, error) {
	return r.AppendJSON(make([]byte, 0, 1024))
}

// appendValid appends the JSON form of a record that Validate accepts.
// Otherwise it returns b as it was, and why.
func appendValid(b []byte, r *Record) ([]byte, error) {
	if err := validate(r); err != nil {
		return b, err
	}
	return appendRecord(b, r), nil
}

// appendRecord appends a record in which inspect finds nothing wrong. Keys are
// passed to the functions below as they are written, quotes and colon included.
func appendRecord(b []byte, r *Record) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"id":`, r.ID)
	b = jsontext.AnyText(b, `"ticket":`, r.Ticket)
	if r.Revision != 0 {
		b = strconv.AppendUint(jsontext.Key(b, `"revision":`), r.Revision, 10)
	}
	b = jsontext.Text(b, `"event":`, string(r.Event))
	b = jsontext.AnyText(b, `"step":`, r.Step)
	b = jsontext.Time(b, `"time":`, r.Time)
	b = appendActor(b, &r.Actor)
	b = appendTarget(b, &r.Target)
	b = jsontext.AnyText(b, `"kind":`, r.Kind)
	b = jsontext.AnyText(b, `"reason":`, r.Reason)
	b = jsontext.AnyText(b, `"case":`, r.Case)
	b = jsontext.AnyText(b, `"digest":`, r.Digest)
	b = appendDecision(b, r.Decision)
	b = appendReviews(b, r.Reviews)
	b = appendLimits(b, r.Limits)
	b = appendOutcome(b, r.Outcome)
	b = appendCause(b, r.Cause)
	if len(r.State) > 0 {
		b = jsontext.Compact(jsontext.Key(b, `"state":`), r.State)
	}
	return append(b, '}')
}

func appendActor(b []byte, a *Actor) []byte {
	if *a == (Actor{}) {
		return b
	}
	b = append(jsontext.Key(b, `"actor":`), '{')
	b = jsontext.Text(b, `"login":`, a.Login)
	b = jsontext.AnyText(b, `"person":`, a.Person)
	b = jsontext.AnyText(b, `"type":`, a.Type)
	return append(b, '}')
}

func appendTarget(b []byte, t *Target) []byte {
	if *t == (Target{}) {
		return b
	}
	b = append(jsontext.Key(b, `"target":`), '{')
	b = jsontext.Text(b, `"id":`, t.ID)
	b = jsontext.AnyText(b, `"tier":`, t.Tier)
	b = jsontext.AnyText(b, `"domain":`, t.Domain)
	b = jsontext.AnyInt(b, `"reach":`, t.Reach)
	return append(b, '}')
}

func appendDecision(b []byte, d *Decision) []byte {
	if d == nil {
		return b
	}
	b = append(jsontext.Key(b, `"decision":`), '{')
	b = strconv.AppendBool(jsontext.Key(b, `"allowed":`), d.Allowed)
	b = jsontext.AnyText(b, `"code":`, d.Code)
	b = jsontext.AnyText(b, `"text":`, d.Text)
	if len(d.Rules) > 0 {
		b = jsontext.Key(b, `"rules":`)
		for i := range d.Rules {
			b = appendRule(jsontext.Element(b, i), &d.Rules[i])
		}
		b = append(b, ']')
	}
	b = jsontext.AnyText(b, `"policy":`, d.Policy)
	b = jsontext.AnyText(b, `"policyThen":`, d.PolicyThen)
	if d.Stale {
		b = append(jsontext.Key(b, `"stale":`), "true"...)
	}
	return append(b, '}')
}

func appendRule(b []byte, r *Rule) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"source":`, r.Source)
	b = jsontext.AnyText(b, `"text":`, r.Text)
	return append(b, '}')
}

func appendReviews(b []byte, reviews []Review) []byte {
	if len(reviews) == 0 {
		return b
	}
	b = jsontext.Key(b, `"reviews":`)
	for i := range reviews {
		b = appendReview(jsontext.Element(b, i), &reviews[i])
	}
	return append(b, ']')
}

func appendReview(b []byte, r *Review) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"login":`, r.Login)
	b = jsontext.Text(b, `"person":`, r.Person)
	b = jsontext.Text(b, `"verdict":`, r.Verdict)
	if len(r.Roles) > 0 {
		b = jsontext.Key(b, `"roles":`)
		for i, role := range r.Roles {
			b = jsontext.String(jsontext.Element(b, i), role)
		}
		b = append(b, ']')
	}
	b = jsontext.Time(b, `"time":`, r.Time)
	b = jsontext.AnyText(b, `"void":`, r.Void)
	return append(b, '}')
}

func appendLimits(b []byte, limits []Limit) []byte {
	if len(limits) == 0 {
		return b
	}
	b = jsontext.Key(b, `"limits":`)
	for i := range limits {
		l := &limits[i]
		b = append(jsontext.Element(b, i), '{')
		b = appendRule(jsontext.Key(b, `"rule":`), &l.Rule)
		b = jsontext.Text(b, `"key":`, l.Key)
		b = jsontext.Text(b, `"unit":`, l.Unit)
		b = jsontext.Int(b, `"charged":`, l.Charged)
		b = jsontext.Int(b, `"left":`, l.Left)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendOutcome(b []byte, o *Outcome) []byte {
	if o == nil {
		return b
	}
	b = append(jsontext.Key(b, `"outcome":`), '{')
	b = jsontext.Text(b, `"status":`, o.Status)
	b = jsontext.AnyText(b, `"code":`, o.Code)
	b = jsontext.AnyText(b, `"error":`, o.Error)
	b = jsontext.AnyInt(b, `"duration":`, int64(o.Duration))
	b = jsontext.AnyInt(b, `"count":`, o.Count)
	return append(b, '}')
}

func appendCause(b []byte, c *Cause) []byte {
	if c == nil {
		return b
	}
	b = append(jsontext.Key(b, `"cause":`), '{')
	b = jsontext.AnyText(b, `"ticket":`, c.Ticket)
	b = jsontext.AnyText(b, `"schedule":`, c.Schedule)
	return append(b, '}')
}

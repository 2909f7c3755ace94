package audit

import (
	"strconv"
	"time"
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
	b = appendText(b, `"id":`, r.ID)
	b = appendAnyText(b, `"ticket":`, r.Ticket)
	if r.Revision != 0 {
		b = strconv.AppendUint(appendKey(b, `"revision":`), r.Revision, 10)
	}
	b = appendText(b, `"event":`, string(r.Event))
	b = appendAnyText(b, `"step":`, r.Step)
	b = appendTime(b, `"time":`, r.Time)
	b = appendActor(b, &r.Actor)
	b = appendTarget(b, &r.Target)
	b = appendAnyText(b, `"kind":`, r.Kind)
	b = appendAnyText(b, `"reason":`, r.Reason)
	b = appendAnyText(b, `"case":`, r.Case)
	b = appendAnyText(b, `"digest":`, r.Digest)
	b = appendDecision(b, r.Decision)
	b = appendReviews(b, r.Reviews)
	b = appendLimits(b, r.Limits)
	b = appendOutcome(b, r.Outcome)
	b = appendCause(b, r.Cause)
	if len(r.State) > 0 {
		b = appendCompact(appendKey(b, `"state":`), r.State)
	}
	return append(b, '}')
}

func appendActor(b []byte, a *Actor) []byte {
	if *a == (Actor{}) {
		return b
	}
	b = append(appendKey(b, `"actor":`), '{')
	b = appendText(b, `"login":`, a.Login)
	b = appendAnyText(b, `"person":`, a.Person)
	b = appendAnyText(b, `"type":`, a.Type)
	return append(b, '}')
}

func appendTarget(b []byte, t *Target) []byte {
	if *t == (Target{}) {
		return b
	}
	b = append(appendKey(b, `"target":`), '{')
	b = appendText(b, `"id":`, t.ID)
	b = appendAnyText(b, `"tier":`, t.Tier)
	b = appendAnyText(b, `"domain":`, t.Domain)
	b = appendAnyInt(b, `"reach":`, t.Reach)
	return append(b, '}')
}

func appendDecision(b []byte, d *Decision) []byte {
	if d == nil {
		return b
	}
	b = append(appendKey(b, `"decision":`), '{')
	b = strconv.AppendBool(appendKey(b, `"allowed":`), d.Allowed)
	b = appendAnyText(b, `"code":`, d.Code)
	b = appendAnyText(b, `"text":`, d.Text)
	if len(d.Rules) > 0 {
		b = appendKey(b, `"rules":`)
		for i := range d.Rules {
			b = appendRule(appendElement(b, i), &d.Rules[i])
		}
		b = append(b, ']')
	}
	b = appendAnyText(b, `"policy":`, d.Policy)
	b = appendAnyText(b, `"policyThen":`, d.PolicyThen)
	if d.Stale {
		b = append(appendKey(b, `"stale":`), "true"...)
	}
	return append(b, '}')
}

func appendRule(b []byte, r *Rule) []byte {
	b = append(b, '{')
	b = appendText(b, `"source":`, r.Source)
	b = appendAnyText(b, `"text":`, r.Text)
	return append(b, '}')
}

func appendReviews(b []byte, reviews []Review) []byte {
	if len(reviews) == 0 {
		return b
	}
	b = appendKey(b, `"reviews":`)
	for i := range reviews {
		b = appendReview(appendElement(b, i), &reviews[i])
	}
	return append(b, ']')
}

func appendReview(b []byte, r *Review) []byte {
	b = append(b, '{')
	b = appendText(b, `"login":`, r.Login)
	b = appendText(b, `"person":`, r.Person)
	b = appendText(b, `"verdict":`, r.Verdict)
	if len(r.Roles) > 0 {
		b = appendKey(b, `"roles":`)
		for i, role := range r.Roles {
			b = appendString(appendElement(b, i), role)
		}
		b = append(b, ']')
	}
	b = appendTime(b, `"time":`, r.Time)
	b = appendAnyText(b, `"void":`, r.Void)
	return append(b, '}')
}

func appendLimits(b []byte, limits []Limit) []byte {
	if len(limits) == 0 {
		return b
	}
	b = appendKey(b, `"limits":`)
	for i := range limits {
		l := &limits[i]
		b = append(appendElement(b, i), '{')
		b = appendRule(appendKey(b, `"rule":`), &l.Rule)
		b = appendText(b, `"key":`, l.Key)
		b = appendText(b, `"unit":`, l.Unit)
		b = appendInt(b, `"charged":`, l.Charged)
		b = appendInt(b, `"left":`, l.Left)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendOutcome(b []byte, o *Outcome) []byte {
	if o == nil {
		return b
	}
	b = append(appendKey(b, `"outcome":`), '{')
	b = appendText(b, `"status":`, o.Status)
	b = appendAnyText(b, `"code":`, o.Code)
	b = appendAnyText(b, `"error":`, o.Error)
	b = appendAnyInt(b, `"duration":`, int64(o.Duration))
	b = appendAnyInt(b, `"count":`, o.Count)
	return append(b, '}')
}

func appendCause(b []byte, c *Cause) []byte {
	if c == nil {
		return b
	}
	b = append(appendKey(b, `"cause":`), '{')
	b = appendAnyText(b, `"ticket":`, c.Ticket)
	b = appendAnyText(b, `"schedule":`, c.Schedule)
	return append(b, '}')
}

func appendTime(b []byte, key string, t time.Time) []byte {
	b = append(appendKey(b, key), '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendText(b []byte, key, s string) []byte {
	return appendString(appendKey(b, key), s)
}

// appendAnyText leaves out a text that is empty.
func appendAnyText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(b, key, s)
}

func appendInt(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(appendKey(b, key), n, 10)
}

// appendAnyInt leaves out a zero.
func appendAnyInt(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	return appendInt(b, key, n)
}

// appendKey begins a field; the first one of an object has no comma before it.
func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, key...)
}

// appendElement begins the i-th element of an array.
func appendElement(b []byte, i int) []byte {
	if i == 0 {
		return append(b, '[')
	}
	return append(b, ',')
}

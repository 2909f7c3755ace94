package policy

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// policyStep is the step of records about versions of the policy.
const policyStep = "policy"

// Bounds of texts in records and proposals, in bytes.
const (
	maxWhy        = 4 << 10
	maxDifference = 64 << 10
)

// takesForce is the record of a version that is about to take force.
func takesForce(adm Admission) audit.Record {
	r := versionRecord(audit.EventPolicy, adm.Digest, time.Now())
	r.Decision.Allowed = true
	r.Decision.Text = adm.Difference
	if adm.Old != nil {
		r.Decision.PolicyThen = adm.Old.Digest()
	}
	if adm.Ticket != "" {
		r.Cause = &audit.Cause{Ticket: adm.Ticket}
	}
	return r
}

// keptOut is the record of a version that was quarantined.
func keptOut(e *QuarantineError, now time.Time) audit.Record {
	r := versionRecord(audit.EventRefused, e.Digest, now)
	r.Decision.Code = string(moderation.CodeDenied)
	r.Decision.Text = cut("quarantined as "+string(e.Reason)+": "+e.Err.Error(), maxWhy)
	r.Decision.PolicyThen = e.InForce
	r.Outcome = &audit.Outcome{Status: string(moderation.StatusRefused), Code: r.Decision.Code}
	return r
}

func versionRecord(event audit.Event, digest string, now time.Time) audit.Record {
	return audit.Record{
		ID: "policy." + rand.Text(), Event: event, Step: policyStep, Time: now.UTC().Round(0),
		Target:   audit.Target{ID: moderation.PolicyTarget},
		Digest:   digest,
		Decision: &audit.Decision{Policy: digest},
	}
}

// record writes down that a version takes force, or fails. A record that may
// have been written is written again, as it was, before any other.
func (a *Authorizer) record(ctx context.Context, r audit.Record) error {
	if a.sink == nil {
		return nil
	}
	if a.doubtful != nil {
		same := sameClaim(*a.doubtful, r)
		if err := a.append(ctx, *a.doubtful); err != nil {
			return err
		}
		if same {
			return nil
		}
	}
	return a.append(ctx, r)
}

// append appends a record, and remembers a version's that is in doubt.
func (a *Authorizer) append(ctx context.Context, r audit.Record) error {
	if a.sink == nil {
		return nil
	}
	err := a.sink.Append(ctx, r)
	if r.Event != audit.EventPolicy {
		return err
	}
	a.doubtful = nil
	if err != nil && !errors.Is(err, audit.ErrNotWritten) && !errors.Is(err, audit.ErrNoRoom) {
		a.doubtful = &r
	}
	return err
}

// sameClaim reports whether two records say the same, but when.
func sameClaim(a, b audit.Record) bool {
	cause := func(r audit.Record) string {
		if r.Cause == nil {
			return ""
		}
		return r.Cause.Ticket
	}
	return a.Digest == b.Digest && a.Decision.PolicyThen == b.Decision.PolicyThen && cause(a) == cause(b)
}

// cut shortens a text to a number of bytes, and makes it one that can be
// written.
func cut(text string, size int) string {
	const tail = " …"
	if len(text) > size {
		end := size - len(tail)
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + tail
	}
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
}

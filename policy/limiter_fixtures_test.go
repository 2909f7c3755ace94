package policy_test

import (
	"context"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// few is a policy without limits, to which tests add theirs.
const few = `p, mod, request, *, *, *, allow
p, lead, approve, *, *, *, allow
p2, request, *, *, *, *, none, -, -
g, ann, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
`

func limiter(t testing.TB, rows string) *policy.Limiter {
	t.Helper()
	l, err := policy.NewLimiter(open(t, few+rows))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// charge is a request's charge without a ticket.
func charge(person string, count int, at time.Time, change ...func(*moderation.Charge)) moderation.Charge {
	c := moderation.Charge{
		At:     moderation.ChargeRequest,
		Step:   moderation.StepRequest,
		Person: person,
		Actor:  person + "1",
		Kind:   "account.suspend",
		Target: "7",
		Tier:   "normal",
		Domain: "en",
		Count:  count,
		Time:   at,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func ticket(id string) func(*moderation.Charge) {
	return func(c *moderation.Charge) { c.Ticket = id }
}

func executed(reach int64) func(*moderation.Charge) {
	return func(c *moderation.Charge) { c.At, c.Reach = moderation.ChargeExecute, reach }
}

func overrun(c *moderation.Charge) { c.Overrun = []moderation.Slot{{"lead"}} }

func take(t testing.TB, l moderation.Limiter, c moderation.Charge) moderation.Usage {
	t.Helper()
	u, err := l.Take(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func peek(t testing.TB, l moderation.Limiter, c moderation.Charge) moderation.Usage {
	t.Helper()
	u, err := l.Peek(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

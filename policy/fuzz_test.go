package policy_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Whatever a policy's text is, opening it does not panic, a refusal names rows
// or the policy, and what opens denies a stranger everything, limits charges,
// and can be written out and read again.
func FuzzOpen(f *testing.F) {
	f.Add(base)
	f.Add(few + "p3, all, *, *, *, open, 1, -, lead\n")
	f.Add(base + "p, @leaving, *, account.*, protected, en, deny\ng, a.b, mod, en, 2017-11-02, 2017-11-02T10:00:00+02:00\n")
	f.Add("\ufeffp, \"a\"\"b\", request, *, *, *, allow\r\np2, request, *, *, *, permanent&reach>1 & @service, none, -, 7d1h\r\n")
	f.Add(base + "p2, undo, *, *, *, age>24h, lead|mod lead, 1h, 2d\np3, target, post.*, *, de, undo.reach, 5, 1ns, lead\n")
	f.Add("p, a, request, interlock.*, *, *, allow\np2, request, *, *, *, *, none, -, -\n")
	f.Add("p2, request, *, *, *, duration>1h, lead, 1h, 2h")
	f.Add("p3, person, *, *, *, open, 1, -, lead director")
	f.Add("g, bob, mod, en, 2017-11-02, 2017-11-03")
	f.Add("g, a, b, *, -, -\ng, b, a, *, -, -\n#\n\x00\xff,\"")
	f.Fuzz(func(t *testing.T, text string) {
		checkText(t, text)
		checkText(t, base+text) // so that more of what is tried opens
	})
}

// Whatever is asked about a generated policy, and whatever names are in the
// question, the answer is Casbin's and that of a loop over the rows.
func FuzzDecide(f *testing.F) {
	f.Add(uint64(1), "request", "ann", "", "account.suspend", "normal", "en", int64(0), int64(0))
	f.Add(uint64(2), "undo", "a$$b", "leaving", "account.x.y", "normale", "n", int64(1_000_001), int64(48*time.Hour))
	f.Add(uint64(3), "freeze", "r1", "service", "*", "*", "*", int64(11), int64(24*time.Hour-1))
	f.Add(uint64(4), "read", "@leaving", "contractor", "interlock.x", "protected", "a$$b", int64(5), int64(24*time.Hour))
	f.Add(uint64(5), "", "", "\xff", "", "", "", int64(-1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, seed uint64, step, login, label, kind, tier, domain string, number, after int64) {
		w := newWorld(seed)
		c := newContest(t, w)
		q := w.question()
		c.compare(t, q) // as it was generated
		q.Step, q.Actor.Login, q.Kind = moderation.Step(step), login, kind
		q.Target.Tier, q.Target.Domain, q.Target.Reach = tier, domain, number
		q.Actor.Labels = nil
		if label != "" {
			q.Actor.Labels = []string{label, label}
		}
		q.Duration, q.Count, q.Since = time.Duration(number), int(number), time.Duration(after)
		q.Time = w.moments[0].Add(time.Duration(after))
		c.compare(t, q)
		if t.Failed() {
			t.Logf("question %+v\npolicy\n%s", q, w.text())
		}
	})
}

func checkText(t *testing.T, text string) {
	ctx := context.Background()
	a, err := policy.Open(ctx, config(text))
	if err != nil {
		var row *policy.RowError
		if a != nil || errors.As(err, &row) && (!strings.HasPrefix(row.Source, "policy.csv") || row.Problem == "") {
			t.Fatalf("Open = %v, %v", a, err)
		}
		return
	}
	for _, s := range moderation.Steps() {
		for _, q := range []moderation.Question{
			ask("\x00stranger", step(s)), ask("\x00stranger", step(s), everything), ask("", step(s)), ask("\x00stranger", step(s), labels("leaving", "service")),
		} {
			if d, err := a.Decide(ctx, q); err != nil || d.Allowed || d.Code == "" {
				t.Fatalf("a stranger is answered %+v, %v", d, err)
			}
		}
	}
	checkAnswers(t, a)
	var written strings.Builder
	for _, row := range a.Rows() {
		written.WriteString(row.String() + "\n")
	}
	again, err := policy.Open(ctx, config(written.String()))
	if err != nil || again.Digest() != a.Digest() {
		t.Fatalf("what was written out does not open as the same policy: %v\n%s", err, written.String())
	}
}

// checkAnswers asks for everybody whom the rows name.
func checkAnswers(t *testing.T, a *policy.Authorizer) {
	l, err := policy.NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range a.Rows() {
		if row.Type != "g" || i > 20 {
			continue
		}
		for _, s := range moderation.Steps() {
			d, err := a.Decide(context.Background(), ask(row.Fields[0], step(s)))
			if err != nil || d.Allowed != (d.Code == "") {
				t.Fatalf("decision is %+v, %v", d, err)
			}
			r := d.Requirement
			if stated := r.Quorum.None != (len(r.Quorum.Slots) > 0); d.Allowed && s.Required() && !stated || r.Deadline != 0 && r.Deadline <= r.Hold || r.Deadline == 0 && (r.Hold != 0 || len(r.Quorum.Slots) > 0) {
				t.Fatalf("%s comes with %+v", s, r)
			}
			c := charge(row.Fields[0], 1, noon.Add(time.Duration(i)), ticket(row.Source), executed(5))
			c.Step = s
			if u, err := l.Take(context.Background(), c); err != nil || u.Allowed == (u.Never || u.RetryAfter > 0 || u.Over != nil) {
				t.Fatalf("usage is %+v, %v", u, err)
			}
		}
	}
}

package decide_test

import (
	"fmt"
	"testing"
)

// All engines give the answers that the office means, hence the same ones.
func TestPeersAgree(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ rules, questions int }{{50, 4000}, {1000, 400}} {
		o := newOffice(size.rules)
		if got := len(o.list) + 1; got != size.rules || len(o.allow) != len(o.list) {
			t.Fatalf("the office has %d rules, want %d", got, size.rules)
		}
		for _, e := range engines {
			prepare := e.open(t, o)
			for _, want := range []bool{true, false} {
				list := o.questions(size.questions, want)
				ask := prepare(list)
				for i, q := range list {
					if got, err := ask(i); err != nil || got != want {
						t.Fatalf("%s, %d rules: %+v allowed: %v, want %v (%v)", e.name, size.rules, q, got, want, err)
					}
				}
			}
		}
	}
}

// Some questions are denied though a rule allows: the rule that denies matters.
func TestRuleThatDeniesIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, rules := range []int{50, 1000} {
		o := newOffice(rules)
		torn := 0
		for _, q := range o.questions(800, false) {
			if o.allow[rule{o.roles[q.user][0], q.kind, q.tier}] {
				torn++
			}
		}
		if torn < 100 {
			t.Errorf("%d rules: %d questions of 800 are denied by the rule that denies", rules, torn)
		}
	}
}

// BenchmarkDecidePeers asks the same questions, at random and prepared for each
// engine, one after the other. An answer that is not what the office means fails
// it, and so does one to any of the questions beforehand; of cedar-go, whose time
// grows with the rules, to as many as it answers in a second or two.
func BenchmarkDecidePeers(b *testing.B) {
	const questions = 4096
	for _, rules := range []int{50, 1_000, 10_000, 100_000} {
		o := newOffice(rules)
		for _, e := range engines {
			var prepare prepare
			for _, outcome := range []string{"allow", "deny"} {
				want := outcome == "allow"
				var ask func(int) (bool, error)
				b.Run(fmt.Sprintf("engine=%s/rules=%d/outcome=%s", e.name, rules, outcome), func(b *testing.B) {
					check := func(i int) {
						if got, err := ask(i % questions); err != nil || got != want {
							b.Fatalf("question %d allowed: %v, want %v (%v)", i%questions, got, want, err)
						}
					}
					if prepare == nil {
						prepare = e.open(b, o)
					}
					if ask == nil {
						ask = prepare(o.questions(questions, want))
						sample := questions
						if e.name == "cedar" {
							sample = min(questions, 2_000_000/rules)
						}
						for i := range sample {
							check(i)
						}
					}
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						check(i)
					}
				})
			}
		}
	}
}

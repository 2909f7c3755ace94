package moderationtest

import (
	"reflect"

	"github.com/elevenminutes/interlock/moderation"
)

// answer is what Decide returned, in a form that can be compared.
type answer struct {
	Decision moderation.Decision
	Err      string
}

// ask asks and leaves out of the answer what may change from one to the next.
func (s authorizerSubject) ask(t tester, q moderation.Question) answer {
	d, err := s.Decide(t.Context(), q)
	a := answer{Decision: cloneDecision(d)}
	a.Decision.AsOf = moderation.Decision{}.AsOf
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

// answers asks the questions of all cases, beginning with one of them.
func (s authorizerSubject) answers(t tester, from int) []answer {
	all := make([]answer, len(s.cases))
	for i := range s.cases {
		i = (i + from) % len(s.cases)
		all[i] = s.ask(t, cloneQuestion(s.cases[i].Question))
	}
	return all
}

func deterministic(t tester, s authorizerSubject) {
	want := s.answers(t, 0)
	for round := range 4 * len(s.cases) {
		if round%3 == 0 {
			s.ask(t, strange(s.cases[round%len(s.cases)].Question))
		}
		if d := diff(want, s.answers(t, round)); d != "" {
			t.Fatalf("the same questions were answered otherwise in round %d (-first +later):\n%s", round, d)
		}
	}
}

func authorizerTogether(t tester, s authorizerSubject) {
	want := s.answers(t, 0)
	for _, got := range together(racers, func(i int) []answer { return s.answers(t, i) }) {
		if d := diff(want, got); d != "" {
			t.Fatalf("asked by %d at once it answered otherwise (-alone +together):\n%s", racers, d)
		}
	}
}

// laden returns a question whose slices have something in them.
func laden(q moderation.Question) moderation.Question {
	q = cloneQuestion(q)
	q.Actor.Owners = append(q.Actor.Owners, "Olga", "Anna")
	q.Target.Owners = append(q.Target.Owners, "Owen", "Abel")
	q.Target.Conflicts = append(q.Target.Conflicts, "Carl", "Bert")
	return q
}

func leavesSlices(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		q := laden(c.Question)
		s.ask(t, q)
		if d := diff(laden(c.Question), q); d != "" {
			t.Errorf("case %q: Decide changed the question (-before +after):\n%s", c.Name, d)
		}
	}
}

func keepsNoSlices(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		q := laden(c.Question)
		want := s.ask(t, q)
		scramble(reflect.ValueOf(q))
		if d := diff(want, s.ask(t, laden(c.Question))); d != "" {
			t.Errorf("case %q: the answer changed when the slices of an earlier question did (-before +after):\n%s", c.Name, d)
		}
	}
}

func authorizerDone(t tester, s authorizerSubject) {
	ctx := doneContext(t)
	for _, c := range s.cases {
		want := s.ask(t, cloneQuestion(c.Question))
		returns(t, "Decide with a context that is done", func() {
			d, err := s.Decide(ctx, cloneQuestion(c.Question))
			switch {
			case err != nil && d.Allowed:
				t.Errorf("case %q: with a context that is done it is allowed together with the error %v", c.Name, err)
			case !d.Allowed:
			case !want.Decision.Allowed:
				t.Errorf("case %q: it is denied, but allowed where the context is done", c.Name)
			default:
				d.AsOf = want.Decision.AsOf
				if diff := diff(want.Decision, d); diff != "" {
					t.Errorf("case %q: what is allowed is another where the context is done (-want +got):\n%s", c.Name, diff)
				}
			}
		})
	}
}

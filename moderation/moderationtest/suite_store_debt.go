package moderationtest

import "github.com/elevenminutes/interlock/moderation"

// debtChecks are about bypasses that others have not answered for.
func debtChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a person owes for one bypass at a time", debtTwice},
		{"two bypasses in one change can't be one person's", debtTwiceInChange},
		{"a bypass goes on being owed when it is over", debtForEver},
		{"a settled bypass makes room for the next", debtSettled},
		{"a bypass that changed nothing is not owed", debtOfNothing},
		{"Owed selects what is owed", debtQuery},
	}
}

// bypass returns the first revision of a bypass that is at work.
func (s *samples) bypass(person, targetID string) moderation.Ticket {
	t := s.executing(targetID, 1)
	t.Step, t.Requester.Person = moderation.StepBypass, person
	return t
}

func debtTwice(t tester, s storeSubject) {
	first, second, other := s.bypass("Alice", "42"), s.bypass("Alice", "43"), s.bypass("Bob", "44")
	second.Requester.Login, second.Action.Actor = "alice-2", "alice-2"
	s.put(t, first)
	s.conflicts(t, "a second bypass of a person who owes", s.change(second))
	s.lacks(t, second.ID)
	s.put(t, other, withStatus(first, moderation.StatusExecuted))
	s.conflicts(t, "a second bypass of a person who owes", s.change(second))
}

func debtTwiceInChange(t tester, s storeSubject) {
	s.conflicts(t, "two bypasses of one person", s.change(s.bypass("Alice", "42"), s.bypass("Alice", "43")))
	s.must(t, s.change(s.bypass("Alice", "42"), s.bypass("Bob", "43")))
}

func debtForEver(t tester, s storeSubject) {
	for _, status := range []moderation.Status{moderation.StatusUndone, moderation.StatusEnded} {
		person := string(status)
		first := s.bypass(person, person)
		s.put(t, first, withStatus(first, status))
		s.conflicts(t, "a second bypass though the first is "+person, s.change(s.bypass(person, "43")))
	}
}

func debtSettled(t tester, s storeSubject) {
	first := s.bypass("Alice", "42")
	settled := withStatus(first, moderation.StatusExecuted)
	settled.Settled = at(5)
	s.put(t, first, settled, s.bypass("Alice", "43"))
	s.holds(t, settled)
}

func debtOfNothing(t tester, s storeSubject) {
	failed, refused := s.bypass("Alice", "42"), s.bypass("Alice", "42")
	s.put(t, failed, withStatus(failed, moderation.StatusFailed), refused, withStatus(refused, moderation.StatusRefused), s.bypass("Alice", "43"))
}

func debtQuery(t tester, s storeSubject) {
	owed, over, settled := s.bypass("Alice", "42"), s.bypass("Bob", "43"), s.bypass("Carol", "44")
	s.put(t, owed, over, settled, s.executed("45", 1, at(1)))
	over = withStatus(over, moderation.StatusUndone)
	settled = withStatus(settled, moderation.StatusExecuted)
	settled.Settled = at(5)
	s.put(t, over, settled)
	s.selects(t, moderation.Query{Owed: true}, owed, over)
	s.selects(t, moderation.Query{Owed: true, Person: "Bob"}, over)
	s.selects(t, moderation.Query{Owed: true, Status: []moderation.Status{moderation.StatusExecuting}}, owed)
	s.selects(t, moderation.Query{Owed: true, Limit: 1}, owed)
	s.selects(t, moderation.Query{Owed: true, After: owed.ID}, over)
}

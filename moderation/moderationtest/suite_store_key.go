package moderationtest

import (
	"github.com/elevenminutes/interlock/moderation"
)

// keyChecks are about idempotency keys.
func keyChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a requester's key stands for one ticket", keyTwice},
		{"a key stays taken when its ticket is over", keyForEver},
		{"a key is its requester's own", keyScoped},
		{"requester and key do not run together", keyJoined},
		{"keys are the same letter by letter only", keyLetters},
		{"two new tickets of a change can't share a key", keyTwiceInChange},
		{"the next revision keeps its key", keyKept},
	}
}

// keyed returns a new ticket with a requester and key.
func (s *samples) keyed(requester, key string) moderation.Ticket {
	t := s.ticket("42")
	t.Action.Actor, t.Requester.Login, t.Action.Key = requester, requester, key
	return t
}

func keyTwice(t tester, s storeSubject) {
	first, second := s.keyed("alice", "key"), s.keyed("alice", "key")
	second.Subject.ID, second.Action.Kind = "43", moderation.Limit
	s.put(t, first)
	s.conflicts(t, "a key that is taken", s.change(second))
	s.lacks(t, second.ID)
	s.selects(t, moderation.Query{Requester: "alice", Key: "key"}, first)
}

func keyForEver(t tester, s storeSubject) {
	for _, status := range []moderation.Status{
		moderation.StatusRejected, moderation.StatusCancelled, moderation.StatusTimedOut, moderation.StatusRefused,
		moderation.StatusFailed, moderation.StatusUndone, moderation.StatusEnded,
	} {
		key := string(status)
		first := s.keyed("alice", key)
		over := withStatus(first, status)
		s.put(t, first, over)
		s.conflicts(t, "the key of a ticket that is "+key, s.change(s.keyed("alice", key)))
		s.selects(t, moderation.Query{Requester: "alice", Key: key}, over)
	}
}

func keyScoped(t tester, s storeSubject) {
	first, second := s.keyed("alice", "key"), s.keyed("bob", "key")
	s.put(t, first, second)
	s.selects(t, moderation.Query{Requester: "alice", Key: "key"}, first)
	s.selects(t, moderation.Query{Requester: "bob", Key: "key"}, second)
	s.selects(t, moderation.Query{Key: "key"}, first, second)
}

func keyJoined(t tester, s storeSubject) {
	for _, pair := range [][2][2]string{
		{{"a", "bc"}, {"ab", "c"}},
		{{"a/b", "c"}, {"a", "b/c"}},
		{{"a:b", "c"}, {"a", "b:c"}},
		{{"a,b", "c"}, {"a", "b,c"}},
		{{"a|b", "c"}, {"a", "b|c"}},
		{{"a b", "c"}, {"a", "b c"}},
		{{`a"`, `b`}, {`a`, `"b`}},
	} {
		first, second := s.keyed(pair[0][0], pair[0][1]), s.keyed(pair[1][0], pair[1][1])
		s.put(t, first, second)
		s.selects(t, moderation.Query{Requester: pair[0][0], Key: pair[0][1]}, first)
		s.selects(t, moderation.Query{Requester: pair[1][0], Key: pair[1][1]}, second)
	}
}

func keyLetters(t tester, s storeSubject) {
	for _, key := range []string{"key", "KEY", "Key", "\u00e9", "e\u0301", "straße", "strasse", "1", "01"} {
		ticket := s.keyed("alice", key)
		s.put(t, ticket)
		s.selects(t, moderation.Query{Requester: "alice", Key: key}, ticket)
	}
}

func keyTwiceInChange(t tester, s storeSubject) {
	first, second := s.keyed("alice", "key"), s.keyed("alice", "key")
	s.conflicts(t, "one key for two new tickets", s.change(first, second))
	s.lacks(t, first.ID)
	s.lacks(t, second.ID)
}

func keyKept(t tester, s storeSubject) {
	first := s.keyed("alice", "key")
	second := withStatus(first, moderation.StatusHeld)
	s.put(t, first, second)
	s.holds(t, second)
	s.selects(t, moderation.Query{Requester: "alice", Key: "key"}, second)
}

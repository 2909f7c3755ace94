package moderationtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func keyDefects() []storeDefect {
	rekeyed := func(f func(requester, key string) (string, string)) func(*testing.T) moderation.Store {
		// Keys are compared as f makes them; tickets are kept as they are.
		s := newNaiveStore().without("key is free")
		s.rules = append(s.rules, commitRule{"broken keys", func(s *naiveStore, c moderation.Change) bool {
			for _, t := range c.Tickets {
				requester, key := f(t.Action.Actor, t.Action.Key)
				for _, old := range s.tickets {
					oldRequester, oldKey := f(old.Action.Actor, old.Action.Key)
					if old.ID != t.ID && requester == oldRequester && key == oldKey {
						return false
					}
				}
			}
			return true
		}})
		return broken(s)
	}
	open := newNaiveStore().without("key is free")
	open.rules = append(open.rules, commitRule{"keys of open tickets", func(s *naiveStore, c moderation.Change) bool {
		old := slices.DeleteFunc(slices.Clone(s.tickets), func(t moderation.Ticket) bool { return t.Status.Final() })
		return keyIsFree(&naiveStore{tickets: old}, c)
	}})
	return []storeDefect{
		{name: "keys are not kept", check: "a requester's key stands for one ticket", open: broken(newNaiveStore().without("key is free"))},
		{name: "a key is free when its ticket is over", check: "a key stays taken when its ticket is over", open: broken(open)},
		{name: "keys are everybody's", check: "a key is its requester's own",
			open: rekeyed(func(_, key string) (string, string) { return "", key })},
		{name: "requester and key are joined", check: "requester and key do not run together",
			open: rekeyed(func(requester, key string) (string, string) { return "", requester + key })},
		{name: "requester and key are joined by a slash", check: "requester and key do not run together",
			open: rekeyed(func(requester, key string) (string, string) { return "", requester + "/" + key })},
		{name: "keys are compared without case", check: "keys are the same letter by letter only",
			open: rekeyed(func(requester, key string) (string, string) { return requester, strings.ToLower(key) })},
		{name: "keys are compared with those before the change only", check: "two new tickets of a change can't share a key",
			open: rekeyed(func(requester, key string) (string, string) { return requester, key })},
		{name: "a ticket's key is in its own way", check: "the next revision keeps its key",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if slices.ContainsFunc(c.Tickets, func(t moderation.Ticket) bool { return t.Revision > 1 }) {
					return moderation.ErrConflict
				}
				return s.Commit(ctx, c)
			})},
	}
}

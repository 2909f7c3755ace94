package policy_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// ticketList is a store that holds some tickets and nothing else.
type ticketList struct {
	moderation.Store
	tickets []moderation.Ticket
	err     error
}

func (s ticketList) Tickets(_ context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		for _, t := range s.tickets {
			for _, status := range q.Status {
				if t.Status == status && t.Action.Kind == q.Kind && !yield(t, nil) {
					return
				}
			}
		}
		if s.err != nil {
			yield(moderation.Ticket{}, s.err)
		}
	}
}

func change(fence uint64, from, to string, status moderation.Status) moderation.Ticket {
	return moderation.Ticket{ID: from + to, Fence: fence, Status: status, Action: moderation.Action{
		Kind:       moderation.PolicyChangeKind,
		Parameters: map[string]string{moderation.PolicyReplaces: from, moderation.PolicyProposed: to},
	}}
}

func undo(fence uint64, from, to string, status moderation.Status) moderation.Ticket {
	t := change(fence, from, to, status)
	t.ID, t.Undoes = "undo "+t.ID, t.ID
	return t
}

func TestTicketApprovalsFollowTheChain(t *testing.T) {
	t.Parallel()
	const done, undone = moderation.StatusExecuted, moderation.StatusUndone
	type list = []policy.Approval
	for name, tc := range map[string]struct {
		tickets []moderation.Ticket
		first   string
		want    list
		err     string
	}{
		"no change":                      {nil, "A", list{{"A", 0}}, ""},
		"one change":                     {[]moderation.Ticket{change(1, "A", "B", done)}, "A", list{{"B", 1}}, ""},
		"two, told in another order":     {[]moderation.Ticket{change(2, "B", "C", done), change(1, "A", "B", done)}, "A", list{{"C", 2}}, ""},
		"there and back":                 {[]moderation.Ticket{change(1, "A", "B", done), change(2, "B", "A", done)}, "A", list{{"A", 2}}, ""},
		"one that was undone":            {[]moderation.Ticket{change(1, "A", "B", undone), undo(2, "A", "B", done)}, "A", list{{"A", 2}}, ""},
		"one after an undo":              {[]moderation.Ticket{change(1, "A", "B", undone), undo(2, "A", "B", done), change(3, "A", "C", done)}, "A", list{{"C", 3}}, ""},
		"one that is at work":            {[]moderation.Ticket{change(1, "A", "B", moderation.StatusExecuting)}, "A", list{{"A", 0}, {"B", 1}}, ""},
		"one whose outcome is not known": {[]moderation.Ticket{change(1, "A", "B", done), change(2, "B", "C", moderation.StatusUnknown)}, "A", list{{"B", 1}, {"C", 2}}, ""},
		"an undo that is at work":        {[]moderation.Ticket{change(1, "A", "B", done), undo(2, "A", "B", moderation.StatusExecuting)}, "A", list{{"B", 1}, {"A", 2}}, ""},
		"those that came to nothing":     {[]moderation.Ticket{change(1, "A", "B", moderation.StatusFailed), change(2, "A", "C", moderation.StatusRefused), change(0, "A", "D", moderation.StatusPending)}, "A", list{{"A", 0}}, ""},
		"a pin in the middle":            {[]moderation.Ticket{change(1, "A", "B", done), change(2, "B", "C", done)}, "B", list{{"C", 2}}, ""},
		"a pin at the end":               {[]moderation.Ticket{change(1, "A", "B", done)}, "B", list{{"B", 1}}, ""},
		"a pin that is nowhere":          {[]moderation.Ticket{change(1, "A", "B", done)}, "X", nil, "Config.Pinned"},
		"a pin that is only at work":     {[]moderation.Ticket{change(1, "A", "B", moderation.StatusExecuting)}, "B", nil, "Config.Pinned"},
		"a link that is missing":         {[]moderation.Ticket{change(1, "A", "B", done), change(3, "C", "D", done)}, "A", nil, "no chain"},
		"two that replace the same":      {[]moderation.Ticket{change(1, "A", "B", done), change(2, "A", "C", done)}, "A", nil, "no chain"},
		"a ticket of another kind":       {[]moderation.Ticket{{ID: "x", Fence: 9, Status: done, Action: moderation.Action{Kind: "account.suspend"}}}, "A", list{{"A", 0}}, ""},
	} {
		got, err := policy.TicketApprovals(ticketList{tickets: tc.tickets}).Approved(t.Context(), tc.first)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, %v; want %q", name, got, err, tc.err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := policy.TicketApprovals(ticketList{err: errors.New("boom")}).Approved(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("a store that fails: %v", err)
	}
}

// approving are approvals that a test sets.
type approving func(first string) ([]policy.Approval, error)

func (a approving) Approved(_ context.Context, first string) ([]policy.Approval, error) {
	return a(first)
}

// A change that another process executed takes force here too, and not before.
func TestApprovalsOfOtherProcessesLetVersionsTakeForce(t *testing.T) {
	t.Parallel()
	one, two := digestOf(t, base), digestOf(t, other)
	for name, tc := range map[string]struct {
		approved approving
		want     string
		kept     bool
	}{
		"approved":                {func(string) ([]policy.Approval, error) { return []policy.Approval{{two, 5}}, nil }, two, false},
		"at work":                 {func(string) ([]policy.Approval, error) { return []policy.Approval{{one, 0}, {two, 5}}, nil }, two, false},
		"not approved":            {func(string) ([]policy.Approval, error) { return []policy.Approval{{one, 0}}, nil }, one, true},
		"nothing is approved":     {func(string) ([]policy.Approval, error) { return nil, nil }, one, true},
		"another one is approved": {func(string) ([]policy.Approval, error) { return []policy.Approval{{strings.Repeat("c", 64), 9}}, nil }, one, true},
		"it can't be told":        {func(string) ([]policy.Approval, error) { return []policy.Approval{{two, 5}}, errors.New("boom") }, one, false},
		"it panics":               {func(string) ([]policy.Approval, error) { panic("boom") }, one, false},
	} {
		ready := false
		a, s, err := openWith(t, base, func(c *policy.Config) {
			c.Pinned = one
			c.Approvals = approving(func(first string) ([]policy.Approval, error) {
				if !ready {
					return []policy.Approval{{first, 0}}, nil
				}
				return tc.approved(first)
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		ready = true
		s.setText(other)
		err = a.Reload(t.Context())
		if (err == nil) != (tc.want == two) || a.Digest() != tc.want || (len(a.Quarantine()) > 0) != tc.kept {
			t.Errorf("%s: %v, with %.12s in force and %d quarantined", name, err, a.Digest(), len(a.Quarantine()))
		}
	}
}

// Tickets that were read before a change don't bring back what it replaced.
func TestStaleApprovalsBringNothingBack(t *testing.T) {
	t.Parallel()
	one, two := digestOf(t, base), digestOf(t, other)
	list := []policy.Approval{{one, 3}}
	a, s, err := openWith(t, base, func(c *policy.Config) {
		c.Pinned = one
		c.Approvals = approving(func(string) ([]policy.Approval, error) { return list, nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	s.setText(other)
	list = []policy.Approval{{two, 5}}
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.setText(base)
	list = []policy.Approval{{one, 3}}
	refused(t, a.Reload(t.Context()), policy.ReasonUnapproved, one)
	list = []policy.Approval{{one, 6}} // a later change brought it back
	if err := a.Reload(t.Context()); err != nil || a.Digest() != one {
		t.Errorf("brought back by a later change: %v", err)
	}
}

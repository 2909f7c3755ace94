package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// Approval is a version of the policy that may be in force by the changes of
// the policy that were executed.
type Approval struct {
	// Digest is the version's.
	Digest string
	// Fence is the fence of the ticket under which it took force; zero for the
	// version that the configuration names. It grows with each change.
	Fence uint64
}

// Approvals knows which versions may be in force: the one that the last
// executed change of the policy brought, and the one that a change brings whose
// handler is at work or whose outcome is unknown. Versions before that are not
// among them. [TicketApprovals] is one.
//
// Approved returns them; first is the digest of the version that is in force
// where there was no change ([Config].Pinned). It is called by one goroutine at
// a time. An error keeps what was loaded from taking force.
type Approvals interface {
	Approved(ctx context.Context, first string) ([]Approval, error)
}

// TicketApprovals returns approvals that are read from a guard's tickets: all
// changes of the policy that were executed, in the order of their fences. They
// must be one chain that begins with, or goes through, Config.Pinned, each change
// replacing the version that the one before it brought; else nothing is
// approved.
//
// The store may be the guard's own, or, where the guard keeps its tickets in
// memory, one that [moderation.NewMemoryStore] rebuilds from the same trail
// before the policy is opened.
func TicketApprovals(store moderation.Store) Approvals { return ticketApprovals{store} }

type ticketApprovals struct{ store moderation.Store }

// Approved walks the chain of changes.
func (t ticketApprovals) Approved(ctx context.Context, first string) ([]Approval, error) {
	if typednil.Is(t.store) {
		return nil, errors.New("the store of tickets is nil")
	}
	changes, err := t.changes(ctx)
	if err != nil {
		return nil, err
	}
	now, known := Approval{Digest: first}, false
	for i, c := range changes {
		if i == 0 {
			known = c.from == first
		} else if c.from != now.Digest {
			return nil, fmt.Errorf("ticket %s replaced version %.12s, but %.12s was in force; the tickets are no chain", c.ticket, c.from, now.Digest)
		}
		if c.open {
			return []Approval{now, {c.to, c.fence}}, t.begins(known, first)
		}
		now = Approval{c.to, c.fence}
		known = known || c.to == first
	}
	return []Approval{now}, t.begins(known || len(changes) == 0, first)
}

func (t ticketApprovals) begins(known bool, first string) error {
	if !known {
		return fmt.Errorf("the version that Config.Pinned names (%.12s) is none that the executed changes go through", first)
	}
	return nil
}

// replacement is one change of the policy, or its undo.
type replacement struct {
	ticket, from, to string
	fence            uint64
	open             bool // whether it took effect is not known yet
}

// changes returns the changes that were executed, or may have been, by their
// fences. A policy has one ticket at work at a time.
func (t ticketApprovals) changes(ctx context.Context) ([]replacement, error) {
	var list []replacement
	tickets := t.store.Tickets(ctx, moderation.Query{
		Kind: moderation.PolicyChangeKind,
		Status: []moderation.Status{moderation.StatusExecuted, moderation.StatusUndone,
			moderation.StatusExecuting, moderation.StatusUnknown},
	})
	for ticket, err := range tickets {
		if err != nil {
			return nil, fmt.Errorf("reading the changes of the policy: %w", err)
		}
		c := replacement{ticket: ticket.ID, from: ticket.Action.Parameters[moderation.PolicyReplaces], to: ticket.Action.Parameters[moderation.PolicyProposed], fence: ticket.Fence}
		if ticket.Undoes != "" {
			c.from, c.to = c.to, c.from
		}
		c.open = ticket.Status == moderation.StatusExecuting || ticket.Status == moderation.StatusUnknown
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b replacement) int { return cmp.Compare(a.fence, b.fence) })
	return list, nil
}

// approvalTimeout bounds the question which versions are approved.
const approvalTimeout = 10 * time.Second

// unansweredError is the error of who could not say whether a version is approved:
// that is no reason to quarantine it.
type unansweredError struct{ error }

// approval returns the fence under which a version was approved, or why it may
// not take force. Where no version is pinned, all that the source holds may. A
// version that was in force before is not approved by having been so.
func (a *Authorizer) approval(ctx context.Context, old *version, digest string, how loading) (uint64, error) {
	if a.config.Pinned == "" {
		return 0, nil
	}
	var inForce uint64
	if old != nil {
		inForce = old.fence
	}
	if how.sure.Digest == digest {
		return how.sure.Fence, nil
	}
	list := []Approval{{Digest: a.config.Pinned}}
	if a.config.Approvals != nil {
		var err error
		list, err = bounded(ctx, approvalTimeout, "Config.Approvals", func(ctx context.Context) ([]Approval, error) {
			return a.config.Approvals.Approved(ctx, a.config.Pinned)
		})
		if err != nil {
			return 0, &unansweredError{fmt.Errorf("whether %.12s was approved can't be told: %w", digest, err)}
		}
	} else if old != nil {
		return 0, errors.New("no executed change of the policy brought it, and Config.Pinned names only the first version")
	}
	for _, approved := range list {
		switch {
		case approved.Digest != digest:
		case approved.Fence < inForce:
			return 0, errors.New("it was approved once and replaced since; a change of the policy brings it back, not an edit")
		default:
			return approved.Fence, nil
		}
	}
	return 0, errors.New("no executed change of the policy brought it")
}

package batch

import (
	"context"
	"errors"
	"iter"

	"github.com/elevenminutes/interlock/moderation"
)

// UndoAll takes back all that was done under a batch, in one call, and yields what
// came of each member's ticket. It needs no members: the tickets tell. What each
// has changed is restored exactly, and what else stands on a target stays.
//
// The sequence ends with a non-nil error, and an empty Result, where not every
// member had its turn: the undo waits for approvals ([moderation.ErrPending]), was
// refused or halted, a dependency failed, or ctx is done. Call it again with the
// same key to go on. See [moderation.Guard.UndoBatch].
func (r *Runner) UndoAll(ctx context.Context, u moderation.UndoRequest) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		err := r.undoAll(ctx, u, func(result Result) bool { return yield(result, nil) })
		if err != nil && !errors.Is(err, errLeft) {
			yield(Result{}, err)
		}
	}
}

func (r *Runner) undoAll(ctx context.Context, u moderation.UndoRequest, yield func(Result) bool) error {
	guard, config := r.parts()
	undo, err := guard.UndoBatch(ctx, u)
	if err != nil {
		return err
	}
	var standing []string
	for ticket, err := range guard.StandingMembers(ctx, undo.ID) {
		if err != nil {
			return err
		}
		standing = append(standing, ticket)
	}
	p := &progress{
		Progress: Progress{Mandate: undo.ID, Total: len(standing)}, came: make([]outcome, len(standing)),
		tell: config.Progress, yield: yield,
	}
	return p.each(ctx, config.Workers, 0, len(standing), func(ctx context.Context, i int) turned {
		t, err := guard.UndoMember(ctx, undo.ID, standing[i])
		return turned{Result{Member: standing[i], Ticket: t.ID, Status: t.Status, Err: err}, i}
	})
}

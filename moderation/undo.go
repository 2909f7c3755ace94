package moderation

import (
	"context"
	"fmt"
	"time"
)

// Undo takes back what was done under one ticket, and nothing else: the
// handler is told what else stands on the target. It has its own right, its
// own limits and, where the policy says so, its own quorum. What it returns is
// the undo's own ticket, and its errors are those of Do.
//
// A ticket whose outcome is unknown can be undone where its kind is
// Idempotent; that settles it. An undo is not itself undone: the action is
// asked for again.
//
// Where the handler finds the target no longer as the ticket left it
// ([ErrTargetChanged]) nothing is changed, and the undo comes out as failed with
// [CodeTargetChanged]. A person who holds the step resolve besides can ask for
// the undo anyway; see UndoRequest.Anyway.
func (g *Guard) Undo(ctx context.Context, u UndoRequest) (Ticket, error) {
	return g.ask(ctx, u.request(StepUndo))
}

func (u UndoRequest) request(step Step) request {
	return request{step: step, undoes: u.Ticket, anyway: u.Anyway, action: Action{
		Actor: u.Actor, Reason: u.Reason, Case: u.Case, Key: u.Key,
	}}
}

// takeBack looks up what an undo takes back, and fills in the action.
func (q *inquiry) takeBack(ctx context.Context, r *request, f *findings) error {
	t, err := q.ticket(ctx, r.undoes)
	if err != nil {
		return err
	}
	// Its handler may yet take effect, in this process or in another one.
	elsewhere := q.g.config.Store != nil && t.Status == StatusUnknown && q.now.Before(t.GiveUp.Add(q.g.config.ResolveGrace))
	if q.g.atWork(t.ID) || elsewhere {
		return &Refusal{Code: CodeTooEarly, Ticket: t.ID, RetryAfter: time.Second, Text: "The handler may still be running; look again later."}
	}
	kind, ok := q.g.kinds[t.Action.Kind]
	if !ok {
		return &Refusal{Code: CodeUnknownKind, Ticket: t.ID, Text: fmt.Sprintf("No kind of action is registered as %q any more.", t.Action.Kind)}
	}
	if err := undoable(t, kind, r.step); err != nil {
		return err
	}
	f.undoes, f.kind, f.call = &t, kind, CallUndo
	f.action.Kind, f.action.Target, f.action.Parameters = t.Action.Kind, t.Subject.ID, t.Action.Parameters
	return nil
}

// undoable reports why a ticket can't be taken back.
func undoable(t Ticket, kind Kind, step Step) error {
	refuse := func(format string, args ...any) error {
		return &Refusal{Code: CodeNotUndoable, Ticket: t.ID, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case t.Batch != nil:
		return refuse("Ticket %s is a batch; UndoBatch takes back all of its members.", t.ID)
	case (t.Step == StepFreeze) != (step == StepUnfreeze):
		return refuse("Ticket %s is a %s; Unfreeze ends freezes, and Undo takes back everything else.", t.ID, t.Step)
	case t.Undoes != "":
		return refuse("Ticket %s is itself an undo. To have the action again, ask for it again.", t.ID)
	case t.Status == StatusUndone:
		return refuse("Ticket %s was undone already, by ticket %s.", t.ID, t.UndoneBy)
	case kind.Undo == nil:
		return &Refusal{Code: CodeIrreversible, Ticket: t.ID, Text: kind.Name + " can't be undone."}
	case t.Status == StatusUnknown && !t.ends() && kind.Idempotent:
		return nil // taking it back settles it
	case t.Status == StatusUnknown:
		return refuse("Whether ticket %s was done is not known. It must be resolved first.", t.ID)
	case t.Status != StatusExecuted:
		return refuse("Ticket %s is %s; there is nothing to take back.", t.ID, t.Status)
	}
	return nil
}

package moderation

import "context"

// Undo takes back what was done under one ticket, and nothing else: the
// handler is told what else stands on the target. It has its own right, its
// own limits and, where the policy says so, its own quorum. What it returns is
// the undo's own ticket, and its errors are those of Do.
//
// A ticket whose outcome is unknown can be undone where its kind is
// Idempotent; that settles it. An undo is not itself undone: the action is
// asked for again.
func (g *Guard) Undo(ctx context.Context, u UndoRequest) (Ticket, error) {
	return g.ask(ctx, u.request(StepUndo))
}

func (u UndoRequest) request(step Step) request {
	return request{step: step, undoes: u.Ticket, action: Action{
		Actor: u.Actor, Reason: u.Reason, Case: u.Case, Key: u.Key,
	}}
}

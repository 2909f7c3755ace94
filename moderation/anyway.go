package moderation

import (
	"context"
	"crypto/sha256"
	"errors"
)

// appendAnyway tells an undo that is done anyway from one that is not. Nothing
// follows it, so that the digests of all other tickets stay as they are.
func appendAnyway(b []byte, anyway bool) []byte {
	if !anyway {
		return b
	}
	return appendText(b, "anyway")
}

// idempotency tells a repeated call from a reused key.
func (r request) idempotency() Digest {
	d := r.action.idempotency(r.step, r.undoes)
	if !r.anyway {
		return d
	}
	return sha256.Sum256(appendAnyway(appendText(appendText(nil, idempotencyTag), string(d[:])), true))
}

// mayInsist asks for the right to take back what has changed since.
func (q *inquiry) mayInsist(ctx context.Context, r *request, f *findings) error {
	switch {
	case !r.anyway:
		return nil
	case r.step != StepUndo:
		return invalid("UndoRequest.Anyway", "is set, but a freeze is always as its ticket left it")
	case f.actor.Type != Human:
		return &Refusal{Code: CodeService, Text: "Only a person can say that something is undone anyway, and " + f.actor.Login + " is a service."}
	}
	_, err := q.decide(ctx, q.question(StepResolve, f))
	return err
}

// notUndone is the code of an undo that left alone what had changed since.
func (t *Ticket) notUndone(err error) Code {
	if t.Call == CallUndo && errors.Is(err, ErrTargetChanged) {
		return CodeTargetChanged
	}
	return ""
}

// cameTo says for people what a call of a handler came to.
func (t *Ticket) cameTo() string {
	if t.Code == CodeTargetChanged {
		return "Nothing was changed: the target is no longer as the ticket left it. A person who may resolve can have it undone anyway."
	}
	return t.Status.text()
}

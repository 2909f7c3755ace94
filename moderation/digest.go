package moderation

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// The tags keep the two digests, and later versions of them, apart.
const (
	digestTag      = "interlock/action/v1"
	idempotencyTag = "interlock/idempotency/v1"
)

// digest binds an approval to exactly this: the ticket, who asked, and what
// would be done to whom. Every field is length-prefixed, so that no two
// different actions have the same encoding.
func (t Ticket) digest() Digest {
	var room [512]byte
	b := appendText(room[:0], digestTag)
	b = appendText(b, t.ID)
	b = appendText(b, t.Requester.Login)
	b = appendText(b, t.Requester.Person)
	b = appendText(b, string(t.Step))
	b = appendText(b, t.Action.Kind)
	b = appendText(b, t.Subject.ID)
	b = appendText(b, t.Tier)
	b = t.Action.appendTerms(b, t.members())
	b = appendText(b, t.Undoes)
	b = appendAnyway(b, t.Anyway)
	switch {
	case t.Batch != nil:
		b = t.Batch.appendTerms(b)
	case t.Mandate != "":
		b = appendText(b, t.Mandate)
	}
	return sha256.Sum256(b)
}

// idempotency tells a repeated call from a reused key. It covers the claim as
// it was made, not what it resolved to: a retry must find its ticket also when
// the handle has changed hands since.
func (a Action) idempotency(step Step, undoes string) Digest {
	var room [512]byte
	b := appendText(room[:0], idempotencyTag)
	b = appendText(b, a.Actor)
	b = appendText(b, string(step))
	b = appendText(b, a.Kind)
	b = appendText(b, a.Target)
	b = appendText(b, a.Tier)
	b = a.appendTerms(b, 1)
	b = appendText(b, undoes)
	return sha256.Sum256(b)
}

// appendTerms encodes what both digests have in common.
func (a Action) appendTerms(b []byte, targets int) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(a.Duration))
	b = appendText(b, a.Reason)
	b = appendText(b, a.Case)
	b = binary.BigEndian.AppendUint64(b, uint64(targets))
	b = binary.BigEndian.AppendUint64(b, uint64(len(a.Parameters)))
	if len(a.Parameters) == 0 {
		return b
	}
	names := make([]string, 0, len(a.Parameters))
	for name := range a.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendText(b, name)
		b = appendText(b, a.Parameters[name])
	}
	return b
}

func appendText(b []byte, text string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(text)))
	return append(b, text...)
}

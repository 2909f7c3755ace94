package moderation

import (
	"encoding/binary"
	"time"
)

// A packed ticket is a row of numbers, as varints, and of texts, each with its
// length. It is read by the vocabulary that it was written with, in the memory
// of one process, so that its form is no promise to anybody. Its ID is not in it:
// whoever has it knows under which ID.

// pack returns a ticket, which is no batch's, in few bytes. It writes what unpack reads, in the same
// order, and loses nothing that a record would keep: times are UTC, and what is
// empty is nil.
func (v *vocabulary) pack(t *Ticket) string {
	var room [1024]byte
	b := packText(room[:0], t.Subject.ID)
	b = binary.AppendUvarint(b, t.Revision)
	b = v.packName(b, string(t.Status))
	b = v.packName(b, string(t.Step))
	b = v.packSubject(b, &t.Subject, t.Requested)
	b = v.packAction(b, t)
	b = append(b, t.Digest[:]...)
	b = append(b, t.Idempotency[:]...)
	b = v.packName(b, t.Tier)
	b = v.packParty(b, &t.Requester)
	b = v.packName(b, t.Policy)
	b = v.packRequirement(b, &t.Requirement)
	b = v.packSlots(b, t.Extra)
	b = v.packSlots(b, t.Overrun)
	b = v.packSlots(b, t.Open)
	b = v.packNames(b, t.Barred)
	b = v.packRules(b, t.Rules)
	b = v.packReviews(b, t.Reviews, t.Requested)
	for _, at := range t.times() {
		b = packTime(b, *at, t.Requested)
	}
	b = v.packName(b, string(t.Call))
	b = binary.AppendUvarint(b, t.Fence)
	b = packTextBut(b, t.Attempt, t.ID)
	b = packText(b, string(t.UndoToken))
	b = packText(b, t.Undoes)
	b = packText(b, t.UndoneBy)
	b = packText(b, t.After)
	b = v.packName(b, string(t.Code))
	b = packText(b, t.Note)
	b = appendTruths(b, t.Anyway)
	b = binary.AppendVarint(b, int64(t.Tries))
	return string(v.packName(b, t.Mandate))
}

func (v *vocabulary) packSubject(b []byte, s *Subject, from time.Time) []byte {
	b = packTime(b, from, time.Time{})
	b = v.packName(b, s.Tier)
	b = v.packName(b, s.Domain)
	b = binary.AppendVarint(b, s.Reach)
	return packTime(b, s.TierSeen, from)
}

func (v *vocabulary) packAction(b []byte, t *Ticket) []byte {
	a := &t.Action
	b = v.packName(b, a.Kind)
	b = v.packName(b, a.Actor)
	b = packTextBut(b, a.Target, t.Subject.ID)
	b = v.packName(b, a.Tier)
	b = packText(b, a.Reason)
	b = packText(b, a.Case)
	b = binary.AppendUvarint(b, uint64(len(a.Parameters)))
	for name, value := range a.Parameters {
		b = packText(packText(b, name), value)
	}
	b = binary.AppendVarint(b, int64(a.Duration))
	return packText(b, a.Key)
}

func (v *vocabulary) packParty(b []byte, p *Party) []byte {
	b = v.packName(b, p.Login)
	b = v.packName(b, p.Person)
	b = v.packName(b, string(p.Type))
	return v.packNames(b, p.Owners)
}

func (v *vocabulary) packReviews(b []byte, reviews []Review, from time.Time) []byte {
	b = binary.AppendUvarint(b, uint64(len(reviews)))
	for i := range reviews {
		r := &reviews[i]
		b = v.packName(b, r.Login)
		b = v.packName(b, r.Person)
		b = v.packName(b, string(r.Verdict))
		b = v.packNames(b, r.Roles)
		b = v.packName(b, r.Policy)
		b = packText(b, r.Reason)
		b = packTime(b, r.Time, from)
		b = packText(b, r.Void)
	}
	return b
}

// times are those that a ticket has besides Requested, from which they are
// counted.
func (t *Ticket) times() [11]*time.Time {
	return [...]*time.Time{&t.Approved, &t.Due, &t.Deadline, &t.Escalated, &t.Started, &t.GiveUp, &t.Executed, &t.Until, &t.Over, &t.Settled, &t.Retry}
}

// packTime appends a time: that it is zero, or its seconds counted from another
// time and its nanoseconds.
func packTime(b []byte, at, from time.Time) []byte {
	if at.IsZero() {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, 1+uint64(at.Nanosecond()))
	return binary.AppendVarint(b, at.Unix()-from.Unix())
}

// packName appends a text that is likely to recur.
func (v *vocabulary) packName(b []byte, name string) []byte {
	if len(name) > MaxName {
		return packText(append(b, 0), name)
	}
	return binary.AppendUvarint(b, 1+v.numberName(name))
}

func (v *vocabulary) packNames(b []byte, names []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = v.packName(b, name)
	}
	return b
}

func packText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// packTextBut appends a text that is likely to be the same as another.
func packTextBut(b []byte, text, other string) []byte {
	if text == other {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, 1+uint64(len(text))), text...)
}

func (v *vocabulary) packRules(b []byte, rules []Rule) []byte {
	var room [256]byte
	return binary.AppendUvarint(b, v.rules.number(formRules(room[:0], rules), (*unpacker).formRules))
}

func (v *vocabulary) packSlots(b []byte, slots []Slot) []byte {
	var room [256]byte
	return binary.AppendUvarint(b, v.slots.number(formSlots(room[:0], slots), (*unpacker).formSlots))
}

func (v *vocabulary) packRequirement(b []byte, r *Requirement) []byte {
	var room [512]byte
	form := formSlots(room[:0], r.Quorum.Slots)
	form = appendTruths(form, r.Quorum.None)
	form = binary.AppendVarint(form, int64(r.Hold))
	form = binary.AppendVarint(form, int64(r.Deadline))
	form = formRules(form, r.Rules)
	return binary.AppendUvarint(b, v.requirements.number(form, (*unpacker).formRequirement))
}

// formRules appends the form by which rules are numbered.
func formRules(b []byte, rules []Rule) []byte {
	b = binary.AppendUvarint(b, uint64(len(rules)))
	for i := range rules {
		b = packText(packText(b, rules[i].Source), rules[i].Text)
	}
	return b
}

// formSlots appends the form by which slots are numbered. A slot that is nil is
// not one that is empty.
func formSlots(b []byte, slots []Slot) []byte {
	b = binary.AppendUvarint(b, uint64(len(slots)))
	for _, slot := range slots {
		if slot == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, 1+uint64(len(slot)))
		for _, role := range slot {
			b = packText(b, role)
		}
	}
	return b
}

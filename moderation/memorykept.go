package moderation

import (
	"slices"
	"time"
)

// kept is one revision of a ticket as the store has it. It is never changed,
// only replaced.
type kept struct {
	id string
	// whole is the ticket while somebody is at work on it. One at rest is packed:
	// most tickets rest for ever.
	whole  *Ticket
	packed string
	words  *vocabulary // of packed
}

// keep takes a ticket in, which is nobody else's to change. The ID is that by
// which the store knows it.
func (s *MemoryStore) keep(id string, t *Ticket) *kept {
	if s.words.full() {
		s.words = &vocabulary{}
	}
	if !t.rests() {
		return &kept{id: id, whole: t}
	}
	return &kept{id: id, packed: s.words.pack(t), words: s.words}
}

// rests reports whether a ticket is likely to stay as it is for a while: for ever,
// or until people have had their say. Freezes are few and looked at by every
// action, and a batch by every member.
func (t *Ticket) rests() bool {
	settled := t.Status == StatusExecuted || t.Status.Final() || t.Status.Waiting()
	return settled && t.Subject.ID != FreezeTarget && t.Batch == nil
}

// ticket returns the ticket, which is not to be changed. The store must be
// locked, since words may be added to the vocabulary meanwhile.
func (k *kept) ticket() *Ticket {
	if k.whole != nil {
		return k.whole
	}
	t := new(Ticket)
	k.unpack(t)
	return t
}

// copyTo fills an empty ticket, where there is room for it already.
func (k *kept) copyTo(t *Ticket) {
	if k.whole != nil {
		*t = *k.whole
		return
	}
	k.unpack(t)
}

func (k *kept) unpack(t *Ticket) {
	t.ID = k.id
	k.words.unpack(k.packed, t)
}

// head returns what can be told of a ticket without unpacking all of it.
func (k *kept) head() (revision uint64, status Status) {
	if k.whole != nil {
		return k.whole.Revision, k.whole.Status
	}
	in := &unpacker{words: k.words, text: k.packed}
	in.string()
	return in.number(), Status(in.name())
}

// subject is what was last seen of the ticket's target.
func (k *kept) subject() Subject {
	if k.whole != nil {
		return k.whole.Subject
	}
	in := &unpacker{words: k.words, text: k.packed}
	id := in.string()
	in.number()
	in.name()
	in.name()
	return in.subject(id, in.time(time.Time{}))
}

// mayMatch reports whether it is worth unpacking the ticket for a query.
func (k *kept) mayMatch(q Query) bool {
	if len(q.Status) == 0 {
		return true
	}
	_, status := k.head()
	return slices.Contains(q.Status, status)
}

// lookup returns the ticket of an ID, which is not to be changed; nil for none.
func (s *MemoryStore) lookup(id string) *Ticket {
	if k := s.tickets[id]; k != nil {
		return k.ticket()
	}
	return nil
}

// target is that of a packed ticket, as a part of its text.
func (k *kept) target() string { return (&unpacker{text: k.packed}).string() }

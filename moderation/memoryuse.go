package moderation

import (
	"encoding/binary"
	"iter"
	"slices"
	"time"
)

const (
	usesAtOnce   = 512 // for how many uses of limits the memory store makes room at once
	usesTogether = 4   // how many it keeps in one at most
)

// keptUse is what one ticket used of limits at one moment, as the memory store
// has it. Most tickets have two.
type keptUse struct {
	ticket      string
	terms       *useTerms
	reach       int64
	seconds     int64
	nanoseconds int32
}

// useTerms are what is the same for the uses of many tickets.
type useTerms struct {
	what    []useOf
	tier    string
	domain  string
	overrun []Slot
}

// all yields what was used, in order.
func (k *keptUse) all() iter.Seq[use] {
	return func(yield func(use) bool) {
		at := time.Unix(k.seconds, int64(k.nanoseconds)).UTC()
		for _, what := range k.terms.what {
			if !yield(use{k.ticket, what, k.terms.tier, k.terms.domain, k.reach, k.terms.overrun, at}) {
				return
			}
		}
	}
}

// goesWith reports whether there is room for a use that is by the same ticket, at
// the same moment and on the same terms.
func (k *keptUse) goesWith(u *use) bool {
	return len(k.terms.what) < usesTogether && k.ticket == u.ticket && k.reach == u.reach &&
		k.seconds == u.at.Unix() && k.nanoseconds == int32(u.at.Nanosecond()) &&
		k.terms.tier == u.tier && k.terms.domain == u.domain && slices.EqualFunc(k.terms.overrun, u.overrun, sameSlot)
}

// sameSlot reports whether two slots are written alike.
func sameSlot(a, b Slot) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// keepUse takes in a use by a ticket that is in its place.
func (s *MemoryStore) keepUse(u use) {
	last := len(s.uses) - 1
	if last >= 0 {
		if k := &s.uses[last][len(s.uses[last])-1]; k.goesWith(&u) {
			k.terms = s.words.useTerms(&u, k.terms.what...)
			return
		}
	}
	if last < 0 || len(s.uses[last]) == usesAtOnce {
		s.uses = append(s.uses, make([]keptUse, 0, usesAtOnce))
		last++
	}
	s.uses[last] = append(s.uses[last], keptUse{s.tickets[u.ticket].id, s.words.useTerms(&u), u.reach, u.at.Unix(), int32(u.at.Nanosecond())})
}

// usesKept yields what limits were used, in order.
func (s *MemoryStore) usesKept() iter.Seq[use] {
	return func(yield func(use) bool) {
		for _, some := range s.uses {
			for i := range some {
				for u := range some[i].all() {
					if !yield(u) {
						return
					}
				}
			}
		}
	}
}

// noteUses remembers the use of limits by a change, whose tickets are in place.
func (s *MemoryStore) noteUses(c *Change) {
	var room [3]use
	for _, u := range appendUses(room[:0], &c.Record, c.Tickets) {
		s.keepUse(u)
	}
}

// useTerms returns the terms of a use, and of those before that it goes with.
func (v *vocabulary) useTerms(u *use, before ...useOf) *useTerms {
	var room [256]byte
	form := binary.AppendUvarint(room[:0], uint64(len(before)+1))
	for _, what := range before {
		form = packText(form, string(what))
	}
	form = packText(form, string(u.what))
	form = packText(packText(form, u.tier), u.domain)
	form = formSlots(form, u.overrun)
	return v.terms.values[v.terms.number(form, (*unpacker).formUseTerms)]
}

func (in *unpacker) formUseTerms() *useTerms {
	what := list(in, func() useOf { return useOf(in.string()) })
	return &useTerms{what, in.string(), in.string(), in.formSlots()}
}

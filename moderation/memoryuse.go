package moderation

import "time"

// keptUse is a use of limits as the memory store has it, of which there are
// three for most tickets.
type keptUse struct {
	ticket      string
	terms       string // what, tier, domain and overrun, packed; one text for all uses that are alike
	reach       int64
	seconds     int64
	nanoseconds int32
}

// keepUse takes in a use by a ticket that is in its place.
func (s *MemoryStore) keepUse(u use) {
	var room [MaxName]byte
	terms := packText(room[:0], string(u.what))
	terms = packText(packText(terms, u.tier), u.domain)
	terms = formSlots(terms, u.overrun)
	s.uses = append(s.uses, keptUse{s.tickets[u.ticket].id, s.words.text(terms), u.reach, u.at.Unix(), int32(u.at.Nanosecond())})
}

// use is what was kept.
func (k *keptUse) use() use {
	in := &unpacker{text: k.terms}
	u := use{ticket: k.ticket, what: useOf(in.string()), tier: in.string(), domain: in.string(), overrun: in.formSlots()}
	u.reach, u.at = k.reach, time.Unix(k.seconds, int64(k.nanoseconds)).UTC()
	return u
}

// noteUses remembers the use of limits by a change, whose tickets are in place.
func (s *MemoryStore) noteUses(c *Change) {
	var room [3]use
	for _, u := range appendUses(room[:0], &c.Record, c.Tickets) {
		s.keepUse(u)
	}
}

package moderation

import "time"

// unpacker reads what pack wrote. It copies no text: those of the ticket are
// parts of the packed one.
type unpacker struct {
	words *vocabulary // nil within the form of a word
	text  string
	at    int // what of the text was read
}

// unpack fills a ticket, of which the ID is set, with what pack wrote.
func (v *vocabulary) unpack(packed string, t *Ticket) {
	in := &unpacker{words: v, text: packed}
	id := in.string()
	t.Revision = in.number()
	t.Status = Status(in.name())
	t.Step = Step(in.name())
	t.Requested = in.time(time.Time{})
	t.Subject = in.subject(id, t.Requested)
	t.Action = in.action(t.Subject.ID)
	in.digest(&t.Digest)
	in.digest(&t.Idempotency)
	t.Tier = in.name()
	t.Requester = Party{Login: in.name(), Person: in.name(), Type: ActorType(in.name()), Owners: in.names()}
	t.Policy = in.name()
	t.Requirement = v.requirements.values[in.number()]
	t.Extra = v.slots.values[in.number()]
	t.Overrun = v.slots.values[in.number()]
	t.Open = v.slots.values[in.number()]
	t.Barred = in.names()
	t.Rules = v.rules.values[in.number()]
	t.Reviews = in.reviews(t.Requested)
	for _, at := range t.times() {
		*at = in.time(t.Requested)
	}
	t.Call = Call(in.name())
	t.Fence = in.number()
	t.Attempt = in.textBut(t.ID)
	t.UndoToken = UndoToken(in.string())
	t.Undoes = in.string()
	t.UndoneBy = in.string()
	t.After = in.string()
	t.Code = Code(in.name())
	t.Note = in.string()
	t.Anyway = in.truth()
	t.Tries = int(in.signed())
	t.Mandate = in.name()
	if in.at != len(packed) {
		panic(notPacked)
	}
}

func (in *unpacker) subject(id string, from time.Time) Subject {
	return Subject{ID: id, Tier: in.name(), Domain: in.name(), Reach: in.signed(), TierSeen: in.time(from)}
}

func (in *unpacker) action(subject string) Action {
	a := Action{Kind: in.name(), Actor: in.name(), Target: in.textBut(subject), Tier: in.name(), Reason: in.string(), Case: in.string()}
	if n := in.count(); n > 0 {
		a.Parameters = make(map[string]string, n)
		for range n {
			name := in.string()
			a.Parameters[name] = in.string()
		}
	}
	a.Duration = time.Duration(in.signed())
	a.Key = in.string()
	return a
}

func (in *unpacker) reviews(from time.Time) []Review {
	return list(in, func() Review {
		return Review{Login: in.name(), Person: in.name(), Verdict: Verdict(in.name()), Roles: in.names(),
			Policy: in.name(), Reason: in.string(), Time: in.time(from), Void: in.string()}
	})
}

// list reads as many as there are; nil for none.
func list[T any](in *unpacker, one func() T) []T {
	n := in.count()
	if n == 0 {
		return nil
	}
	all := make([]T, n)
	for i := range all {
		all[i] = one()
	}
	return all
}

func (in *unpacker) digest(d *Digest) {
	in.at += copy(d[:], in.text[in.at:])
}

func (in *unpacker) time(from time.Time) time.Time {
	nanoseconds := in.number()
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(from.Unix()+in.signed(), int64(nanoseconds-1)).UTC()
}

func (in *unpacker) name() string {
	n := in.number()
	if n == 0 {
		return in.string()
	}
	return in.words.names.values[n-1]
}

func (in *unpacker) names() []string { return list(in, in.name) }

func (in *unpacker) string() string { return in.cut(in.number()) }

func (in *unpacker) textBut(other string) string {
	n := in.number()
	if n == 0 {
		return other
	}
	return in.cut(n - 1)
}

func (in *unpacker) truth() bool { return in.cut(1) == "\x01" }

func (in *unpacker) cut(n uint64) string {
	from := in.at
	in.at += int(n)
	return in.text[from:in.at]
}

// number reads what binary.AppendUvarint wrote.
func (in *unpacker) number() uint64 {
	if c := in.text[in.at]; c < 0x80 { // nearly always
		in.at++
		return uint64(c)
	}
	return in.longNumber()
}

func (in *unpacker) longNumber() (n uint64) {
	for shift := 0; ; shift += 7 {
		c := in.text[in.at]
		in.at++
		n |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return n
		}
	}
}

// count reads how many things follow, each of which takes a byte or more.
func (in *unpacker) count() int {
	n := in.number()
	if n > uint64(len(in.text)-in.at)+1 {
		panic(notPacked)
	}
	return int(n)
}

// notPacked is said where memory was overwritten, by a fault of the program or of
// the machine: there is no ticket to give then.
const notPacked = "moderation: a packed ticket is not as it was packed"

// signed reads what binary.AppendVarint wrote.
func (in *unpacker) signed() int64 {
	n := in.number()
	return int64(n>>1) ^ -int64(n&1)
}

func (in *unpacker) formRules() []Rule {
	return list(in, func() Rule { return Rule{Source: in.string(), Text: in.string()} })
}

func (in *unpacker) formSlots() []Slot {
	return list(in, func() Slot {
		n := in.count()
		if n == 0 {
			return nil
		}
		slot := make(Slot, n-1)
		for i := range slot {
			slot[i] = in.string()
		}
		return slot
	})
}

func (in *unpacker) formRequirement() Requirement {
	r := Requirement{Quorum: Quorum{Slots: in.formSlots(), None: in.truth()}}
	r.Hold, r.Deadline = time.Duration(in.signed()), time.Duration(in.signed())
	r.Rules = in.formRules()
	return r
}

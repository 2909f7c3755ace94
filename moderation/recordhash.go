package moderation

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/elevenminutes/interlock/audit"
)

// recordHash tells two bodies under one record ID apart. It covers every field
// of the record, and is good for one process.
func recordHash(seed maphash.Seed, r audit.Record) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	hashTexts(&h, r.ID, r.Ticket, string(r.Event), r.Step, r.Actor.Login, r.Actor.Person, r.Actor.Type,
		r.Target.ID, r.Target.Tier, r.Target.Domain, r.Kind, r.Reason, r.Case, r.Digest)
	hashNumbers(&h, int64(r.Revision), r.Time.Unix(), int64(r.Time.Nanosecond()), r.Target.Reach)
	if d := r.Decision; d != nil {
		hashTexts(&h, "decision", d.Code, d.Text, d.Policy, d.PolicyThen)
		hashTruths(&h, d.Allowed, d.Stale)
		hashRules(&h, d.Rules...)
	}
	for i := range r.Reviews {
		v := &r.Reviews[i]
		hashTexts(&h, "review", v.Login, v.Person, v.Verdict, v.Void)
		hashTexts(&h, v.Roles...)
		hashNumbers(&h, v.Time.Unix(), int64(v.Time.Nanosecond()))
	}
	for i := range r.Limits {
		l := &r.Limits[i]
		hashTexts(&h, "limit", l.Key, l.Unit)
		hashRules(&h, l.Rule)
		hashNumbers(&h, l.Charged, l.Left)
	}
	if o := r.Outcome; o != nil {
		hashTexts(&h, "outcome", o.Status, o.Code, o.Error)
		hashNumbers(&h, int64(o.Duration), o.Count)
	}
	if c := r.Cause; c != nil {
		hashTexts(&h, "cause", c.Ticket, c.Schedule)
	}
	h.Write(r.State)
	return h.Sum64()
}

func hashTexts(h *maphash.Hash, texts ...string) {
	hashNumbers(h, int64(len(texts)))
	for _, text := range texts {
		hashNumbers(h, int64(len(text)))
		h.WriteString(text)
	}
}

func hashRules(h *maphash.Hash, rules ...audit.Rule) {
	for _, rule := range rules {
		hashTexts(h, rule.Source, rule.Text)
	}
}

func hashNumbers(h *maphash.Hash, numbers ...int64) {
	for _, n := range numbers {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
}

func hashTruths(h *maphash.Hash, truths ...bool) {
	for _, truth := range truths {
		if truth {
			h.WriteByte(1)
		} else {
			h.WriteByte(0)
		}
	}
}

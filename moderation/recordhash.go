package moderation

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"github.com/elevenminutes/interlock/audit"
)

// fingerprint tells a record from every other by its ID, and its body from any
// other body under that ID.
type fingerprint struct{ id, body uint64 }

// fingerprint is that of a record. Those of a store that keeps snapshots are
// salted with what the snapshot has, and outlive the process; any other store's
// cost less and do not.
func (s *MemoryStore) fingerprint(r *audit.Record) fingerprint {
	room, _ := s.rooms.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	defer s.rooms.Put(room)
	if s.snapshots == nil {
		*room = appendFields((*room)[:0], r)
		return fingerprint{maphash.String(s.seed, r.ID), maphash.Bytes(s.seed, *room)}
	}
	*room = appendTextFields(append((*room)[:0], s.salt...), r.ID)
	id := salted(*room)
	*room = appendFields(append((*room)[:0], s.salt...), r)
	return fingerprint{id, salted(*room)}
}

func salted(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// appendFields appends every field of a record so that no two records have the
// same bytes.
func appendFields(b []byte, r *audit.Record) []byte {
	b = appendTextFields(b, r.ID, r.Ticket, string(r.Event), r.Step, r.Actor.Login, r.Actor.Person, r.Actor.Type,
		r.Target.ID, r.Target.Tier, r.Target.Domain, r.Kind, r.Reason, r.Case, r.Digest)
	b = appendNumbers(b, int64(r.Revision), r.Time.Unix(), int64(r.Time.Nanosecond()), r.Target.Reach)
	if d := r.Decision; d != nil {
		b = appendTextFields(b, "decision", d.Code, d.Text, d.Policy, d.PolicyThen)
		b = appendTruths(b, d.Allowed, d.Stale)
		b = appendRuleFields(b, d.Rules...)
	}
	for i := range r.Reviews {
		v := &r.Reviews[i]
		b = appendTextFields(b, "review", v.Login, v.Person, v.Verdict, v.Void)
		b = appendTextFields(b, v.Roles...)
		b = appendNumbers(b, v.Time.Unix(), int64(v.Time.Nanosecond()))
	}
	for i := range r.Limits {
		l := &r.Limits[i]
		b = appendTextFields(b, "limit", l.Key, l.Unit)
		b = appendRuleFields(b, l.Rule)
		b = appendNumbers(b, l.Charged, l.Left)
	}
	if o := r.Outcome; o != nil {
		b = appendTextFields(b, "outcome", o.Status, o.Code, o.Error)
		b = appendNumbers(b, int64(o.Duration), o.Count)
	}
	if c := r.Cause; c != nil {
		b = appendTextFields(b, "cause", c.Ticket, c.Schedule)
	}
	return append(b, r.State...)
}

func appendTextFields(b []byte, texts ...string) []byte {
	b = appendNumbers(b, int64(len(texts)))
	for _, text := range texts {
		b = append(appendNumbers(b, int64(len(text))), text...)
	}
	return b
}

func appendRuleFields(b []byte, rules ...audit.Rule) []byte {
	for i := range rules {
		b = appendTextFields(b, rules[i].Source, rules[i].Text)
	}
	return b
}

func appendNumbers(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func appendTruths(b []byte, truths ...bool) []byte {
	for _, truth := range truths {
		if truth {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return b
}

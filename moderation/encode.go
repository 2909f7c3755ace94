package moderation

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/elevenminutes/interlock/internal/jsontext"
)

// appendJSON appends the ticket as encoding/json would, by its tags.
func (t *Ticket) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"id":`, t.ID)
	b = strconv.AppendUint(jsontext.Key(b, `"revision":`), t.Revision, 10)
	b = jsontext.Text(b, `"status":`, string(t.Status))
	b = jsontext.Text(b, `"step":`, string(t.Step))
	b = t.Action.appendJSON(jsontext.Key(b, `"action":`))
	b = appendDigest(b, `"digest":`, t.Digest)
	b = appendDigest(b, `"idempotency":`, t.Idempotency)
	b = jsontext.Text(b, `"tier":`, t.Tier)
	b = t.Requester.appendJSON(jsontext.Key(b, `"requester":`))
	b = t.Subject.appendJSON(jsontext.Key(b, `"subject":`))
	b = jsontext.Text(b, `"policy":`, t.Policy)
	b = t.Requirement.appendJSON(jsontext.Key(b, `"requirement":`))
	b = appendSlots(b, `"extra":`, t.Extra)
	b = appendSlots(b, `"overrun":`, t.Overrun)
	b = appendSlots(b, `"open":`, t.Open)
	b = appendTexts(b, `"barred":`, t.Barred)
	b = appendRules(b, `"rules":`, t.Rules)
	b = appendReviews(b, `"reviews":`, t.Reviews)
	b = t.appendTimes(b)
	b = jsontext.AnyText(b, `"undoToken":`, string(t.UndoToken))
	b = jsontext.AnyText(b, `"undoes":`, t.Undoes)
	b = jsontext.AnyText(b, `"undoneBy":`, t.UndoneBy)
	b = jsontext.AnyText(b, `"after":`, t.After)
	b = jsontext.AnyTime(b, `"over":`, t.Over)
	b = jsontext.AnyText(b, `"code":`, string(t.Code))
	b = jsontext.AnyText(b, `"note":`, t.Note)
	b = jsontext.AnyTime(b, `"settled":`, t.Settled)
	b = appendTrue(b, `"anyway":`, t.Anyway)
	b = jsontext.AnyInt(b, `"tries":`, int64(t.Tries))
	b = jsontext.AnyTime(b, `"retry":`, t.Retry)
	b = t.appendBatch(b)
	return append(b, '}')
}

func (t *Ticket) appendTimes(b []byte) []byte {
	b = jsontext.Time(b, `"requested":`, t.Requested)
	b = jsontext.AnyTime(b, `"approved":`, t.Approved)
	b = jsontext.AnyTime(b, `"due":`, t.Due)
	b = jsontext.AnyTime(b, `"deadline":`, t.Deadline)
	b = jsontext.AnyTime(b, `"escalated":`, t.Escalated)
	b = jsontext.AnyText(b, `"call":`, string(t.Call))
	if t.Fence != 0 {
		b = strconv.AppendUint(jsontext.Key(b, `"fence":`), t.Fence, 10)
	}
	b = jsontext.AnyText(b, `"attempt":`, t.Attempt)
	b = jsontext.AnyTime(b, `"started":`, t.Started)
	b = jsontext.AnyTime(b, `"giveUp":`, t.GiveUp)
	b = jsontext.AnyTime(b, `"executed":`, t.Executed)
	return jsontext.AnyTime(b, `"until":`, t.Until)
}

func (a *Action) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"kind":`, a.Kind)
	b = jsontext.Text(b, `"actor":`, a.Actor)
	b = jsontext.Text(b, `"target":`, a.Target)
	b = jsontext.AnyText(b, `"tier":`, a.Tier)
	b = jsontext.Text(b, `"reason":`, a.Reason)
	b = jsontext.AnyText(b, `"case":`, a.Case)
	b = appendParameters(b, a.Parameters)
	b = jsontext.AnyInt(b, `"duration":`, int64(a.Duration))
	b = jsontext.Text(b, `"key":`, a.Key)
	return append(b, '}')
}

func appendParameters(b []byte, parameters map[string]string) []byte {
	if len(parameters) == 0 {
		return b
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(jsontext.Key(b, `"parameters":`), '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsontext.String(b, name), ':')
		b = jsontext.String(b, parameters[name])
	}
	return append(b, '}')
}

func (p *Party) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"login":`, p.Login)
	b = jsontext.Text(b, `"person":`, p.Person)
	b = jsontext.Text(b, `"type":`, string(p.Type))
	b = appendTexts(b, `"owners":`, p.Owners)
	return append(b, '}')
}

func (s *Subject) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = jsontext.Text(b, `"id":`, s.ID)
	b = jsontext.Text(b, `"tier":`, s.Tier)
	b = jsontext.Text(b, `"domain":`, s.Domain)
	b = jsontext.AnyInt(b, `"reach":`, s.Reach)
	b = jsontext.AnyTime(b, `"tierSeen":`, s.TierSeen)
	return append(b, '}')
}

func (r *Requirement) appendJSON(b []byte) []byte {
	b = append(append(b, '{'), `"quorum":{`...)
	b = appendTrue(b, `"none":`, r.Quorum.None)
	b = appendSlots(b, `"slots":`, r.Quorum.Slots)
	b = append(b, '}')
	b = jsontext.AnyInt(b, `"hold":`, int64(r.Hold))
	b = jsontext.AnyInt(b, `"deadline":`, int64(r.Deadline))
	b = appendRules(b, `"rules":`, r.Rules)
	return append(b, '}')
}

func appendReviews(b []byte, key string, reviews []Review) []byte {
	if len(reviews) == 0 {
		return b
	}
	b = jsontext.Key(b, key)
	for i := range reviews {
		r := &reviews[i]
		b = append(jsontext.Element(b, i), '{')
		b = jsontext.Text(b, `"login":`, r.Login)
		b = jsontext.Text(b, `"person":`, r.Person)
		b = jsontext.Text(b, `"verdict":`, string(r.Verdict))
		b = appendTexts(b, `"roles":`, r.Roles)
		b = jsontext.Text(b, `"policy":`, r.Policy)
		b = jsontext.AnyText(b, `"reason":`, r.Reason)
		b = jsontext.Time(b, `"time":`, r.Time)
		b = jsontext.AnyText(b, `"void":`, r.Void)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendRules(b []byte, key string, rules []Rule) []byte {
	if len(rules) == 0 {
		return b
	}
	b = jsontext.Key(b, key)
	for i := range rules {
		b = append(jsontext.Element(b, i), '{')
		b = jsontext.Text(b, `"source":`, rules[i].Source)
		b = jsontext.AnyText(b, `"text":`, rules[i].Text)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendSlots(b []byte, key string, slots []Slot) []byte {
	if len(slots) == 0 {
		return b
	}
	b = jsontext.Key(b, key)
	for i, slot := range slots {
		b = jsontext.Element(b, i)
		if slot == nil {
			b = append(b, "null"...)
			continue
		}
		b = append(appendStrings(b, slot), ']')
	}
	return append(b, ']')
}

func appendTexts(b []byte, key string, texts []string) []byte {
	if len(texts) == 0 {
		return b
	}
	return append(appendStrings(jsontext.Key(b, key), texts), ']')
}

// appendStrings leaves the closing bracket to the caller.
func appendStrings(b []byte, texts []string) []byte {
	if len(texts) == 0 {
		return append(b, '[')
	}
	for i, text := range texts {
		b = jsontext.String(jsontext.Element(b, i), text)
	}
	return b
}

func appendTrue(b []byte, key string, value bool) []byte {
	if !value {
		return b
	}
	return append(jsontext.Key(b, key), "true"...)
}

func appendDigest(b []byte, key string, d Digest) []byte {
	b = append(jsontext.Key(b, key), '"')
	b = hex.AppendEncode(b, d[:])
	return append(b, '"')
}

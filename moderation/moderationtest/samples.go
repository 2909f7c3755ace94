package moderationtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// epoch is when the samples begin: long ago by any clock that an implementation
// may have, that of a synctest bubble among them, so that it shows where one
// goes by its own.
var epoch = time.Date(1999, time.November, 2, 18, 0, 0, 0, time.UTC)

// samples makes tickets and changes that differ in all that must differ. It
// may be used by many goroutines at once.
type samples struct{ n atomic.Int64 }

// ticket returns the first revision of a pending ticket on a target, requested
// after all before it.
func (s *samples) ticket(targetID string) moderation.Ticket {
	n := s.n.Add(1)
	name := fmt.Sprintf("%04d", n)
	return moderation.Ticket{
		ID:       "ticket-" + name,
		Revision: 1,
		Status:   moderation.StatusPending,
		Step:     moderation.StepRequest,
		Action: moderation.Action{
			Kind:   moderation.Suspend,
			Actor:  "alice",
			Target: "@" + targetID,
			Reason: "sample",
			Key:    "key-" + name,
		},
		Requester: moderation.Party{Login: "alice", Person: "Alice", Type: moderation.Human},
		Subject:   moderation.Subject{ID: targetID, Tier: "public", Domain: "en", TierSeen: epoch.Add(time.Duration(n) * time.Second)},
		Requested: epoch.Add(time.Duration(n) * time.Second),
	}
}

// executed returns the first revision of an executed ticket on a target.
func (s *samples) executed(targetID string, fence uint64, at time.Time) moderation.Ticket {
	t := s.ticket(targetID)
	t.Status, t.Call = moderation.StatusExecuted, moderation.CallApply
	t.Fence, t.Executed = fence, at
	return t
}

// executing returns the first revision of a ticket that is at work on a target.
func (s *samples) executing(targetID string, fence uint64) moderation.Ticket {
	t := s.ticket(targetID)
	t.Status, t.Call, t.Fence = moderation.StatusExecuting, moderation.CallApply, fence
	return t
}

// undo returns the first revision of a ticket that is at work on taking back
// another.
func (s *samples) undo(of moderation.Ticket, fence uint64) moderation.Ticket {
	t := s.executing(of.Subject.ID, fence)
	t.Step, t.Call, t.Undoes = moderation.StepUndo, moderation.CallUndo, of.ID
	return t
}

// at returns a moment some minutes after the epoch.
func at(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }

// withStatus returns the next revision of a ticket in another status.
func withStatus(t moderation.Ticket, status moderation.Status) moderation.Ticket {
	t.Revision++
	t.Status = status
	if status.Final() {
		t.Over = at(60)
	}
	return t
}

// change returns a change to the tickets whose record tells of it as the
// guard's do.
func (s *samples) change(tickets ...moderation.Ticket) moderation.Change {
	r := audit.Record{
		ID:    fmt.Sprintf("record-%04d", s.n.Add(1)),
		Event: audit.EventRefused,
		Time:  epoch,
	}
	if len(tickets) == 0 {
		return moderation.Change{Record: r}
	}
	r.Ticket, r.Revision = tickets[0].ID, tickets[0].Revision
	r.Event = audit.EventOutcome
	if r.Revision == 1 {
		r.Event = audit.EventRequested
	}
	state, err := json.Marshal(struct {
		Tickets []moderation.Ticket `json:"tickets"`
	}{tickets})
	if err != nil {
		panic(fmt.Sprintf("moderationtest: a sample ticket can't be encoded: %v", err))
	}
	r.State = state
	return moderation.Change{Tickets: tickets, Record: r}
}

// full returns the first revision of a ticket in which every field is set, as
// far as reflection reaches, so that a field that is added later is covered.
// Every call returns the same ticket, sharing nothing with the last.
func full() moderation.Ticket {
	var t moderation.Ticket
	n := 0
	fill(reflect.ValueOf(&t).Elem(), &n)
	t.Revision = 1
	t.Status = moderation.StatusExecuted
	t.Step = moderation.StepRequest
	t.Undoes = ""
	t.Batch = nil // which restricts nobody itself
	t.Action.Duration = moderation.Permanent
	return t
}

// fill sets everything in v that can be set to values that are not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("value %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n % 100))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 100))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			// A store that rounds to a clock's ticks is found out.
			v.Set(reflect.ValueOf(epoch.Add(time.Duration(*n)*time.Hour + 123456789)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	}
}

// scramble overwrites everything that can be reached from v through slices and
// maps, and nothing else: what a copy of v shares with it changes too.
func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			n := i + 1000
			scramble(v.Index(i))
			fill(v.Index(i), &n)
		}
	case reflect.Map:
		n := 2000
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, &n)
			v.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scramble(v.Elem())
			n := 3000
			fill(v.Elem(), &n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scramble(v.Field(i))
			}
		}
	}
}

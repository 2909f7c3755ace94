package audittest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// check is one thing that every sink has to do.
type check struct {
	name string
	run  func(*subject) error
}

func checks() []check {
	return append(recordChecks(), snapshotChecks()...)
}

func recordChecks() []check {
	return []check{
		{"stores records whole", storesWhole},
		{"keeps the order of appends", keepsOrder},
		{"loses nothing of concurrent appends", survivesConcurrency},
		{"refuses a context that is done", refusesDoneContext},
		{"refuses records that are not valid", refusesInvalid},
		{"does not change the record", leavesRecordAlone},
		{"does not keep the record's memory", copiesOnTheWayIn},
		{"takes the same record twice", takesTwice},
		{"keeps what is stored under an ID", keepsFirstBody},
		{"refuses after Close", refusesAfterClose},
		{"hands out records to keep", copiesOnTheWayOut},
		{"lets a reader append and stop", letsReaderStop},
		{"fails a replay that is cut short", failsShortReplay},
		{"replays while records are appended", replaysBesideAppends},
		{"keeps records when opened again", survivesReopening},
	}
}

func storesWhole(s *subject) error {
	if err := s.appendAll(Record(s.id(1)), minimal(s.id(2))); err != nil {
		return err
	}
	return s.wantStored(Record(s.id(1)), minimal(s.id(2)))
}

func keepsOrder(s *subject) error {
	records := make([]audit.Record, 40)
	for i := range records {
		records[i] = minimal(s.id(i))
		// Neither the times nor the IDs tell the order of appends.
		records[i].ID = s.id((i * 7) % len(records))
		records[i].Time = records[i].Time.Add(time.Duration(-i) * time.Hour)
	}
	if err := s.appendAll(records...); err != nil {
		return err
	}
	return s.wantStored(records...)
}

func refusesDoneContext(s *subject) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	refused := minimal(s.id(1))
	err := s.append(ctx, refused)
	if err == nil || errors.Is(err, errNoAnswer) {
		return fmt.Errorf("Append with a context that is done: got %v, want an error", err)
	}
	accepted := minimal(s.id(2))
	if err := s.appendAll(accepted); err != nil {
		return err
	}
	if !errors.Is(err, audit.ErrNotWritten) {
		return nil // in doubt: it may be there or not
	}
	return s.wantStored(accepted)
}

func refusesInvalid(s *subject) error {
	for problem, r := range invalid(s.id(1)) {
		err := s.append(context.Background(), r)
		if err := want(err, audit.ErrNotWritten, "Append of a record with "+problem); err != nil {
			return err
		}
	}
	return s.wantStored()
}

// invalid returns records that no sink may accept, by what is wrong with them.
func invalid(id string) map[string]audit.Record {
	change := func(change func(*audit.Record)) audit.Record {
		r := Record(id)
		change(&r)
		return r
	}
	const latin1 = "caf\xe9"
	return map[string]audit.Record{
		"nothing in it":           {},
		"no ID":                   change(func(r *audit.Record) { r.ID = "" }),
		"no event":                change(func(r *audit.Record) { r.Event = "" }),
		"no time":                 change(func(r *audit.Record) { r.Time = time.Time{} }),
		"a year beyond 9999":      change(func(r *audit.Record) { r.Time = r.Time.AddDate(9000, 0, 0) }),
		"a reason not in UTF-8":   change(func(r *audit.Record) { r.Reason = latin1 }),
		"a role not in UTF-8":     change(func(r *audit.Record) { r.Reviews[0].Roles[1] = latin1 }),
		"a rule not in UTF-8":     change(func(r *audit.Record) { r.Decision.Rules[1].Text = latin1 }),
		"a state not in UTF-8":    change(func(r *audit.Record) { r.State = json.RawMessage(`"` + latin1 + `"`) }),
		"a state that is no JSON": change(func(r *audit.Record) { r.State = json.RawMessage(`{"a":1`) }),
		"two states":              change(func(r *audit.Record) { r.State = json.RawMessage(`{} {}`) }),
		"too much text":           change(func(r *audit.Record) { r.Reason = strings.Repeat("a", audit.MaxRecord) }),
	}
}

func leavesRecordAlone(s *subject) error {
	r := Record(s.id(1))
	r.State = json.RawMessage(` { "spaces" : [ 1 ] } `)
	before := fmt.Sprintf("%#v %s", r.Clone().Reviews, r.State)
	encoded := text(r)
	if err := s.appendAll(r); err != nil {
		return err
	}
	if after := fmt.Sprintf("%#v %s", r.Reviews, r.State); after != before || text(r) != encoded {
		return errors.New("Append changed what the caller's record points to")
	}
	return nil
}

func copiesOnTheWayIn(s *subject) error {
	r := Record(s.id(1))
	intact := r.Clone()
	if err := s.appendAll(r); err != nil {
		return err
	}
	spoil(&r)
	return s.wantStored(intact)
}

// spoil changes all that a record only points to.
func spoil(r *audit.Record) {
	*r.Decision = audit.Decision{Code: "spoiled", Rules: r.Decision.Rules}
	for i := range r.Decision.Rules {
		r.Decision.Rules[i] = audit.Rule{Source: "spoiled"}
	}
	for i := range r.Reviews {
		for j := range r.Reviews[i].Roles {
			r.Reviews[i].Roles[j] = "spoiled"
		}
		r.Reviews[i].Person = "spoiled"
	}
	for i := range r.Limits {
		r.Limits[i] = audit.Limit{Key: "spoiled"}
	}
	*r.Outcome = audit.Outcome{Status: "spoiled"}
	*r.Cause = audit.Cause{Ticket: "spoiled"}
	for i := range r.State {
		r.State[i] = 'x'
	}
}

func takesTwice(s *subject) error {
	r := Record(s.id(1))
	if err := s.appendAll(r, minimal(s.id(2)), r); err != nil {
		return err
	}
	if !s.readable() {
		return nil
	}
	got, err := s.stored()
	if err != nil {
		return err
	}
	found := 0
	for _, stored := range got {
		if stored.ID != r.ID {
			continue
		}
		found++
		if text(stored) != text(r) {
			return fmt.Errorf("a record that was appended twice has another body:\n%s\nwant\n%s", text(stored), text(r))
		}
	}
	if found == 0 {
		return errors.New("a record that was appended twice is not there")
	}
	return nil
}

// keepsFirstBody appends another body under an ID. A sink that does not look
// for IDs takes it.
func keepsFirstBody(s *subject) error {
	first := Record(s.id(1))
	other := first.Clone()
	other.Reason = "another reason"
	if err := s.appendAll(first); err != nil {
		return err
	}
	refusal := s.append(context.Background(), other)
	if refusal == nil {
		return nil
	}
	for _, target := range []error{audit.ErrConflict, audit.ErrNotWritten} {
		if err := want(refusal, target, "Append of another body under an ID that is stored"); err != nil {
			return err
		}
	}
	return s.wantStored(first)
}

func refusesAfterClose(s *subject) error {
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	closed, err := closeSink(s.sink)
	if err != nil || !closed {
		return err
	}
	err = s.append(context.Background(), minimal(s.id(2)))
	return want(err, audit.ErrClosed, "Append after Close")
}

func survivesReopening(s *subject) error {
	if s.reopen == nil {
		return nil
	}
	first, second := Record(s.id(1)), Record(s.id(2))
	if err := s.appendAll(first); err != nil {
		return err
	}
	s.sink = s.reopen(s.sink)
	if err := s.appendAll(second); err != nil {
		return err
	}
	return s.wantStored(first, second)
}

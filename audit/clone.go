package audit

import (
	"bytes"
	"slices"
)

// Clone returns a copy that shares no memory that can be changed with r, for a
// sink that keeps records after Append has returned.
func (r Record) Clone() Record {
	return r.cloneInto(new(pointees))
}

// pointees is room for what a record points to.
type pointees struct {
	decision Decision
	outcome  Outcome
	cause    Cause
}

// cloneInto is Clone with room that the caller has allocated.
func (r Record) cloneInto(room *pointees) Record {
	r.Decision = copyTo(&room.decision, r.Decision)
	if r.Decision != nil {
		r.Decision.Rules = slices.Clone(r.Decision.Rules)
	}
	r.Reviews = slices.Clone(r.Reviews)
	for i := range r.Reviews {
		r.Reviews[i].Roles = slices.Clone(r.Reviews[i].Roles)
	}
	r.Limits = slices.Clone(r.Limits)
	r.Outcome = copyTo(&room.outcome, r.Outcome)
	r.Cause = copyTo(&room.cause, r.Cause)
	r.State = bytes.Clone(r.State)
	return r
}

func copyTo[T any](room, p *T) *T {
	if p == nil {
		return nil
	}
	*room = *p
	return room
}

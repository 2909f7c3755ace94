package engine

// AdvanceArgs is the job: advance this ticket. It holds no personal data. A
// job without a ticket is a sweep: see [Worker.Sweep].
//
// Its kind and its fields are stored, and are read by replicas of other
// versions. Fields may be added; none is ever removed or changed, and whoever
// does not know a field ignores it.
type AdvanceArgs struct {
	// Ticket is the ticket's ID.
	Ticket string `json:"ticket,omitempty" river:"unique"`
	// Revision is the one that was due when the job was made. Zero where it is
	// not known.
	Revision uint64 `json:"revision,omitempty" river:"unique"`
	// Due is when it was due, in microseconds since 1970 (UTC). Zero where it is
	// not known. The job of a change that was not made is no reason to leave out
	// that of the change which took its place, with the same revision.
	Due int64 `json:"due,omitempty" river:"unique"`
	// Backlog has a sweep tell how much waits. See [BacklogReporter].
	Backlog bool `json:"backlog,omitempty" river:"unique"`
}

// Kind is "interlock_advance".
func (AdvanceArgs) Kind() string { return kind }

// kindPrefix is that of all kinds of this library, also in later versions.
const (
	kindPrefix = "interlock_"
	kind       = kindPrefix + "advance"
)

// Package relay moves the records that a store in PostgreSQL has committed, in
// their order, to a sink: a trail (package audit/trail) or any other.
//
// Each replica may run a [Relay] for the same sink; one of them leads and the
// others wait. Who leads holds an advisory lock of the database and counts an
// epoch: one that was stopped and wakes up can't say that it moved anything.
// Records reach the sink at least once, with the IDs that they have for ever,
// so that a sink which keeps an ID once (as a trail does) has each of them once.
//
// The records are chained: each has the hash of all before it. A relay checks
// every link before it passes a record on. Where one is missing or was changed,
// or where the sink says that it can never take a record, the relay halts the
// store: from then on no guard over it can do anything, until [Lift] finds the
// chain whole again.
package relay

// Package audit keeps the trail: a record of everything that was done, tried,
// approved or refused.
//
// # Records
//
// A [Record] is one entry: who ([Actor]) did what ([Event], step, kind) to whom
// ([Target]), when, why, by which rules ([Decision]), with whose agreement
// ([Review]), within which limits ([Limit]), what came of it ([Outcome]), and
// what set it off ([Cause]). Its State lets a store be rebuilt from the trail.
//
// The JSON form of a record is what sinks store and hash, and a promise:
// [Record.AppendJSON] writes it and nothing else does. A record without
// an ID, an event or a time, with text that is not UTF-8, or longer than
// [MaxRecord] is refused by every sink; [Record.Validate] says why.
//
// # Sinks
//
// A [Sink] stores records, one method, one record. What it answers matters more
// than how it stores:
//
//   - nil: the record is stored, as durably as the sink promises.
//   - an error that wraps [ErrNotWritten]: the record itself is at fault and is
//     stored nowhere. Appending it again is of no use. If the error wraps
//     [ErrConflict] as well, another record is stored under its ID.
//   - any other error: nobody knows. Append the same record again, under the
//     same ID, until one of the other two answers comes. A sink may then hold
//     it twice. If the error wraps [ErrNoRoom], the sink does not hold the
//     record, and it can be appended again once there is room.
//
// There is no fourth answer, and above all no silent loss: a sink that can't
// store a record says so, and who is to act on the record does not act.
//
// The sink to begin with is the log of package audit/trail: durable, each entry
// once, and a Merkle tree over them with signed checkpoints, so that what was
// changed, cut off or rolled back is found, and package audit/proof can show
// anyone that a record is in it. Others come with this package:
//
//   - [OpenFile]: JSON lines in a file, synced before each answer, read again
//     at the next start. It finds damage, and no change made on purpose.
//   - [NewSlog]: records for a log, one way.
//   - [Memory]: for tests, gone at exit.
//
// A sink that can be read from its beginning is a [Replayer]. Only such a sink
// can be the trail from which a guard rebuilds what it knows. One that also
// keeps a snapshot of what its records come to is a [Snapshotter]: the guard
// then starts from the snapshot and reads only what came after it.
//
// # Compositions
//
// [All] stores each record in several sinks, and says yes only if every one
// did. [Deadline] gives up on a sink that does not answer. [BestEffort] is for a
// copy that may have gaps: it never makes anybody wait, and counts what it
// drops. They nest:
//
//	log, err := trail.Open(ctx, trail.Config{Dir: "/var/lib/host/trail", …})
//	…
//	prompt, err := audit.Deadline(log, 5*time.Second)
//	…
//	copies, err := audit.BestEffort(stream, 1000)
//	…
//	sink, err := audit.All(prompt, copies)
//
// Here the answer comes within five seconds: the record is on the disk, it is at
// fault, or nobody knows. The stream gets what it can take. Panics in a sink become
// errors ([ErrPanic]) in each of the three. The result of All and Deadline is a
// Replayer, or a Snapshotter, if what they replay is one, and only then.
//
// Who opens a sink closes it: compositions never close what they were given.
//
// # Writing a sink
//
// Implement Append, keep to the contract of [Sink], and let the suite in
// package audittest check it. A sink that keeps a record after Append has
// returned keeps a [Record.Clone].
package audit

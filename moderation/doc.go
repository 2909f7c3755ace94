// Package moderation executes moderation actions safely.
//
// # The guard
//
// A host has code that changes its world: it suspends an account, limits it,
// removes a post. It registers that code as the handlers of a [Kind], and
// hands it to nobody but the [Guard]. People and bots then ask the guard:
//
//	ticket, err := guard.Do(ctx, moderation.Action{
//		Kind: moderation.Suspend, Actor: "mia", Target: "@spammer",
//		Reason: "spam", Duration: 72 * time.Hour, Key: "report-7",
//	})
//
// Do returns nil if and only if the handler ran, its outcome is recorded, and
// what was done stands. Otherwise the error is one of three:
//
//   - a [*PendingError]: it waits for approvals or for a hold to be over;
//   - a [*Refusal]: the handler was not called; the code, the sentence, the rule
//     and what would be needed are for the person who asked;
//   - a [*StateError]: the ticket came to another end, or nobody knows yet
//     whether the handler changed anything.
//
// The zero Guard refuses everything. [New] makes one from a [Config] and reports
// all that is wrong with it.
//
// # What a host fills in
//
//   - A [Directory] knows who people are and what targets are. It is asked
//     afresh for each decision; nothing that a caller says of itself is believed.
//     [MapDirectory] is one in memory.
//   - An [Authorizer] says who may take which [Step], and what that needs: a
//     [Quorum], a hold, a deadline. Package policy has one on Casbin.
//   - A [Limiter] bounds how many and how much. Package policy has one.
//   - An [audit.Sink] keeps the records; without a [Store] it is the truth from
//     which the guard is rebuilt.
//
// Package moderationtest has the suites that each implementation of these must
// pass, and doubles that fail in every way.
//
// # The life of a ticket
//
// An admitted action is a [Ticket]. It is pending until its slots are filled by
// as many people, none of them the requester or whom it is about; held until
// its hold is over, so that there is time to cancel it; then everything is
// decided again with fresh facts, and it is executed, once. Its restriction
// stands until it is undone or its duration ends. After a crash in between it
// is unknown, until the host's [Probe] or a person says what is true.
//
// Reviewers approve a [Digest]: show them the ticket (for which they need the
// step read), and send back the digest that you showed. Approve records and returns; it executes nothing. What is due
// is taken further by [Guard.Run] in one process, or by [Guard.Advance] from any
// scheduler, as often as it likes.
//
// # Batches
//
// One thing is done to many targets under one ticket, the mandate, which pins the
// members by their number and a Merkle root ([MemberSet]): [Guard.RequestBatch].
// It is charged for all of them at once and approved like any other; once it is
// begun ([Guard.StartBatch]), each member is executed under a ticket of its own,
// with the proof that it is one ([Guard.DoMember]). A batch is halted, resumed by
// somebody else, and undone as a whole. Package batch runs it with stages, many
// workers and progress.
//
// # Handlers
//
// A handler gets a [Permit]. It acts on Permit.Target, hands Permit.Key on to
// services that take an idempotency key, refuses a lower Permit.Fence than it
// has seen on that target, and leaves in force what Permit.Standing lists. It
// returns an error that wraps [ErrNotApplied] only when nothing was changed.
// Every other error, a panic and an overrun leave the outcome unknown.
//
// An Undo that finds its target other than Apply left it returns an error that
// wraps [ErrTargetChanged]. Where Config.MaxRetries allows it, a handler of an
// Idempotent kind that came back with an error is called again.
//
// # Breaking the glass
//
// What can't wait for people is done with [Guard.Bypass]: at once, within limits
// and under a right of its own, and on record as what it is. Others must then
// stand by it with [Guard.Ratify]; if they do not in time, or one of them rejects
// it, it is undone, and whoever did it can't do so again before others have
// answered for it ([Ticket.Owes]).
//
// # Watching
//
// [Guard.Backlog] tells how much waits, and for how long. A Config.Observer is
// told what becomes of tickets and what somebody should look at; it can neither
// block nor break the guard. [Guard.Observe] takes what other parts of the service
// have to tell, such as that somebody edited the policy.
//
// # Closing and restarting
//
// [Guard.Close] ends a guard in good order, before its trail is closed:
//
//	err := errors.Join(guard.Close(ctx), trail.Close())
//
// Further verbs are refused, [Guard.Run] returns, and what is under way comes to
// its end. A guard that is not closed, because its process was killed, loses
// nothing that was acknowledged: the records are the truth, and New rebuilds
// everything from them. Only the counts of refusals that were not recorded one by
// one are lost, with at most a minute of them for each actor.
//
// Where Config.Audit is an [audit.Snapshotter], Close saves a snapshot of the
// state, and the next New reads that and the records after it instead of all of
// them. What is rebuilt so is the same: tickets, keys, what stands, what each
// limit was charged, and the time behind which the clock does not go. Also the
// records' fingerprints are kept, so that one that was stored twice is known for
// what it is. A snapshot is never saved while an outcome is owed or a record is
// in doubt. One that is damaged, or that another version wrote, is refused: it
// can be taken away, since the records alone suffice.
//
// # A full trail
//
// A trail that is full says so ([audit.ErrNoRoom]); nothing was written then, and
// nothing runs: the refusal has the code [CodeNoRoom], and the same request may
// come again. A trail that keeps room for outcomes and for what takes back lets
// these pass: the records of an undo have the step undo, and those of the end of a
// duration have Cause.Schedule end.
//
// # Time
//
// All times are UTC and never go back. Durations are [time.Duration]s; what
// lasts until it is undone is [Permanent], in so many words. Tests need no clock
// of ours: testing/synctest drives everything but Config.Now, which is for
// simulations.
package moderation

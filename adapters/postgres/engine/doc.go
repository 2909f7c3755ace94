// Package engine advances tickets when they are due, on River, a queue of jobs
// in PostgreSQL (https://riverqueue.com).
//
// Whatever makes a ticket due, the end of a hold, a deadline, an escalation,
// the end of a duration, a retry, a stage of a batch, the recovery after a
// crash, is one job that says "advance ticket X" and nothing more. A
// [Scheduler] inserts it in the transaction that makes the ticket due, so that
// neither is there without the other:
//
//	scheduler, err := engine.NewScheduler("interlock", "")
//	store, err := postgres.Open(ctx, postgres.Config{Pool: pool, Scheduler: scheduler})
//	guard, err := moderation.New(ctx, moderation.Config{Store: store, …})
//
// A host without River lets [New] run the jobs. A host that runs River adds a
// [Worker] to its own client, and [Worker.Sweep] to its periodic jobs. Either is
// done in every replica, in the place of moderation.Guard.Run, and does what that
// does: what keeps a due ticket from moving is on record, and figures of what
// waits are told once a minute, by a sweep, to the observer in the replica that
// works it.
//
// # What a job may do wrong
//
// Nothing. The ticket is the truth and the job a hint to look at it. A job that
// runs twice, late, or in a process that was stopped and wakes up, changes
// nothing, since a commit replaces exactly the revision that was read. A job
// that is lost is put back by the sweep, which looks for due tickets every
// [Config.SweepEvery]. A ticket that can't be advanced now is tried again, less
// and less often, up to once a minute; it is never given up.
//
// # Times
//
// A job starts within [Config.PollEvery] after its moment. If a process is
// killed, its jobs run again elsewhere when [Config.RescueAfter] is over and the
// rescuer has come by, which it does every 30 seconds; if it led the others,
// they elect another leader within 20 seconds first, and until then no job gets
// its turn whose moment lies ahead. A handler that was cut off by that is another
// matter: its ticket has a moment of its own, at which it is asked what came of
// it (see moderation.Guard.Advance).
//
// # Versions
//
// There is one kind of job, for ever: [AdvanceArgs]. Replicas of different
// versions work each other's jobs, and what one does not know of it ignores.
package engine

// Package limit holds charges against the limits of a policy for all replicas of
// a host together: a [moderation.Limiter] whose buckets are in PostgreSQL.
//
// The rows of the policy mean what they mean for policy.Limiter, and the answers
// are the same. A charge takes one round trip, in which it is taken from all
// buckets or from none, however many replicas charge at the same moment.
//
// # Time
//
// Buckets fill by the database's clock, so that all replicas share one. The time
// of a charge, which is the guard's, is looked at for being one at all and counts
// for nothing else: a replica whose clock is wrong gets no more than the others,
// and Usage.RetryAfter is a span, which holds on every clock. A bucket's time
// never goes back. Where the database's clock does, by a failover for
// instance, nothing fills until it has caught up. How far apart the clocks may be is
// the guard's business: by its own it reckons holds and deadlines.
//
// # When the buckets are lost
//
// They are in an UNLOGGED table, which costs no sync and is empty after a crash
// of the server, and on a replica of it that was promoted. The limiter notices,
// by a row that is missing, and takes the safe side: all buckets are empty as of
// that moment, and fill from there at their rates. So the first charge that needs
// a single unit of "50 in 24h" is taken some half hour later. That
// holds for the budgets of undo too. None is shut for ever, and a limit that
// takes approvals can be passed with them meanwhile; give undo windows that are
// short. The counts of unfinished tickets are kept in a durable table and are not
// lost. What was charged lately is forgotten, so that a ticket may
// pay twice.
//
// # Two versions of the policy
//
// While replicas have different versions, each charge is held against the limits
// of the version of the replica that it came to, and what was drawn by either
// counts for both: a limit that was edited keeps what was drawn from it at
// each change of hands, and is paid back at the slower of both rates. Together they let no
// more pass than the looser version alone. Unfinished tickets are counted by
// the limits of both.
package limit

// Package postgres keeps interlock's tickets and records in PostgreSQL, so that
// many replicas of a host can share them.
//
// [Migrate] lays the tables in a schema of the host's choice, and [Open] gives
// the [moderation.Store] over them. The packages below it are the other parts,
// each of use alone:
//
//   - engine advances tickets when they are due, as River jobs;
//   - limit counts limits for all replicas together;
//   - versions keeps the policy, version by version, and tells when it changed;
//   - relay moves the records in order to a trail or to other sinks;
//   - postgrestest starts a private server for tests.
//
// # How a commit is made
//
// All commits of a schema follow one another: each locks the end of the chain of
// records, which gives the records numbers without a gap and links each to all
// before it. One SQL function does the work of a commit, so that the lock is held
// only while the server computes and flushes: no client that is stopped, and no
// network that is cut, keeps the others waiting for long. What commits at the
// same time in one process goes into one transaction, as far as the changes don't
// touch each other. A [Scheduler] works in that transaction before the lock is
// taken.
//
// A change is sent again where its connection breaks. That is safe, since a
// record that is there already is not written twice; and it tells whether the
// first attempt was made.
package postgres

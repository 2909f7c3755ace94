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
package postgres

// Package interlock is the map of the module: it has no code of its own.
//
// interlock stands between people (or bots) and a service's own code that
// suspends an account or removes a post. Authorization says who may; interlock
// sees to it that what they may is also done safely: not alone where that
// matters, not faster than can be looked at, not without a record; and what
// can't be taken back, never by one person.
//
// # The packages
//
//   - [github.com/elevenminutes/interlock/moderation] is the library: the
//     Guard, its verbs, tickets, and the small interfaces that a host fills in.
//     Start there.
//   - [github.com/elevenminutes/interlock/policy] answers who may, what it
//     needs and how much, from a Casbin policy.
//   - [github.com/elevenminutes/interlock/audit] is where records go: files,
//     slog, memory, and their compositions.
//   - moderation/moderationtest and audit/audittest are the suites that every
//     implementation of an interface runs, yours too, and doubles for tests.
//
// # The promises
//
//  1. Nothing unrecorded: the intent is durable before your code runs, and
//     the outcome is recorded after it, whatever it is. Refusals too.
//  2. Nobody alone, where policy says so: distinct people, not logins.
//  3. Decided when done: everything is decided again just before your code
//     runs, and then and now must both be satisfied.
//  4. Exactly this: approvals are bound to a digest of what would be done.
//  5. Unknown means no: what fails, hangs, lies or is missing refuses.
//  6. Once: one key, one ticket; one executor; after a crash it is asked, not
//     guessed.
//  7. Undone exactly: each restriction stands under its own ticket.
//  8. Bounded: how many and how much, by person, kind, tier and in all.
//  9. Never for ever pending: every wait has a deadline; a timeout never
//     approves.
//  10. Explained: each answer names the rule, the limit and what is missing.
//
// README.md links each promise to the tests that could break it, and says what
// is not promised. docs/design.md says why it is built as it is, and
// docs/threat-model.md against whom.
package interlock

// Package versions keeps the policy in PostgreSQL, one version after the other,
// for many replicas of a host.
//
// A [Table] is a [policy.Source] and a [policy.Installer]; [Table.Proposals] keeps
// proposals. What a replica needs is this, once package postgres has laid its
// tables and opened its store:
//
//	table, err := versions.Open(ctx, versions.Config{Pool: pool})
//	…
//	config := policy.Config{
//		Source: policy.File("first.csv"), Kinds: kinds, Tiers: tiers,
//		Pinned: "919b…", Approvals: policy.TicketApprovals(store),
//		MaxStaleness: time.Minute,
//	}
//	first, err := policy.Load(ctx, config)
//	…
//	err = table.Bootstrap(ctx, first, config.Pinned) // writes it where there is none yet
//	…
//	config.Source = table
//	authorizer, err := policy.Open(ctx, config)
//	…
//	changes, err := policy.NewChanges(authorizer, policy.ChangesConfig{Installer: table, Proposals: table.Proposals()})
//	… // register changes.Kind() in the guard
//	go authorizer.Watch(ctx, policy.WatchConfig{Every: 5 * time.Second, Watcher: table.Listen(ctx, nil), Report: report})
//
// # How a version takes force
//
// A version is written whole, in one transaction, with its digest and the ticket
// under which it was approved. The same transaction puts its digest into the row
// that every commit of [postgres.Store] locks. So it waits for the commits that
// are under way, and each later one whose decision was taken under the version
// before is refused with moderation.ErrConflict and decided again: nothing is
// executed under a policy that is not in force, also by a replica that has not
// heard of the change.
//
// The transaction ends with a NOTIFY. [Table.Listen] makes of it a hint, by which
// replicas load the version within milliseconds. A hint may be lost; the poll of
// [policy.Authorizer.Watch] is the truth, and costs one short statement while
// nothing has changed.
//
// # What somebody edits by hand
//
// Rows that do not have the digest of their version, a version that is not that
// of the commits, and tables that are gone are answered with a
// [policy.AlteredError]. A version that is whole, but that no executed ticket
// brought, is kept out by the authorizer, which must know Config.Pinned and
// Config.Approvals for that. Both are quarantined, recorded, and told to
// WatchConfig.Report as policy.EventQuarantined: raise an alarm. The last good
// version goes on answering until Config.MaxStaleness is over. Where the edit has
// changed which version commits ask for, no commit is made under the last good
// one. [Table.Restore] mends it.
package versions

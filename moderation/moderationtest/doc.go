// Package moderationtest holds implementations of package moderation's
// interfaces to their contracts, and has doubles for tests of what uses them.
//
// # Suites
//
// Whoever writes a [moderation.Store], [moderation.Directory],
// [moderation.Authorizer] or [moderation.Limiter] runs the suite of that
// interface in a test of its own:
//
//	func TestStore(t *testing.T) {
//		moderationtest.TestStore(t, func(t *testing.T) moderation.Store {
//			return openEmptyStore(t)
//		}, moderationtest.StoreOptions{})
//	}
//
// Each promise of the contract is one parallel subtest whose name is the
// promise, so that a failed one says what was broken. A suite calls open for
// each subtest; what open returns must share nothing with what it returned
// before. The suites know nothing of the implementation: they use the
// interface, the optional interfaces of package moderation and what the
// options tell.
//
// A suite shows that promises are broken; it can't prove that they are kept.
// It does not cut power, kill processes or part networks.
//
// # Doubles
//
// [Directory], [Authorizer], [Limiter], [Store] and [Handler] stand in for a
// host's parts. Untold, they refuse; only a Handler of [NewHandler] does what
// it is permitted. Each method has a [Seam] where a [Fault] is put in: an
// error, a panic, a hang, a late or an empty answer, a lie. A seam also keeps
// what its method was asked.
//
//	directory := moderationtest.NewDirectory(t)
//	directory.SetActor(alice)
//	directory.OnActor.Inject(moderationtest.Hang())
//
// What hangs is let go at the end of the test. All doubles may be used by many
// goroutines at once and inside a testing/synctest bubble; there, make them
// inside the bubble.
package moderationtest

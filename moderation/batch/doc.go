// Package batch does one thing to many targets, as one action.
//
// A batch is asked for, approved, held, halted and undone as one ticket, its
// mandate. That pins the members: how many they are, and the root of a Merkle tree
// over their canonical IDs. Nothing that approvers did not see can get in later.
//
//	runner, err := batch.New(guard, batch.Config{
//		Stages:  []batch.Stage{{Share: 0.01, Soak: 10 * time.Minute}, {Share: 0.1, Soak: 30 * time.Minute}, {Share: 1}},
//		Workers: 8,
//	})
//	members := batch.Slice(ids)
//	preview, err := runner.Preview(ctx, action, members, 1200) // no effect
//	mandate, err := runner.Start(ctx, action, members, 1200)   // asks for it
//	for result, err := range runner.Run(ctx, mandate.ID, members) { … }
//
// # Stages
//
// A stage is a share of the members, spread over the whole set. The next one
// begins when all of them had their turn and the soak time after that is over. The
// stages are part of what is approved, and the guard refuses a member whose stage
// has not begun.
//
// # What can go wrong
//
// A member that can't be done now (another ticket is at work on it, the same stands
// already, it is gone) is reported and does not stop the others. Where it is the
// requester's own, or that of somebody whose approval is needed, its ticket is
// refused and says so. People halt a batch with Halt, and the guard halts it by
// itself where more members fail, or are undone by people, than is tolerated, where
// a member became protected, and where those who asked and approved no longer
// suffice. Somebody other than the requester lets it go on with Resume; then Run is
// called again. A freeze ends Run without halting anything: call it again when the
// freeze is over.
//
// # Crashes
//
// After a crash the host calls Run again with the same mandate and the same
// members. That they are the same the root proves. Each member has a ticket of its
// own with an ID that follows from the mandate and the member, so that what was
// done is passed over and no handler is called twice, whatever crashed, and however
// many runners there are. A member whose handler may have run is reported as
// unknown, and is probed or resolved like any other ticket. Give canonical IDs
// rather than handles: a handle that has changed hands since makes another set.
//
// # Memory
//
// A runner holds the IDs, and 68 bytes a member for the tree; where progress is
// told, one byte more, and 16 for a moment when it begins. It holds no tickets.
package batch

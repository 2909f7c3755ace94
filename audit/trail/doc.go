// Package trail keeps records in a Merkle log: the durable sink that proves
// itself.
//
// # Why a Merkle log
//
// Whoever asks afterwards what happened must not have to believe whoever kept
// the record. A [Log] is append-only, and shows it: every record is a leaf of one
// hash tree (RFC 6962), and every append is answered with a [Receipt] that names
// the record's index and a checkpoint, the signed root of the tree. From then on
//
//   - an inclusion proof shows anybody that the record stands at that index;
//   - a consistency proof shows that a later log still begins with the earlier
//     one;
//   - the directory itself can be verified from the first entry to the last.
//
// Package proof checks the first two with the public key alone. [Verify] does
// the third, for a directory or any fs.FS with its public files.
//
// # Opening a log
//
//	log, err := trail.Open(ctx, trail.Config{
//		Dir:         "/var/lib/host/trail",
//		Origin:      "example.com/moderation",
//		KeyFile:     "/etc/host/trail.key",
//		TrustedHead: trail.HeadFile("/var/lib/heads/trail.head"),
//	})
//	…
//	guard, err := moderation.New(ctx, moderation.Config{Audit: log, …})
//
// The first opening makes the directory, the key and the head. One process at a
// time has a log open. [Log.Close] comes after the guard's.
//
// # What is durable when
//
// Appends under way at the same time form a group. A group is written to a
// preallocated write-ahead file together with the signed checkpoint that covers
// it, in one write and one data sync; then the trusted head is saved; then the
// appends are answered. Tiles, bundles and the public checkpoint are derived
// from the groups, a second later at the most, and can be served as they are:
// C2SP tlog-tiles, https://c2sp.org/tlog-tiles. After a crash they are made good
// from the write-ahead files when the log is opened.
//
// A record ID is a leaf once: appending a record again gives the receipt that
// was given first, and another body under the same ID is refused.
//
// # What is noticed
//
// Each entry is held against the tree when it is read, so a changed byte is
// found and named ([DamageError]). A log that was cut, put back to an older copy,
// or rewritten by somebody who has the key is consistent in itself. Only a
// memory outside of it can tell, and that is the [TrustedHead]: the newest
// checkpoint, kept where whoever can write to the log's directory can't. A
// stolen key in the hands of somebody who can also write the trusted head is
// found only by those who remember checkpoints themselves: auditors with
// receipts, or witnesses (C2SP tlog-witness).
//
// # When the disk is full
//
// The two write-ahead files are allocated when the log is opened. While nothing
// else can be written they take what is most urgent: an intent is accepted only
// together with the room for its outcome, and some room is kept for undo. What
// is refused is refused with [audit.ErrNoRoom] before anything was done.
//
// The files and their formats are described in docs/trail-format.md.
package trail

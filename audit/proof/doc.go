// Package proof checks what the audit trail says of itself, for somebody who
// trusts neither its software nor its host. It needs the log's public key, the
// record and the proof, and does no I/O.
//
// # The log
//
// The trail is a list of entries to which entries are only ever appended. A
// record is one entry, or several where it is long; the last one is its leaf,
// and the index of the leaf, counted from 0, is the record's index.
//
// Over the entries stands a Merkle tree (RFC 6962): each entry is hashed, the
// hashes are hashed in pairs, those again in pairs, up to one hash, the root.
// Whoever changes, removes, inserts or moves an entry gets another root.
//
// # Receipts and checkpoints
//
// Who appends a record gets a receipt: the record's index, and a checkpoint of
// the log that has it. A [Checkpoint] is the log's origin (its name), size and
// root; the log signs it with its key. [Verifier.Checkpoint] checks the
// signature:
//
//	v, err := proof.NewVerifier(key) // from the log's operator, once, not from the log's host
//	…
//	c, err := v.Checkpoint(signed)
//
// A signed checkpoint is small, and fixes the whole log up to its size. Keep
// it where the log's host can't change it.
//
// # Inclusion: the record is in the log
//
// An [Inclusion] is a signed checkpoint, an index, and the few hashes that lead
// from the record's leaf to the root: 20 for a million entries. It can be
// stored beside the record and checked years later, offline:
//
//	where, err := v.Record(json, inclusion)
//
// json is the record as it is stored, byte by byte: what AppendJSON of
// audit.Record writes. A record that was read and written again by other
// software is not the same bytes, and is not proved.
//
// # Consistency: the log was only appended to
//
// A [Consistency] is the proof that a newer checkpoint's log begins with all
// that an older one's had:
//
//	newer, err := v.Consistency(older, consistency)
//
// Who remembers one checkpoint, and asks for this from time to time, sees that
// nothing was taken back since. A log that can't answer has been changed, or
// was set back. Remember the newer one next.
//
// # What is proved, and what is not
//
// A nil error of [Verifier.Record] says that a holder of the key has signed a
// tree with this record at this index. It does not say:
//
//   - that the record is true, or when it was written: its time is the log's
//     word.
//   - that others see the same log. Whoever has the key can sign two trees, and
//     show one to each (a split view). Two signed checkpoints of one size with
//     two roots are the evidence: [ErrSplitView]. Comparing remembered
//     checkpoints with others finds it; so do witnesses, who sign what they
//     have seen. Their signature lines are let pass and not checked here.
//   - that the key is still the log's. A stolen key signs anything. Only a
//     checkpoint that was remembered, or given to a witness, before the theft
//     tells which history is the true one.
//   - that the log is complete, or that the record is still there: that takes
//     consistency with a newer checkpoint, and reading the log. Of a record in
//     parts the proof is about the last entry, which has its SHA-256, and not
//     about the parts.
//
// # Formats
//
// The texts are those of C2SP: signed-note, tlog-checkpoint, tlog-proof for
// inclusion, and the body of tlog-witness add-checkpoint for consistency; other
// software reads and writes them too. Every reader here takes one form of a
// value only, bounds what it reads before it makes anything of it ([MaxText],
// [MaxHashes], [MaxExtra], [MaxSize]), and never panics.
package proof

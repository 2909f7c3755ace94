package proof

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Verifier checks what a log says of itself, given the log's public keys and
// nothing else. It does no I/O, remembers nothing, and may be used by many
// goroutines at once. [NewVerifier] makes one; the zero Verifier and a nil one
// refuse everything, with [ErrUnverified].
type Verifier struct {
	origin string
	keys   note.Verifiers // nil: refuse
}

// Included is where a record was proved to be. The zero Included comes with an
// error only.
type Included struct {
	// Index is the record's place in the log, counted from 0.
	Index uint64
	// Checkpoint is the signed checkpoint of a tree that has the record.
	Checkpoint Checkpoint
}

// Checkpoint checks a signed checkpoint: a C2SP signed note,
// https://c2sp.org/signed-note, whose text [ParseCheckpoint] reads.
//
// Its origin must be the log's, and one of the log's keys must have signed it.
// Lines of unknown keys, such as those of witnesses, are passed over, up to 100
// lines in all. A line of a known key that does not verify refuses the note,
// where it is the first of that key; later ones of the same key are not read.
// What is malformed or has more than [MaxText] bytes is an error that wraps
// [ErrInvalid]; what no known key has signed wraps [ErrUnverified].
func (v *Verifier) Checkpoint(signed []byte) (Checkpoint, error) {
	if v == nil || v.keys == nil {
		return Checkpoint{}, fmt.Errorf("%w: Verifier has no keys, make it with NewVerifier", ErrUnverified)
	}
	if err := checkLength(signed); err != nil {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
	}
	opened, err := note.Open(signed, v.keys)
	if err != nil {
		return Checkpoint{}, v.noteError(err)
	}
	for _, s := range opened.Sigs {
		// note.Open decodes leniently: bits that belong to no byte could be changed.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("%w: checkpoint: signature is not the only base64 form of its bytes: %w", ErrInvalid, err)
		}
	}
	c, err := ParseCheckpoint([]byte(opened.Text))
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.origin {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint is of %.64q, the key of %.64q", ErrUnverified, c.Origin, v.origin)
	}
	return c, nil
}

// noteError says why a note was not opened.
func (v *Verifier) noteError(err error) error {
	var unknown *note.UnverifiedNoteError
	if errors.As(err, &unknown) {
		for _, s := range unknown.Note.UnverifiedSigs {
			if s.Name == v.origin {
				return fmt.Errorf("%w: checkpoint is signed by %.64q with key %08x, which is not known: has the log a new key?",
					ErrUnverified, s.Name, s.Hash)
			}
		}
		return fmt.Errorf("%w: checkpoint is not signed by %.64q", ErrUnverified, v.origin)
	}
	var forged *note.InvalidSignatureError
	if errors.As(err, &forged) {
		return fmt.Errorf("%w: checkpoint is not what key %08x of %.64q has signed", ErrUnverified, forged.Hash, v.origin)
	}
	return fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
}

// Record checks that the log has a record, given its JSON form as it is stored,
// byte by byte, and an inclusion proof as [Inclusion.AppendText] writes it. The
// answer is about the record and the checkpoint that the proof carries.
//
// A nil error says that a key of the log has signed a tree with this record at
// this index, and no more; see the package's comment for what that leaves open.
// What is malformed is an error that wraps [ErrInvalid], what does not prove it
// one that wraps [ErrUnverified].
func (v *Verifier) Record(json, proof []byte) (Included, error) {
	var p Inclusion
	if err := p.UnmarshalText(proof); err != nil {
		return Included{}, err
	}
	c, err := v.Checkpoint(p.Checkpoint)
	if err != nil {
		return Included{}, err
	}
	if err := p.Check(json, c); err != nil {
		return Included{}, err
	}
	return Included{Index: p.Index, Checkpoint: c}, nil
}

// Consistency checks that the log still has everything that an older checkpoint
// covers, given a proof as [Consistency.AppendText] writes it, and returns the
// newer checkpoint that the proof carries: the one to remember from now on.
//
// older is taken for the log's word: it should be one that this Verifier, or one
// with a former key, has returned. It must have the Verifier's origin. The
// errors are those of [Verifier.Checkpoint] and [Consistency.Check].
func (v *Verifier) Consistency(older Checkpoint, proof []byte) (newer Checkpoint, err error) {
	var p Consistency
	if err := p.UnmarshalText(proof); err != nil {
		return Checkpoint{}, err
	}
	newer, err = v.Checkpoint(p.Checkpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	if err := p.Check(older, newer); err != nil {
		return Checkpoint{}, err
	}
	return newer, nil
}

package proof

import (
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Consistency is the proof that a log has only been appended to between two
// checkpoints: the body of an add-checkpoint request of C2SP tlog-witness,
// https://c2sp.org/tlog-witness, so that it can be sent to a witness as it is.
// It says nothing by itself; [Verifier.Consistency] checks it. The zero
// Consistency proves nothing and has no text.
type Consistency struct {
	// OldSize is the size of the older checkpoint, at most MaxSize.
	OldSize uint64
	// Hashes are the RFC 6962 consistency proof, at most MaxHashes.
	Hashes [][32]byte
	// Checkpoint is the newer signed checkpoint, as [Verifier.Checkpoint] takes
	// it.
	Checkpoint []byte
}

// AppendText appends the proof's text. A Consistency that is outside of its
// bounds, or without a checkpoint, is an error that wraps [ErrInvalid]; b is
// then returned as it was.
func (p Consistency) AppendText(b []byte) ([]byte, error) {
	text, err := p.append(b)
	if err == nil {
		err = checkLength(text[len(b):])
	}
	if err != nil {
		return b, fmt.Errorf("%w: consistency proof: %w", ErrInvalid, err)
	}
	return text, nil
}

func (p Consistency) append(b []byte) ([]byte, error) {
	if p.OldSize > MaxSize {
		return b, fmt.Errorf("old size %d is more than 2^62", p.OldSize)
	}
	b = append(strconv.AppendUint(append(b, "old "...), p.OldSize, 10), '\n')
	return appendHashes(b, p.Hashes, p.Checkpoint)
}

// MarshalText returns what [Consistency.AppendText] appends.
func (p Consistency) MarshalText() ([]byte, error) { return p.AppendText(nil) }

// UnmarshalText reads the text of a proof, of at most [MaxText] bytes. It takes
// the one form only that AppendText writes. The checkpoint is copied and not
// looked at. Any other text is an error that wraps [ErrInvalid], and the
// Consistency is then as it was.
func (p *Consistency) UnmarshalText(text []byte) error {
	read, err := parseConsistency(text)
	if err != nil {
		return fmt.Errorf("%w: consistency proof: %w", ErrInvalid, err)
	}
	*p = read
	return nil
}

func parseConsistency(text []byte) (p Consistency, err error) {
	if err := checkLength(text); err != nil {
		return Consistency{}, err
	}
	size, text, err := cutField(text, "old")
	if err != nil {
		return Consistency{}, err
	}
	if p.OldSize, err = parseSize(size); err != nil {
		return Consistency{}, fmt.Errorf("old size: %w", err)
	}
	p.Hashes, p.Checkpoint, err = parseHashes(text)
	return p, err
}

// Check checks the proof for two checkpoints that the caller knows to be the
// log's word; that in the proof is not looked at.
//
// Any tree extends the empty one, and a tree extends itself: then there must be
// no hashes. Two checkpoints of one size with different roots are
// [ErrSplitView], whatever the proof says. Checkpoints of two logs, a newer one
// that is smaller, and a proof that is from another size or does not lead from
// one root to the other are errors that wrap [ErrUnverified], and what can't be
// a checkpoint is one that wraps [ErrInvalid].
func (p Consistency) Check(older, newer Checkpoint) error {
	for _, c := range []Checkpoint{older, newer} {
		if err := c.check(); err != nil {
			return fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
		}
	}
	if older.Origin != newer.Origin {
		return fmt.Errorf("%w: checkpoints are of %.64q and %.64q", ErrUnverified, older.Origin, newer.Origin)
	}
	if newer.Size < older.Size {
		return fmt.Errorf("%w: newer checkpoint has %d entries, the older one %d", ErrUnverified, newer.Size, older.Size)
	}
	if newer.Size == older.Size && newer.Root != older.Root {
		return fmt.Errorf("%w: %w: two roots of %d entries", ErrUnverified, ErrSplitView, older.Size)
	}
	if p.OldSize != older.Size {
		return fmt.Errorf("%w: proof is from %d entries, the older checkpoint has %d", ErrUnverified, p.OldSize, older.Size)
	}
	return p.check(older, newer)
}

// check checks the hashes for two sizes in order.
func (p Consistency) check(older, newer Checkpoint) error {
	if len(p.Hashes) > MaxHashes {
		return fmt.Errorf("%w: %d hashes, more than %d", ErrInvalid, len(p.Hashes), MaxHashes)
	}
	if older.Size == 0 { // CheckTree wants a tree to begin with
		if len(p.Hashes) > 0 {
			return fmt.Errorf("%w: %d hashes, where none are needed", ErrUnverified, len(p.Hashes))
		}
		return nil
	}
	err := tlog.CheckTree(tlogHashes(p.Hashes), int64(newer.Size), newer.Root, int64(older.Size), older.Root)
	if err != nil {
		return fmt.Errorf("%w: the %d hashes do not lead from the root of %d entries to that of %d: %w",
			ErrUnverified, len(p.Hashes), older.Size, newer.Size, err)
	}
	return nil
}

package trail

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
)

// ProveInclusion returns the proof, as C2SP tlog-proof, that the log has the
// record with an index, as its [Receipt] or an [Entry] names it. It is of the
// newest tree that is published, which has the record a moment after its
// append at the latest; ProveInclusion publishes it if need be.
//
// With the record's JSON form and the log's public key,
// [proof.Verifier.Record] checks it anywhere. An index that the log does not
// have is an error.
func (l *Log) ProveInclusion(ctx context.Context, index uint64) ([]byte, error) {
	tree, signed, err := l.publicAt(ctx, index)
	if err != nil {
		return nil, err
	}
	hashes, err := l.prove(tree, func(r tlog.HashReader) ([]tlog.Hash, error) {
		return proveRecord(tree, index, r)
	})
	if err != nil {
		return nil, fmt.Errorf("trail: proving entry %d: %w", index, err)
	}
	return proof.Inclusion{Index: index, Hashes: ownHashes(hashes), Checkpoint: signed}.MarshalText()
}

// proveRecord makes an inclusion proof and checks it.
func proveRecord(tree tlog.Tree, index uint64, r tlog.HashReader) ([]tlog.Hash, error) {
	p, err := tlog.ProveRecord(tree.N, int64(index), r)
	if err != nil {
		return nil, err
	}
	leaf, err := r.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
	if err != nil {
		return nil, err
	}
	return p, tlog.CheckRecord(p, tree.N, tree.Hash, int64(index), leaf[0])
}

// ProveConsistency returns the proof that the log as it is published has all of
// the log of an earlier size, unchanged and in its place: the body of an
// add-checkpoint request of C2SP tlog-witness. With the earlier checkpoint,
// [proof.Verifier.Consistency] checks it. A size of 0, or one that the log does
// not have yet, is an error.
func (l *Log) ProveConsistency(ctx context.Context, oldSize uint64) ([]byte, error) {
	if oldSize == 0 {
		return nil, errors.New("trail: every log extends the empty one: there is nothing to prove for size 0")
	}
	tree, signed, err := l.publicAt(ctx, oldSize-1)
	if err != nil {
		return nil, err
	}
	hashes, err := l.prove(tree, func(r tlog.HashReader) ([]tlog.Hash, error) {
		old, err := tlog.TreeHash(int64(oldSize), r)
		if err != nil {
			return nil, err
		}
		return proveTree(tree, tlog.Tree{N: int64(oldSize), Hash: old}, r)
	})
	if err != nil {
		return nil, fmt.Errorf("trail: proving size %d: %w", oldSize, err)
	}
	return proof.Consistency{OldSize: oldSize, Hashes: ownHashes(hashes), Checkpoint: signed}.MarshalText()
}

// proveTree makes a consistency proof and checks it.
func proveTree(tree, old tlog.Tree, r tlog.HashReader) ([]tlog.Hash, error) {
	p, err := tlog.ProveTree(tree.N, old.N, r)
	if err != nil {
		return nil, err
	}
	return p, tlog.CheckTree(p, tree.N, tree.Hash, old.N, old.Hash)
}

// prove makes a proof from the file of hashes, or from the tiles if that one is
// damaged.
func (l *Log) prove(tree tlog.Tree, with func(tlog.HashReader) ([]tlog.Hash, error)) ([]tlog.Hash, error) {
	p, err := with(l.publisher.hashes)
	if err == nil {
		return p, nil
	}
	l.publisher.hashes.forget()
	return with(publicFace{l.files, l.config.Dir, tree})
}

// publicAt returns a published tree that has an index, and its checkpoint.
func (l *Log) publicAt(ctx context.Context, index uint64) (tlog.Tree, []byte, error) {
	if err := l.readable(); err != nil {
		return tlog.Tree{}, nil, err
	}
	tree, signed := l.newestPublic()
	if index < uint64(tree.N) {
		return tree, signed, nil
	}
	if size := l.Size(); index >= size {
		return tlog.Tree{}, nil, fmt.Errorf("trail: entry %d: the log has %d entries", index, size)
	}
	if err := l.publishNow(ctx); err != nil {
		return tlog.Tree{}, nil, err
	}
	tree, signed = l.newestPublic()
	return tree, signed, nil
}

func (l *Log) newestPublic() (tlog.Tree, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.public, l.publicNote
}

// checkpointAfter returns the first checkpoint that was signed for a tree with
// an index that is published, byte for byte; or, where the history of
// checkpoints was lost, the newest one.
func (l *Log) checkpointAfter(index uint64) []byte {
	tree, newest := l.newestPublic()
	s, err := l.publisher.history.after(index)
	if err != nil || s.size > uint64(tree.N) {
		return newest
	}
	root, err := tlog.TreeHash(int64(s.size), l.publisher.hashes)
	if err != nil {
		return newest
	}
	text := proof.Checkpoint{Origin: l.config.Origin, Size: s.size, Root: root}.String()
	signed := signedNote(text, l.config.Origin, s)
	if _, err := l.verifier.Checkpoint(signed); err != nil {
		return newest
	}
	return signed
}

func ownHashes(hashes []tlog.Hash) [][32]byte {
	own := make([][32]byte, len(hashes))
	for i, h := range hashes {
		own[i] = h
	}
	return own
}

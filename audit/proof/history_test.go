package proof_test

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
)

func TestEachTreeIsTheBeginningOfEachLaterOne(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	for older := range l.size() + 1 {
		for newer := older; newer <= l.size(); newer++ {
			text := mustText(t, l.consistency(t, older, newer))
			got, err := l.verifier(t).Consistency(l.checkpoint(t, older), text)
			if err != nil || got != l.checkpoint(t, newer) {
				t.Errorf("from %d to %d: %v, %v", older, newer, got, err)
			}
		}
	}
}

// Every pair of trees with every honest proof: only the true one is accepted.
// Some pairs have the same proof.
func TestAProofIsForTwoTreesOnly(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	var checkpoints []proof.Checkpoint
	for size := range l.size() + 1 {
		checkpoints = append(checkpoints, l.checkpoint(t, size))
	}
	for from := range checkpoints {
		for to := from; to < len(checkpoints); to++ {
			hashes := l.bridge(t, uint64(from), uint64(to))
			for older := range checkpoints {
				for newer := range checkpoints {
					p := proof.Consistency{OldSize: uint64(older), Hashes: hashes}
					err := p.Check(checkpoints[older], checkpoints[newer])
					fits := older <= newer && slices.Equal(hashes, l.bridge(t, uint64(older), uint64(newer)))
					if fits != (err == nil) {
						t.Errorf("from %d to %d with the proof from %d to %d: %v", older, newer, from, to, err)
					}
				}
			}
		}
	}
}

// A log that rewrote an entry, signed again and shows each what it has seen
// before: the linear history of immudb before CVE-2022-36111 let that pass.
func TestARewrittenLogIsNotConsistent(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	for changed := range l.size() {
		fork := &testLog{key: l.key}
		for i, leaf := range l.leaves {
			if uint64(i) == changed {
				leaf = []byte(`{"id":"another"}`)
			}
			fork.addLeaf(t, leaf)
		}
		for older := changed + 1; older < l.size(); older++ {
			p := fork.consistency(t, older, l.size())
			for _, hashes := range [][][32]byte{p.Hashes, l.bridge(t, older, l.size())} {
				p.Hashes = hashes
				_, err := l.verifier(t).Consistency(l.checkpoint(t, older), mustText(t, p))
				if !errors.Is(err, proof.ErrUnverified) || errors.Is(err, proof.ErrSplitView) {
					t.Errorf("entry %d changed, from %d: %v", changed, older, err)
				}
			}
		}
		p := proof.Consistency{OldSize: l.size(), Checkpoint: fork.signed(t, l.size())}
		_, err := l.verifier(t).Consistency(l.checkpoint(t, l.size()), mustText(t, p))
		if !errors.Is(err, proof.ErrSplitView) || !errors.Is(err, proof.ErrUnverified) {
			t.Errorf("entry %d changed, of one size: %v", changed, err)
		}
	}
}

func TestAForgedConsistencyIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	older, newer := l.checkpoint(t, 6), l.checkpoint(t, 13)
	fair := l.consistency(t, 6, 13)
	for i := range fair.Hashes {
		for bit := range 256 {
			p := fair
			p.Hashes = slices.Clone(p.Hashes)
			p.Hashes[i][bit/8] ^= 1 << (bit % 8)
			if err := p.Check(older, newer); !errors.Is(err, proof.ErrUnverified) {
				t.Errorf("bit %d of hash %d turned: %v", bit, i, err)
			}
		}
	}
	hashes := fair.Hashes
	for name, forged := range map[string][][32]byte{
		"no hashes":               nil,
		"without the first":       hashes[1:],
		"without the last":        hashes[:len(hashes)-1],
		"with the first twice":    slices.Insert(slices.Clone(hashes), 0, hashes[0]),
		"with the last twice":     append(slices.Clone(hashes), hashes[len(hashes)-1]),
		"with the old root":       slices.Insert(slices.Clone(hashes), 0, older.Root),
		"the two roots":           {older.Root, newer.Root},
		"the first two swapped":   slices.Concat(hashes[1:2], hashes[:1], hashes[2:]),
		"in the other direction":  reversed(hashes),
		"63 hashes":               slices.Repeat(hashes[:1], 63),
		"an inclusion proof":      l.path(t, 6, 13),
		"the proof to a smaller":  l.bridge(t, 6, 12),
		"the proof from a larger": l.bridge(t, 7, 13),
	} {
		p := fair
		p.Hashes = forged
		got, err := l.verifier(t).Consistency(older, mustText(t, p))
		if !errors.Is(err, proof.ErrUnverified) || got != (proof.Checkpoint{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAnOlderCheckpointIs(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	c := l.checkpoint(t, 6)
	empty := proof.Checkpoint{Origin: origin, Root: sha256.Sum256(nil)}
	fair := l.consistency(t, 6, 13)
	with := func(oldSize uint64, hashes ...[32]byte) proof.Consistency {
		return proof.Consistency{OldSize: oldSize, Hashes: hashes, Checkpoint: l.signed(t, 13)}
	}
	for _, tt := range []struct {
		name  string
		older proof.Checkpoint
		p     proof.Consistency
		want  error // nil: accepted
	}{
		{"good if it is the beginning", c, fair, nil},
		{"good if it is empty", empty, with(0), nil},
		{"good if it is the newer one", l.checkpoint(t, 13), with(13), nil},
		{"refused if it is the zero one", proof.Checkpoint{}, with(0), proof.ErrInvalid},
		{"refused without an origin", proof.Checkpoint{Size: 6, Root: c.Root}, fair, proof.ErrInvalid},
		{"refused if it is beyond the bound", proof.Checkpoint{Origin: origin, Size: proof.MaxSize + 1, Root: c.Root}, fair, proof.ErrInvalid},
		{"refused if it is empty and has another root", proof.Checkpoint{Origin: origin, Root: c.Root}, with(0), proof.ErrInvalid},
		{"refused if it is another log's", proof.Checkpoint{Origin: "example.com/other", Size: 6, Root: c.Root}, fair, proof.ErrUnverified},
		{"refused if it is another log's empty one", proof.Checkpoint{Origin: "example.com/other", Root: empty.Root}, with(0), proof.ErrUnverified},
		{"refused if it is empty and there are hashes", empty, with(0, c.Root), proof.ErrUnverified},
		{"refused if it is the newer one and there are hashes", l.checkpoint(t, 13), with(13, c.Root), proof.ErrUnverified},
		{"refused if it is larger", l.checkpoint(t, 13), l.consistency(t, 6, 12), proof.ErrUnverified},
		{"refused if it is larger, though the proof's size is not", proof.Checkpoint{Origin: origin, Size: 14, Root: c.Root}, fair, proof.ErrUnverified},
		{"refused if the proof is from a smaller one", c, with(5, fair.Hashes...), proof.ErrUnverified},
		{"refused if the proof is from a larger one", c, with(7, fair.Hashes...), proof.ErrUnverified},
		{"refused if the proof is from none", c, with(0), proof.ErrUnverified},
		{"refused if the proof is from beyond the newer one", c, with(14, fair.Hashes...), proof.ErrUnverified},
		{"refused with another root", proof.Checkpoint{Origin: origin, Size: 6, Root: l.checkpoint(t, 5).Root}, fair, proof.ErrUnverified},
		{"refused with no root", proof.Checkpoint{Origin: origin, Size: 6}, fair, proof.ErrUnverified},
		{"evidence if it has another root and the newer one's size",
			proof.Checkpoint{Origin: origin, Size: 13, Root: c.Root}, with(13), proof.ErrSplitView},
		{"evidence even if the proof is from another size",
			proof.Checkpoint{Origin: origin, Size: 13, Root: c.Root}, with(6), proof.ErrSplitView},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := l.verifier(t).Consistency(tt.older, mustText(t, tt.p))
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil && got.Size != 13 || tt.want != nil && got != (proof.Checkpoint{}) {
				t.Errorf("got %v", got)
			}
			if err != nil && strings.Count(err.Error(), "proof:") != 1 {
				t.Errorf("prefixed other than once: %v", err)
			}
			if split := tt.want == proof.ErrSplitView; split != errors.Is(err, proof.ErrSplitView) {
				t.Errorf("split view: %t: %v", !split, err)
			}
		})
	}
}

func TestConsistencyNeedsTheLogsSignature(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	body := string(mustText(t, l.checkpoint(t, 13)))
	for name, signed := range map[string][]byte{
		"unsigned":           []byte(body),
		"of another key":     sign(t, body, newKey(t, origin, 2)),
		"of another log":     sign(t, body, newKey(t, "example.com/other", 1)),
		"a changed one":      append([]byte("x"), l.signed(t, 13)...),
		"a smaller one":      l.signed(t, 5),
		"one without a tree": sign(t, origin+"\n", l.key),
	} {
		p := l.consistency(t, 6, 13)
		p.Checkpoint = signed
		if got, err := l.verifier(t).Consistency(l.checkpoint(t, 6), mustText(t, p)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAMalformedConsistencyIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	good := string(mustText(t, l.consistency(t, 6, 13)))
	for name, text := range map[string]string{
		"nothing":            "",
		"a checkpoint":       string(l.signed(t, 13)),
		"an inclusion proof": string(mustText(t, l.inclusion(t, 6, 13))),
		"carriage returns":   strings.ReplaceAll(good, "\n", "\r\n"),
		"something after":    good + "more\n",
	} {
		got, err := l.verifier(t).Consistency(l.checkpoint(t, 6), []byte(text))
		if !errors.Is(err, proof.ErrInvalid) || got != (proof.Checkpoint{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The largest trees must be answered, not computed for ever: the arithmetic of
// the tree overflows beyond MaxSize.
func TestTheLargestTreesAreAnswered(t *testing.T) {
	t.Parallel()
	root := tlog.RecordHash(nil)
	for _, older := range []uint64{1, proof.MaxSize / 2, proof.MaxSize - 1} {
		p := proof.Consistency{OldSize: older, Hashes: make([][32]byte, 63)}
		err := p.Check(proof.Checkpoint{Origin: origin, Size: older, Root: root},
			proof.Checkpoint{Origin: origin, Size: proof.MaxSize, Root: root})
		if !errors.Is(err, proof.ErrUnverified) {
			t.Errorf("from %d: %v", older, err)
		}
	}
	p := proof.Consistency{OldSize: 5, Hashes: make([][32]byte, 64)}
	if err := p.Check(proof.Checkpoint{Origin: origin, Size: 5, Root: root},
		proof.Checkpoint{Origin: origin, Size: 6, Root: root}); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("64 hashes: %v", err)
	}
}

package trail

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	mathrand "math/rand/v2"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/internal/disk"
)

// BenchmarkInclusion makes and checks inclusion proofs for entries of a tree of
// a million, chosen at random, from the file of hashes on the disk; the
// signature of the checkpoint is not checked. work=hash is the floor: the
// hashes that a check computes, and nothing else.
func BenchmarkInclusion(b *testing.B) {
	const size = 1_000_000
	l := logOfHashes(b, size)
	b.Run("work=make-and-check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text, err := l.ProveInclusion(b.Context(), mathrand.Uint64N(size))
			if err != nil {
				b.Fatal(err)
			}
			checkText(b, l.public, text)
		}
	})
	b.Run("work=hash", func(b *testing.B) {
		var h tlog.Hash
		for b.Loop() {
			for range bits.Len(size) {
				h = tlog.NodeHash(h, h)
			}
		}
	})
}

// checkText does what a verifier does, the signature aside.
func checkText(b *testing.B, tree tlog.Tree, text []byte) {
	var p proof.Inclusion
	if err := p.UnmarshalText(text); err != nil {
		b.Fatal(err)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		path[i] = h
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, int64(p.Index), leafOf(p.Index)); err != nil {
		b.Fatal(err)
	}
}

func leafOf(i uint64) tlog.Hash {
	return tlog.RecordHash(binary.BigEndian.AppendUint64(nil, i))
}

// logOfHashes returns a log that has the hashes of a tree, and nothing else.
func logOfHashes(b *testing.B, size uint64) *Log {
	hashes, err := openHashFile(disk.OS{}, filepath.Join(b.TempDir(), hashesFile))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { hashes.file.Close() })
	var t tree
	for t.size < size {
		g := &group{first: t.size}
		for range 10_000 {
			g.stored = t.append(leafOf(t.size), g.stored)
		}
		if err := hashes.append(g.first, []*group{g}); err != nil {
			b.Fatal(err)
		}
	}
	l := &Log{publisher: &publisher{hashes: hashes}, opened: true, durable: size}
	l.public = tlog.Tree{N: int64(size), Hash: t.root()}
	private, _, err := note.GenerateKey(rand.Reader, "example.com/trail")
	if err != nil {
		b.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		b.Fatal(err)
	}
	c := proof.Checkpoint{Origin: "example.com/trail", Size: size, Root: l.public.Hash}
	if l.publicNote, err = note.Sign(&note.Note{Text: c.String()}, signer); err != nil {
		b.Fatal(err)
	}
	return l
}

package proof_test

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
)

// BenchmarkCheckRecord checks a record of 600 bytes in a tree of a million
// entries, with the signature and without.
func BenchmarkCheckRecord(b *testing.B) {
	json := []byte(`{"id":"` + strings.Repeat("x", 591) + `"}`)
	p := proof.Inclusion{Index: 314_159}
	c := proof.Checkpoint{Origin: origin, Size: 1_000_000}
	c.Root = climb(tlog.RecordHash(json), p.Index, c.Size, func(i int) tlog.Hash {
		p.Hashes = append(p.Hashes, [32]byte{byte(i)})
		return p.Hashes[i]
	})
	signer := newKey(b, origin, 1)
	p.Checkpoint = sign(b, string(mustText(b, c)), signer)
	text := mustText(b, p)
	v := mustVerifier(b, signer.public)
	b.Run("signature=checked", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Record(json, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signature=aside", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var p proof.Inclusion
			if err := p.UnmarshalText(text); err != nil {
				b.Fatal(err)
			}
			if err := p.Check(json, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

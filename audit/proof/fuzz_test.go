package proof_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/proof"
)

// known reports whether an error is one that the package promises.
func known(err error) bool {
	return errors.Is(err, proof.ErrInvalid) || errors.Is(err, proof.ErrUnverified)
}

// What is read as a checkpoint is written as it was, but for extension lines.
func FuzzCheckpointsHaveOneText(f *testing.F) {
	f.Add([]byte(origin + "\n5\n" + rootText + "\n"))
	f.Add([]byte(origin + "\n0\n" + emptyRoot + "\nextension\n"))
	f.Add([]byte(origin + "\n4611686018427387904\n" + rootText + "\n"))
	f.Add([]byte(behindTheSofa))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := proof.ParseCheckpoint(body)
		if err != nil {
			if !known(err) || c != (proof.Checkpoint{}) {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		again := mustText(t, c)
		if rest, found := bytes.CutPrefix(body, again); !found || bytes.HasPrefix(rest, []byte("\n")) || bytes.Contains(rest, []byte("\n\n")) {
			t.Fatalf("%q is read as %q", body, again)
		}
	})
}

// What is read as an inclusion proof is written as it was.
func FuzzInclusionsHaveOneText(f *testing.F) {
	l := newLog(f)
	good := l.inclusion(f, 3, 13)
	f.Add(mustText(f, good))
	good.Extra = []byte{0, 1, 255}
	f.Add(mustText(f, good))
	f.Add(mustText(f, l.inclusion(f, 0, 1)))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AA\rEC\nindex 5\n\nsigned\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p proof.Inclusion
		if err := p.UnmarshalText(text); err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		if len(p.Hashes) > proof.MaxHashes || len(p.Extra) > proof.MaxExtra || p.Index >= proof.MaxSize {
			t.Fatalf("%q is beyond the bounds", text)
		}
		if again := mustText(t, p); !bytes.Equal(text, again) {
			t.Fatalf("%q is written again as %q", text, again)
		}
	})
}

// What is read as a consistency proof is written as it was.
func FuzzConsistenciesHaveOneText(f *testing.F) {
	l := newLog(f)
	f.Add(mustText(f, l.consistency(f, 6, 13)))
	f.Add(mustText(f, l.consistency(f, 0, 13)))
	f.Add([]byte("old 4611686018427387905\n\nsigned\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p proof.Consistency
		if err := p.UnmarshalText(text); err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		if len(p.Hashes) > proof.MaxHashes || p.OldSize > proof.MaxSize {
			t.Fatalf("%q is beyond the bounds", text)
		}
		if again := mustText(t, p); !bytes.Equal(text, again) {
			t.Fatalf("%q is written again as %q", text, again)
		}
	})
}

// Only texts make a Verifier that can be told apart from any other key's.
func FuzzKeysHaveOneText(f *testing.F) {
	good := newKey(f, origin, 1).public
	f.Add(good)
	f.Add(strings.ToUpper(good))
	f.Add(encodeKey(origin, append([]byte{4}, make([]byte, 32)...)...))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := proof.NewVerifier(text)
		if err != nil {
			if !known(err) || v != nil {
				t.Fatalf("%v, %v", v, err)
			}
			return
		}
		name, rest, _ := strings.Cut(text, "+")
		_, encoded, _ := strings.Cut(rest, "+")
		if again := encodeKey(name, mustBase64(encoded)...); !strings.EqualFold(again, text) {
			t.Fatalf("%q is taken for %q", text, again)
		}
	})
}

// A signed text is accepted only if the log has signed just that text.
func FuzzNoForgedCheckpoint(f *testing.F) {
	l := newLog(f)
	other := newKey(f, origin, 2)
	for size := range l.size() + 1 {
		f.Add(l.signed(f, size))
	}
	body := string(mustText(f, l.checkpoint(f, 13)))
	f.Add(sign(f, body, other))
	f.Add(sign(f, body, other, l.key))
	f.Add([]byte(behindTheSofa))
	v := l.verifier(f)
	f.Fuzz(func(t *testing.T, signed []byte) {
		c, err := v.Checkpoint(signed)
		if err != nil {
			if !known(err) || c != (proof.Checkpoint{}) {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		if c.Size > l.size() || c != l.checkpoint(t, c.Size) || !bytes.HasPrefix(signed, mustText(t, c)) {
			t.Fatalf("%q is accepted as %v", signed, c)
		}
	})
}

// honestAt fails unless the log has the record at its index.
func honestAt(t *testing.T, l *testLog, got proof.Included, json []byte) {
	t.Helper()
	leaf, err := entry.Leaf(json)
	if err != nil {
		t.Fatalf("no record is accepted: %v", err)
	}
	if got.Checkpoint.Size > l.size() || got.Checkpoint != l.checkpoint(t, got.Checkpoint.Size) {
		t.Fatalf("the log did not sign %v", got.Checkpoint)
	}
	if got.Index >= got.Checkpoint.Size || !bytes.Equal(leaf, l.leaves[got.Index]) {
		t.Fatalf("%q is not entry %d of %d", json, got.Index, got.Checkpoint.Size)
	}
}

// Whatever the proof, a record is accepted only where the log has it.
func FuzzNoForgedProof(f *testing.F) {
	l := newLog(f)
	for _, r := range l.records {
		f.Add(r.json, mustText(f, l.inclusion(f, r.index, 13)))
		f.Add(r.json, mustText(f, l.inclusion(f, r.index, r.index+1)))
	}
	f.Add(l.leaves[5], mustText(f, l.inclusion(f, 5, 13)))
	f.Add(l.leaves[7], mustText(f, l.inclusion(f, 7, 13)))
	v := l.verifier(f)
	f.Fuzz(func(t *testing.T, json, text []byte) {
		got, err := v.Record(json, text)
		if err != nil {
			if !known(err) || got != (proof.Included{}) {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		honestAt(t, l, got, json)
	})
}

// As FuzzNoForgedProof, with proofs that are always well-formed and signed, and
// records and hashes of the log, so that only the tree can refuse.
func FuzzNoForgedPath(f *testing.F) {
	l := newLog(f)
	v := l.verifier(f)
	signed := make([][]byte, l.size()+1)
	for size := range l.size() + 1 {
		signed[size] = l.signed(f, size)
	}
	for which, r := range l.records {
		var path []byte
		for _, hash := range l.path(f, r.index, 13) {
			for i := range l.stored {
				if l.stored[i] == hash {
					path = append(path, byte(i))
				}
			}
		}
		f.Add(uint8(which), r.index, uint8(13), path)
	}
	f.Fuzz(func(t *testing.T, which uint8, index uint64, size uint8, path []byte) {
		json := l.records[int(which)%len(l.records)].json
		p := proof.Inclusion{Index: index % proof.MaxSize, Checkpoint: signed[int(size)%len(signed)]}
		for _, i := range path[:min(len(path), proof.MaxHashes)] {
			p.Hashes = append(p.Hashes, l.stored[int(i)%len(l.stored)])
		}
		got, err := v.Record(json, mustText(t, p))
		if err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		honestAt(t, l, got, json)
	})
}

// Whatever the proof and whoever's the older checkpoint, it is accepted only if
// the log was like that.
func FuzzNoForgedHistory(f *testing.F) {
	l := newLog(f)
	v := l.verifier(f)
	for older := uint64(0); older <= l.size(); older += 3 {
		c := l.checkpoint(f, older)
		f.Add(older, c.Root[:], mustText(f, l.consistency(f, older, 13)))
		f.Add(older, c.Root[:], mustText(f, l.consistency(f, older, older)))
	}
	f.Fuzz(func(t *testing.T, size uint64, root, text []byte) {
		older := proof.Checkpoint{Origin: origin, Size: size}
		copy(older.Root[:], root)
		newer, err := v.Consistency(older, text)
		if err != nil {
			if !known(err) || newer != (proof.Checkpoint{}) {
				t.Fatalf("%v, %v", newer, err)
			}
			return
		}
		if newer.Size > l.size() || newer != l.checkpoint(t, newer.Size) {
			t.Fatalf("the log did not sign %v", newer)
		}
		if older.Size > newer.Size || older != l.checkpoint(t, older.Size) {
			t.Fatalf("%v is accepted as the beginning of %v", older, newer)
		}
	})
}

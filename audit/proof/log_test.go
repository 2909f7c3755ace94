package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/proof"
)

const origin = "example.com/trail"

// key is a key pair that follows from a name and one byte.
type key struct {
	note.Signer
	public string
}

func newKey(t testing.TB, name string, seed byte) key {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	public, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(public, "+")[1]
	secret := base64.StdEncoding.EncodeToString(append([]byte{1}, private.Seed()...))
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + id + "+" + secret)
	if err != nil {
		t.Fatal(err)
	}
	return key{signer, public}
}

// sign makes a signed note of a text.
func sign(t testing.TB, text string, signers ...note.Signer) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// mustText returns the text of a checkpoint or a proof.
func mustText(t testing.TB, v interface{ MarshalText() ([]byte, error) }) []byte {
	t.Helper()
	text, err := v.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// record is a record of a testLog.
type record struct {
	index uint64 // of its leaf
	json  []byte
}

// testLog is an honest log in memory.
type testLog struct {
	key     key
	records []record
	leaves  [][]byte // every entry
	stored  []tlog.Hash
}

// newLog returns a log of 13 entries: five records, a long one in two parts and
// a manifest, and five records more.
func newLog(t testing.TB) *testLog {
	t.Helper()
	l := &testLog{key: newKey(t, origin, 1)}
	for i := range 11 {
		json := fmt.Sprintf(`{"id":"r%d","event":"refused","time":"2017-11-02T23:00:00Z"}`, i)
		if i == 5 {
			json = fmt.Sprintf(`{"id":"r5","reason":"%s"}`, strings.Repeat("eleven ", 10_000))
		}
		l.add(t, []byte(json))
	}
	return l
}

func (l *testLog) add(t testing.TB, json []byte) {
	t.Helper()
	entries, err := entry.Append(nil, json)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		l.addLeaf(t, e)
	}
	l.records = append(l.records, record{l.size() - 1, json})
}

func (l *testLog) addLeaf(t testing.TB, leaf []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, l)
	if err != nil {
		t.Fatal(err)
	}
	l.leaves = append(l.leaves, leaf)
	l.stored = append(l.stored, hashes...)
}

// ReadHashes implements tlog.HashReader.
func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hashes[i] = l.stored[x]
	}
	return hashes, nil
}

func (l *testLog) size() uint64 { return uint64(len(l.leaves)) }

func (l *testLog) checkpoint(t testing.TB, size uint64) proof.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), l)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Checkpoint{Origin: l.key.Name(), Size: size, Root: root}
}

func (l *testLog) sign(t testing.TB, c proof.Checkpoint) []byte {
	t.Helper()
	return sign(t, string(mustText(t, c)), l.key)
}

func (l *testLog) signed(t testing.TB, size uint64) []byte {
	t.Helper()
	return l.sign(t, l.checkpoint(t, size))
}

// path returns the hashes of an inclusion proof.
func (l *testLog) path(t testing.TB, index, size uint64) [][32]byte {
	t.Helper()
	hashes, err := tlog.ProveRecord(int64(size), int64(index), l)
	if err != nil {
		t.Fatal(err)
	}
	return plain(hashes)
}

func (l *testLog) inclusion(t testing.TB, index, size uint64) proof.Inclusion {
	t.Helper()
	return proof.Inclusion{Index: index, Hashes: l.path(t, index, size), Checkpoint: l.signed(t, size)}
}

// bridge returns the hashes of a consistency proof.
func (l *testLog) bridge(t testing.TB, older, newer uint64) [][32]byte {
	t.Helper()
	if older == 0 {
		return nil
	}
	hashes, err := tlog.ProveTree(int64(newer), int64(older), l)
	if err != nil {
		t.Fatal(err)
	}
	return plain(hashes)
}

func (l *testLog) consistency(t testing.TB, older, newer uint64) proof.Consistency {
	t.Helper()
	return proof.Consistency{OldSize: older, Hashes: l.bridge(t, older, newer), Checkpoint: l.signed(t, newer)}
}

// verifier returns a verifier with the log's key.
func (l *testLog) verifier(t testing.TB) *proof.Verifier {
	t.Helper()
	return mustVerifier(t, l.key.public)
}

func mustVerifier(t testing.TB, keys ...string) *proof.Verifier {
	t.Helper()
	v, err := proof.NewVerifier(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// plain returns hashes as the package has them, nil for none.
func plain(hashes []tlog.Hash) [][32]byte {
	var converted [][32]byte
	for _, h := range hashes {
		converted = append(converted, h)
	}
	return converted
}

// climb returns the root that siblings make of a leaf, after the algorithm of
// RFC 9162, section 2.1.3.2, which is not the one that the package runs. It asks
// for a sibling until it is at the root.
func climb(leaf tlog.Hash, index, size uint64, sibling func(int) tlog.Hash) (root tlog.Hash) {
	fn, sn := index, size-1
	for i := 0; sn > 0; i++ {
		if fn&1 == 1 || fn == sn {
			leaf = tlog.NodeHash(sibling(i), leaf)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			leaf = tlog.NodeHash(leaf, sibling(i))
		}
		fn, sn = fn>>1, sn>>1
	}
	return leaf
}

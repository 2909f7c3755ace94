package proof_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
)

// The note and the key are the example of C2SP signed-note.
func TestTheExampleOfSignedNoteIsVerified(t *testing.T) {
	t.Parallel()
	const (
		key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
		sig = "\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	)
	v := mustVerifier(t, key)
	// The signature is good, and what it signs is no checkpoint.
	if _, err := v.Checkpoint([]byte("This is an example message.\n" + sig)); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("the example: %v", err)
	}
	if _, err := v.Checkpoint([]byte("This is an example massage.\n" + sig)); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("another text: %v", err)
	}
}

// The example of C2SP tlog-checkpoint, whose key is not published.
const behindTheSofa = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`

func TestTheExampleOfTlogCheckpointIsRead(t *testing.T) {
	t.Parallel()
	body, _, _ := strings.Cut(behindTheSofa, "\n\n")
	got, err := proof.ParseCheckpoint([]byte(body + "\n"))
	want := proof.Checkpoint{Origin: "example.com/behind-the-sofa", Size: 20852163, Root: rootOf(rootText)}
	if err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	v := mustVerifier(t, newKey(t, "example.com/behind-the-sofa", 1).public)
	if _, err := v.Checkpoint([]byte(behindTheSofa)); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("with a key of ours: %v", err)
	}
}

// The example of C2SP tlog-witness add-checkpoint, with one of its two
// signatures.
func TestTheExampleOfTlogWitnessIsRead(t *testing.T) {
	t.Parallel()
	const text = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

` + behindTheSofa
	var p proof.Consistency
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if p.OldSize != 20852014 || len(p.Hashes) != 4 || p.Hashes[3] != rootOf("/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=") {
		t.Errorf("read as %v", p)
	}
	if d := cmp.Diff(text, string(mustText(t, p))); d != "" {
		t.Errorf("written again (-want +got):\n%s", d)
	}
}

// The hashes of the example of C2SP tlog-proof. Its extra data and signatures
// are abbreviated there.
func TestTheExampleOfTlogProofIsRead(t *testing.T) {
	t.Parallel()
	const text = `c2sp.org/tlog-proof@v1
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

` + behindTheSofa
	var p proof.Inclusion
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if p.Index != 73894 || len(p.Hashes) != 5 || string(p.Checkpoint) != behindTheSofa {
		t.Errorf("read as %v", p)
	}
	if d := cmp.Diff(text, string(mustText(t, p))); d != "" {
		t.Errorf("written again (-want +got):\n%s", d)
	}
}

// The well-known test vectors for RFC 6962: eight inputs, the roots of the
// trees over the first one to all of them, and some proofs.
var (
	rfcInputs = []string{
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
	}
	rfcRoots = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func hashOf(t testing.TB, text string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(b)
}

func hashesOf(t testing.TB, texts []string) (hashes [][32]byte) {
	t.Helper()
	for _, text := range texts {
		hashes = append(hashes, hashOf(t, text))
	}
	return hashes
}

func rfcCheckpoint(t testing.TB, size uint64) proof.Checkpoint {
	t.Helper()
	return proof.Checkpoint{Origin: origin, Size: size, Root: hashOf(t, rfcRoots[size-1])}
}

func TestInclusionHoldsForTheVectorsOfRFC6962(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		index, size uint64
		hashes      []string
	}{
		{0, 1, nil},
		{0, 8, []string{
			"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
		{5, 8, []string{
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
		{2, 3, []string{
			"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
		{1, 5, []string{
			"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
	} {
		p := proof.Inclusion{Index: tt.index, Hashes: hashesOf(t, tt.hashes)}
		leaf, err := hex.DecodeString(rfcInputs[tt.index])
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckLeaf(tlog.RecordHash(leaf), rfcCheckpoint(t, tt.size)); err != nil {
			t.Errorf("%d of %d: %v", tt.index, tt.size, err)
		}
		if err := p.CheckLeaf(tlog.RecordHash([]byte("another")), rfcCheckpoint(t, tt.size)); !errors.Is(err, proof.ErrUnverified) {
			t.Errorf("%d of %d with another leaf: %v", tt.index, tt.size, err)
		}
	}
}

func TestConsistencyHoldsForTheVectorsOfRFC6962(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		older, newer uint64
		hashes       []string
	}{
		{1, 1, nil},
		{1, 8, []string{
			"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
		{6, 8, []string{
			"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
		{2, 5, []string{
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
	} {
		p := proof.Consistency{OldSize: tt.older, Hashes: hashesOf(t, tt.hashes)}
		if err := p.Check(rfcCheckpoint(t, tt.older), rfcCheckpoint(t, tt.newer)); err != nil {
			t.Errorf("%d to %d: %v", tt.older, tt.newer, err)
		}
	}
}

// All roots and proofs of a log that is built of the inputs are those of the
// vectors, so the tests with other logs stand on the same tree.
func TestTheTestLogHasTheRootsOfRFC6962(t *testing.T) {
	t.Parallel()
	l := &testLog{key: newKey(t, origin, 1)}
	for i, input := range rfcInputs {
		leaf, err := hex.DecodeString(input)
		if err != nil {
			t.Fatal(err)
		}
		l.addLeaf(t, leaf)
		if got, want := l.checkpoint(t, l.size()), rfcCheckpoint(t, l.size()); got != want {
			t.Errorf("root of %d: %x, want %x", i+1, got.Root, want.Root)
		}
		for index := range l.size() {
			p := proof.Inclusion{Index: index, Hashes: l.path(t, index, l.size())}
			if err := p.CheckLeaf(tlog.RecordHash(l.leaves[index]), rfcCheckpoint(t, l.size())); err != nil {
				t.Errorf("%d of %d: %v", index, l.size(), err)
			}
		}
	}
}

package moderation_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// mtRoot is the Merkle tree hash of RFC 6962, section 2.1, as it is written there.
func mtRoot(leaves []string) [32]byte {
	switch n := len(leaves); n {
	case 1:
		return sha256.Sum256([]byte("\x00interlock/member/v1\x00" + leaves[0]))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		left, right := mtRoot(leaves[:k]), mtRoot(leaves[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
	}
}

func mtIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("id-%05d", i)
	}
	return ids
}

func TestMemberSetHasTheRootOfRFC6962(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 40; n++ {
		ids := mtIDs(n)
		mixed := append(slices.Clone(ids), ids[n/2])
		slices.Reverse(mixed)
		set, err := moderation.NewMemberSet(slices.Values(mixed))
		if err != nil {
			t.Fatal(err)
		}
		if set.Root() != moderation.Digest(mtRoot(ids)) || set.Len() != n {
			t.Errorf("%d members: root %s of %d", n, set.Root(), set.Len())
		}
		if got := slices.Collect(set.All()); !slices.Equal(got, ids) {
			t.Errorf("members: %v", got)
		}
		for i, id := range ids {
			if at, found := set.Find(id); !found || at != i || set.ID(i) != id {
				t.Errorf("Find(%s): %d, %t", id, at, found)
			}
		}
	}
}

func TestEachMemberHasOneTurn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 4, 6, 7, 12, 30, 97, 100, 128, 1000, 2000} {
		set, err := moderation.NewMemberSet(slices.Values(mtIDs(n)))
		if err != nil {
			t.Fatal(err)
		}
		seen := make([]bool, n)
		for turn := range n {
			place := set.Turn(turn)
			if place < 0 || place >= n || seen[place] {
				t.Fatalf("%d members: turn %d is that of place %d again", n, turn, place)
			}
			seen[place] = true
			if back := moderation.TurnOf(set, place); back != turn {
				t.Fatalf("%d members: place %d has turn %d, want %d", n, place, back, turn)
			}
		}
	}
}

func TestNewMemberSetRefuses(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][]string{
		"none": nil, "an empty ID": {"a", ""}, "white space": {" a"}, "an invisible character": {"a\u200b"}, "not UTF-8": {"\xff"},
	} {
		if set, err := moderation.NewMemberSet(slices.Values(ids)); err == nil || set != nil {
			t.Errorf("%s: a set of %d", name, set.Len())
		} else {
			wantCode(t, err, moderation.CodeInvalid)
		}
	}
	var none *moderation.MemberSet
	if none.Len() != 0 || none.Root() != (moderation.Digest{}) {
		t.Error("the nil set has members")
	}
}

// FuzzMember looks for a member that a set proves though it has it not.
func FuzzMember(f *testing.F) {
	set, err := moderation.NewMemberSet(slices.Values(mtIDs(13)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("id-00003", 3, []byte{})
	f.Add("other", 12, []byte(set.Root().String()))
	f.Fuzz(func(t *testing.T, id string, index int, proof []byte) {
		m := moderation.Member{ID: id, Index: index}
		for part := range slices.Chunk(proof, 32) {
			var d moderation.Digest
			copy(d[:], part)
			m.Proof = append(m.Proof, d)
		}
		if at, found := set.Find(id); moderation.InSet(m, set.Root(), set.Len()) && (!found || at != index) {
			t.Errorf("%q at %d is proved", id, index)
		}
	})
}

package proof_test

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/proof"
)

var (
	_ encoding.TextAppender    = proof.Inclusion{}
	_ encoding.TextMarshaler   = proof.Inclusion{}
	_ encoding.TextUnmarshaler = (*proof.Inclusion)(nil)
)

func mustBase64(text string) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// hashLines returns n lines, and the hashes that they are.
func hashLines(n int) (text string, hashes [][32]byte) {
	for i := range n {
		hash := [32]byte{0: byte(i), 31: 1}
		text += base64.StdEncoding.EncodeToString(hash[:]) + "\n"
		hashes = append(hashes, hash)
	}
	return text, hashes
}

func TestAnInclusionHasOneText(t *testing.T) {
	t.Parallel()
	const header = "c2sp.org/tlog-proof@v1\n"
	three, threeHashes := hashLines(3)
	most, mostHashes := hashLines(63)
	extra := bytes.Repeat([]byte("x"), proof.MaxExtra)
	for _, tt := range []struct {
		name, text string
		want       proof.Inclusion
	}{
		{"without hashes", header + "index 0\n\nsigned\n",
			proof.Inclusion{Checkpoint: []byte("signed\n")}},
		{"with hashes", header + "index 73894\n" + three + "\nsigned\n",
			proof.Inclusion{Index: 73894, Hashes: threeHashes, Checkpoint: []byte("signed\n")}},
		{"with as many hashes as there can be", header + "index 4611686018427387903\n" + most + "\nsigned\n",
			proof.Inclusion{Index: proof.MaxSize - 1, Hashes: mostHashes, Checkpoint: []byte("signed\n")}},
		{"with extra data", header + "extra AAEC/w==\nindex 7\n" + three + "\nsigned\n",
			proof.Inclusion{Index: 7, Extra: []byte{0, 1, 2, 255}, Hashes: threeHashes, Checkpoint: []byte("signed\n")}},
		{"with as much extra data as there can be", header + "extra " + base64.StdEncoding.EncodeToString(extra) + "\nindex 7\n\nsigned\n",
			proof.Inclusion{Index: 7, Extra: extra, Checkpoint: []byte("signed\n")}},
		{"with empty lines in the checkpoint", header + "index 7\n\na\n\nb\n\n",
			proof.Inclusion{Index: 7, Checkpoint: []byte("a\n\nb\n\n")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got proof.Inclusion
			text := []byte(tt.text)
			err := got.UnmarshalText(text)
			clear(text) // what was read must not share it
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Errorf("UnmarshalText: %v (-want +got):\n%s", err, d)
			}
			again, err := tt.want.AppendText([]byte("before "))
			if d := cmp.Diff("before "+tt.text, string(again)); d != "" || err != nil {
				t.Errorf("AppendText: %v (-want +got):\n%s", err, d)
			}
		})
	}
}

func TestWhatIsNoInclusionIsRefused(t *testing.T) {
	t.Parallel()
	const header, end = "c2sp.org/tlog-proof@v1\n", "\nsigned\n"
	hash, _ := hashLines(1)
	many, _ := hashLines(64)
	bare := strings.TrimSuffix(hash, "\n")
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"a header alone", header},
		{"no header", "index 5\n" + hash + end},
		{"another version", "c2sp.org/tlog-proof@v2\nindex 5\n" + hash + end},
		{"a space after the header", "c2sp.org/tlog-proof@v1 \nindex 5\n" + hash + end},
		{"something before the header", "\n" + header + "index 5\n" + hash + end},
		{"no index", header + hash + end},
		{"an empty index", header + "index \n" + hash + end},
		{"two spaces before the index", header + "index  5\n" + hash + end},
		{"an index with a leading zero", header + "index 05\n" + hash + end},
		{"an index with a sign", header + "index +5\n" + hash + end},
		{"a negative index", header + "index -1\n" + hash + end},
		{"an index of 2^62", header + "index 4611686018427387904\n" + hash + end},
		{"an index of 2^64 and 5", header + "index 18446744073709551621\n" + hash + end},
		{"two indexes", header + "index 5\nindex 5\n" + hash + end},
		{"a carriage return after the index", header + "index 5\r\n" + hash + end},
		{"empty extra data", header + "extra \nindex 5\n" + hash + end},
		{"extra data after the index", header + "index 5\nextra AAEC\n" + hash + end},
		{"extra data twice", header + "extra AAEC\nextra AAEC\nindex 5\n" + hash + end},
		{"extra data without padding", header + "extra AAEC/w\nindex 5\n" + hash + end},
		{"extra data with other trailing bits", header + "extra AAEC/x==\nindex 5\n" + hash + end},
		{"extra data with a carriage return", header + "extra AA\rEC\nindex 5\n" + hash + end},
		{"extra data with a space", header + "extra AA EC\nindex 5\n" + hash + end},
		{"a little too much extra data", header + "extra " + base64.StdEncoding.EncodeToString(make([]byte, proof.MaxExtra+1)) + "\nindex 5\n" + hash + end},
		{"far too much extra data", header + "extra " + base64.StdEncoding.EncodeToString(make([]byte, 2*proof.MaxExtra)) + "\nindex 5\n" + hash + end},
		{"a short hash", header + "index 5\n" + bare[4:] + "\n" + end},
		{"a long hash", header + "index 5\nAAAA" + bare + "\n" + end},
		{"a hash without padding", header + "index 5\n" + bare[:43] + "\n" + end},
		{"a hash with other trailing bits", header + "index 5\n" + bare[:42] + "F=\n" + end},
		{"a hash and a space", header + "index 5\n" + bare + " \n" + end},
		{"a hash with a carriage return in it", header + "index 5\n" + bare[:20] + "\r" + bare[21:] + "\n" + end},
		{"64 hashes", header + "index 5\n" + many + end},
		{"no empty line", header + "index 5\n" + hash + "signed\n"},
		{"no checkpoint", header + "index 5\n" + hash + "\n"},
		{"no newline at the end", header + "index 5\n" + hash + "\nsigned"},
		{"cut in the extra data", header + "extra AAEC"},
		{"cut in the index", header + "index 5"},
		{"cut in a hash", header + "index 5\n" + bare[:20]},
		{"more than MaxText bytes", header + "index 5\n\n" + strings.Repeat("x", proof.MaxText) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := proof.Inclusion{Index: 99}
			err := got.UnmarshalText([]byte(tt.text))
			if d := cmp.Diff(proof.Inclusion{Index: 99}, got); !errors.Is(err, proof.ErrInvalid) || d != "" {
				t.Errorf("%v (-before +after):\n%.1000s", err, d)
			}
		})
	}
}

func TestAnInclusionOutOfBoundsHasNoText(t *testing.T) {
	t.Parallel()
	signed := []byte("signed\n")
	for _, tt := range []struct {
		name string
		p    proof.Inclusion
	}{
		{"the zero one", proof.Inclusion{}},
		{"no checkpoint", proof.Inclusion{Index: 5, Hashes: make([][32]byte, 3)}},
		{"a checkpoint without newline", proof.Inclusion{Checkpoint: []byte("signed")}},
		{"an endless checkpoint", proof.Inclusion{Checkpoint: append(make([]byte, proof.MaxText), '\n')}},
		{"an index of 2^62", proof.Inclusion{Index: proof.MaxSize, Checkpoint: signed}},
		{"the largest index", proof.Inclusion{Index: math.MaxUint64, Checkpoint: signed}},
		{"64 hashes", proof.Inclusion{Hashes: make([][32]byte, 64), Checkpoint: signed}},
		{"too much extra data", proof.Inclusion{Extra: make([]byte, proof.MaxExtra+1), Checkpoint: signed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := tt.p.AppendText([]byte("before"))
			if !errors.Is(err, proof.ErrInvalid) || string(text) != "before" {
				t.Errorf("%.100q, %v", text, err)
			}
		})
	}
}

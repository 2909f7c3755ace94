package proof_test

import (
	"encoding"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/proof"
)

var (
	_ encoding.TextAppender    = proof.Consistency{}
	_ encoding.TextMarshaler   = proof.Consistency{}
	_ encoding.TextUnmarshaler = (*proof.Consistency)(nil)
)

func TestAConsistencyHasOneText(t *testing.T) {
	t.Parallel()
	three, threeHashes := hashLines(3)
	most, mostHashes := hashLines(63)
	for _, tt := range []struct {
		name, text string
		want       proof.Consistency
	}{
		{"from nothing", "old 0\n\nsigned\n",
			proof.Consistency{Checkpoint: []byte("signed\n")}},
		{"with hashes", "old 20852014\n" + three + "\nsigned\n",
			proof.Consistency{OldSize: 20852014, Hashes: threeHashes, Checkpoint: []byte("signed\n")}},
		{"with as many hashes as there can be", "old 4611686018427387904\n" + most + "\nsigned\n",
			proof.Consistency{OldSize: proof.MaxSize, Hashes: mostHashes, Checkpoint: []byte("signed\n")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got proof.Consistency
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

func TestWhatIsNoConsistencyIsRefused(t *testing.T) {
	t.Parallel()
	const end = "\nsigned\n"
	hash, _ := hashLines(1)
	many, _ := hashLines(64)
	bare := strings.TrimSuffix(hash, "\n")
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"no old size", hash + end},
		{"an empty old size", "old \n" + hash + end},
		{"an old size with a leading zero", "old 05\n" + hash + end},
		{"an old size with a sign", "old +5\n" + hash + end},
		{"an old size over 2^62", "old 4611686018427387905\n" + hash + end},
		{"an old size of 2^64 and 5", "old 18446744073709551621\n" + hash + end},
		{"two old sizes", "old 5\nold 5\n" + hash + end},
		{"another word", "new 5\n" + hash + end},
		{"a tab", "old\t5\n" + hash + end},
		{"something before", "\nold 5\n" + hash + end},
		{"a hash with other trailing bits", "old 5\n" + bare[:42] + "F=\n" + end},
		{"a carriage return after a hash", "old 5\n" + bare + "\r\n" + end},
		{"64 hashes", "old 5\n" + many + end},
		{"no empty line", "old 5\n" + hash},
		{"no checkpoint", "old 5\n" + hash + "\n"},
		{"no newline at the end", "old 5\n" + hash + "\nsigned"},
		{"more than MaxText bytes", "old 5\n\n" + strings.Repeat("x", proof.MaxText) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := proof.Consistency{OldSize: 99}
			err := got.UnmarshalText([]byte(tt.text))
			if d := cmp.Diff(proof.Consistency{OldSize: 99}, got); !errors.Is(err, proof.ErrInvalid) || d != "" {
				t.Errorf("%v (-before +after):\n%.1000s", err, d)
			}
		})
	}
}

func TestAConsistencyOutOfBoundsHasNoText(t *testing.T) {
	t.Parallel()
	signed := []byte("signed\n")
	for _, tt := range []struct {
		name string
		p    proof.Consistency
	}{
		{"the zero one", proof.Consistency{}},
		{"a checkpoint without newline", proof.Consistency{Checkpoint: []byte("signed")}},
		{"an endless checkpoint", proof.Consistency{Checkpoint: append(make([]byte, proof.MaxText), '\n')}},
		{"an old size over 2^62", proof.Consistency{OldSize: proof.MaxSize + 1, Checkpoint: signed}},
		{"64 hashes", proof.Consistency{Hashes: make([][32]byte, 64), Checkpoint: signed}},
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

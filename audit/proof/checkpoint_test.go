package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/proof"
)

var (
	_ encoding.TextAppender    = proof.Checkpoint{}
	_ encoding.TextMarshaler   = proof.Checkpoint{}
	_ encoding.TextUnmarshaler = (*proof.Checkpoint)(nil)
	_ fmt.Stringer             = proof.Checkpoint{}
)

const (
	rootText  = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	emptyRoot = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" // SHA-256 of nothing
)

func TestACheckpointHasOneText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       proof.Checkpoint
	}{
		{"of some entries", origin + "\n20852163\n" + rootText + "\n",
			proof.Checkpoint{Origin: origin, Size: 20852163, Root: rootOf(rootText)}},
		{"of no entries", origin + "\n0\n" + emptyRoot + "\n",
			proof.Checkpoint{Origin: origin, Root: sha256.Sum256(nil)}},
		{"of as many entries as can be", origin + "\n4611686018427387904\n" + rootText + "\n",
			proof.Checkpoint{Origin: origin, Size: proof.MaxSize, Root: rootOf(rootText)}},
		{"whose origin has spaces", "go.sum database tree\n1\n" + rootText + "\n",
			proof.Checkpoint{Origin: "go.sum database tree", Size: 1, Root: rootOf(rootText)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := proof.ParseCheckpoint([]byte(tt.text))
			if err != nil || got != tt.want {
				t.Errorf("ParseCheckpoint: %v, %v, want %v", got, err, tt.want)
			}
			text, err := tt.want.AppendText([]byte("before "))
			if err != nil || string(text) != "before "+tt.text {
				t.Errorf("AppendText: %q, %v", text, err)
			}
			if got := tt.want.String(); got != tt.text {
				t.Errorf("String: %q", got)
			}
			var read proof.Checkpoint
			if err := read.UnmarshalText([]byte(tt.text)); err != nil || read != tt.want {
				t.Errorf("UnmarshalText: %v, %v", read, err)
			}
		})
	}
}

// rootOf reads the base64 of a root without the code under test.
func rootOf(text string) (root [32]byte) {
	copy(root[:], mustBase64(text))
	return root
}

func TestExtensionLinesArePassedOver(t *testing.T) {
	t.Parallel()
	text := origin + "\n5\n" + rootText + "\n"
	got, err := proof.ParseCheckpoint([]byte(text + "some extension\n— another one\n"))
	if want := (proof.Checkpoint{Origin: origin, Size: 5, Root: rootOf(rootText)}); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatIsNoCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	body := func(size, root string) string { return origin + "\n" + size + "\n" + root + "\n" }
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"a newline", "\n"},
		{"an origin alone", origin + "\n"},
		{"no root", origin + "\n5\n"},
		{"no newline at the end", strings.TrimSuffix(body("5", rootText), "\n")},
		{"an empty origin", "\n5\n" + rootText + "\n"},
		{"an origin that is not UTF-8", "example\xff\n5\n" + rootText + "\n"},
		{"an origin with a tab", "example\t.com\n5\n" + rootText + "\n"},
		{"a carriage return", origin + "\r\n5\r\n" + rootText + "\r\n"},
		{"an empty size", body("", rootText)},
		{"a leading zero", body("05", rootText)},
		{"two zeros", body("00", emptyRoot)},
		{"a sign", body("+5", rootText)},
		{"a negative size", body("-5", rootText)},
		{"minus zero", body("-0", emptyRoot)},
		{"an underscore", body("1_000", rootText)},
		{"a hexadecimal size", body("0x5", rootText)},
		{"a space before the size", body(" 5", rootText)},
		{"a space after the size", body("5 ", rootText)},
		{"digits of another script", body("٥", rootText)},
		{"a size one too large", body("4611686018427387905", rootText)},
		{"a size of 2^63", body("9223372036854775808", rootText)},
		{"a size of 2^64 and 5", body("18446744073709551621", rootText)},
		{"an endless size", body(strings.Repeat("9", 10_000), rootText)},
		{"an endless size of zeros after its 64th digit", body(strings.Repeat("0", 63)+"5"+strings.Repeat("0", 64), rootText)},
		{"an empty root", body("5", "")},
		{"a root of 31 bytes", body("5", "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==")},
		{"a root of 33 bytes", body("5", "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA")},
		{"a root without padding", body("5", strings.TrimSuffix(rootText, "="))},
		{"a root with too much padding", body("5", rootText+"=")},
		{"a root with other trailing bits", body("5", strings.Replace(rootText, "q2I=", "q2J=", 1))},
		{"a root in the alphabet for URLs", body("5", strings.Replace(rootText, "/", "_", 1))},
		{"a root and a space", body("5", rootText+" ")},
		{"a root in hexadecimal", body("5", strings.Repeat("0a", 32))},
		{"a root for no entries", body("0", rootText)},
		{"an empty extension line", body("5", rootText) + "\n"},
		{"an empty extension line among others", body("5", rootText) + "one\n\ntwo\n"},
		{"an extension line without newline", body("5", rootText) + "one"},
		{"a control character in an extension line", body("5", rootText) + "one\x00\n"},
		{"an extension line that is not UTF-8", body("5", rootText) + "one\xff\n"},
		{"one byte more than MaxText", body("5", rootText) + strings.Repeat("x", proof.MaxText-len(body("5", rootText))) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := proof.ParseCheckpoint([]byte(tt.text))
			if !errors.Is(err, proof.ErrInvalid) || got != (proof.Checkpoint{}) {
				t.Errorf("ParseCheckpoint: %v, %v", got, err)
			}
			before := proof.Checkpoint{Origin: "before"}
			if err := before.UnmarshalText([]byte(tt.text)); err == nil || before.Origin != "before" {
				t.Errorf("UnmarshalText: %v, %v", before, err)
			}
		})
	}
}

func TestACheckpointThatNoLogCanHaveHasNoText(t *testing.T) {
	t.Parallel()
	root := rootOf(rootText)
	for _, tt := range []struct {
		name string
		c    proof.Checkpoint
	}{
		{"the zero one", proof.Checkpoint{}},
		{"no origin", proof.Checkpoint{Size: 5, Root: root}},
		{"an origin of two lines", proof.Checkpoint{Origin: "a\n7", Size: 5, Root: root}},
		{"an origin with a control character", proof.Checkpoint{Origin: "a\x1b[2J", Size: 5, Root: root}},
		{"an origin that is not UTF-8", proof.Checkpoint{Origin: "a\xff", Size: 5, Root: root}},
		{"an endless origin", proof.Checkpoint{Origin: strings.Repeat("a", proof.MaxText), Size: 5, Root: root}},
		{"too many entries", proof.Checkpoint{Origin: origin, Size: proof.MaxSize + 1, Root: root}},
		{"no entries and the root of some", proof.Checkpoint{Origin: origin, Root: root}},
		{"no entries and no root", proof.Checkpoint{Origin: origin}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := tt.c.AppendText([]byte("before"))
			if !errors.Is(err, proof.ErrInvalid) || string(text) != "before" {
				t.Errorf("AppendText: %.100q, %v", text, err)
			}
			if s := tt.c.String(); !strings.HasPrefix(s, "(proof: malformed") || strings.ContainsAny(s, "\n\x1b") {
				t.Errorf("String: %.100q", s)
			}
		})
	}
}

func TestACheckpointOfMaxTextIsRead(t *testing.T) {
	t.Parallel()
	text := []byte(origin + "\n5\n" + rootText + "\n")
	text = append(text, bytes.Repeat([]byte("x"), proof.MaxText-len(text)-1)...)
	if _, err := proof.ParseCheckpoint(append(text, '\n')); err != nil {
		t.Error(err)
	}
	largest := proof.Checkpoint{Origin: strings.Repeat("a", proof.MaxText-48), Size: 5, Root: rootOf(rootText)}
	got, err := proof.ParseCheckpoint(mustText(t, largest))
	if d := cmp.Diff(largest, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%.500s", err, d)
	}
}

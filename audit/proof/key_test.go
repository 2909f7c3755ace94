package proof_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit/proof"
)

// encodeKey returns the text of a key of any type, with the right ID.
func encodeKey(name string, material ...byte) string {
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	return name + "+" + hex.EncodeToString(sum[:4]) + "+" + base64.StdEncoding.EncodeToString(material)
}

func TestKeysThatMakeNoVerifier(t *testing.T) {
	t.Parallel()
	one, two, other := newKey(t, origin, 1).public, newKey(t, origin, 2).public, newKey(t, "example.com/other", 3).public
	material := mustBase64(one[strings.LastIndex(one, "+")+1:])
	if encodeKey(origin, material...) != one {
		t.Fatal("encodeKey does not write keys")
	}
	ofType := func(alg byte) string { return encodeKey(origin, append([]byte{alg}, material[1:]...)...) }
	for _, tt := range []struct {
		name string
		keys []string
	}{
		{"none", nil},
		{"an empty one", []string{""}},
		{"a word", []string{"key"}},
		{"a name alone", []string{origin + "++"}},
		{"one without a name", []string{encodeKey("", material...)}},
		{"one whose name has a control character", []string{encodeKey("a\x01b", material...)}},
		{"one whose name has a space", []string{encodeKey("a b", material...)}},
		{"one whose ID is another's", []string{strings.Replace(one, "+", "+0", 1)}},
		{"one of another name with this name's ID", []string{strings.Replace(one, origin, "example.com/other", 1)}},
		{"one without material", []string{encodeKey(origin)}},
		{"one that is too short", []string{encodeKey(origin, material[:32]...)}},
		{"one that is too long", []string{encodeKey(origin, append(material[:33:33], 0)...)}},
		{"an ECDSA key", []string{ofType(2)}},
		{"a witness's Ed25519 key", []string{ofType(4)}},
		{"an RFC 6962 key", []string{ofType(5)}},
		{"an ML-DSA-44 key", []string{ofType(6)}},
		{"one with a newline at its end", []string{one + "\n"}},
		{"one with a carriage return in its base64", []string{one[:len(one)-4] + "\r" + one[len(one)-4:]}},
		{"one with a space before it", []string{" " + one}},
		{"a good one and a bad one", []string{one, "key"}},
		{"a bad one and a good one", []string{"key", one}},
		{"the same twice", []string{one, two, one}},
		{"those of two logs", []string{one, two, other}},
		{"those of two logs with the other one first", []string{other, one}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := proof.NewVerifier(tt.keys...)
			if !errors.Is(err, proof.ErrInvalid) || v != nil {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
}

func TestASecretKeyIsNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
	for _, text := range []string{
		"PRIVATE+KEY+" + origin + "+530d903a+" + secret,
		" PRIVATE+KEY+" + origin + "+530d903a+" + secret,
		origin + "+530d903a+" + secret,
	} {
		_, err := proof.NewVerifier(text)
		if !errors.Is(err, proof.ErrInvalid) || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
		if strings.HasPrefix(text, "PRIVATE") && !strings.Contains(err.Error(), "secret key") {
			t.Errorf("%v does not say what was given", err)
		}
	}
}

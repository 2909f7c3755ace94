package proof_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit/proof"
)

// sigLine returns the signature line of a signed note with one signature.
func sigLine(signed []byte) string {
	return string(signed[bytes.LastIndex(signed, []byte("\n\n"))+2:])
}

// swapSignature returns a line of the same key ID with another signature.
func swapSignature(line string) string {
	name, encoded, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " example.com/trail ")
	sig := mustBase64(encoded)
	sig[len(sig)-1] ^= 1
	return name + " example.com/trail " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// spareBits returns a line whose base64 has other bits where no byte has any.
func spareBits(line string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := strings.LastIndexByte(line, '=') - 1
	last := strings.IndexByte(digits, line[at])
	return line[:at] + string(digits[last^1]) + line[at+1:]
}

func TestASignedCheckpointIs(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	c := l.checkpoint(t, l.size())
	body := string(mustText(t, c))
	good := string(l.sign(t, c))
	line := sigLine([]byte(good))
	rotated := newKey(t, origin, 2) // another key of the log
	witness := newKey(t, "witness.example", 3)
	byWitness := sigLine(sign(t, body, witness))
	byRotated := sigLine(sign(t, body, rotated))
	of := func(c proof.Checkpoint) string { return string(l.sign(t, c)) }
	for _, tt := range []struct {
		name   string
		keys   []string // nil: the log's
		signed string
		want   error // nil: accepted
	}{
		{"good with the log's signature", nil, good, nil},
		{"good of an empty log", nil, string(l.signed(t, 0)), nil},
		{"good with a witness's line after it", nil, good + byWitness, nil},
		{"good with a witness's line before it", nil, body + "\n" + byWitness + line, nil},
		{"good with a line of a key that is not known yet", nil, good + byRotated, nil},
		{"good with a line of an unknown kind", nil, good + "— " + origin + " AAAAAP8=\n", nil},
		{"good with 99 other lines", nil, good + strings.Repeat(byWitness, 99), nil},
		{"good with 16 lines of the longest signatures", nil, good + strings.Repeat("— w "+strings.Repeat("A", 6180)+"\n", 16), nil},
		{"good with the log's line twice", nil, good + line, nil},
		{"good with a false line after the log's, which is not read", nil, good + swapSignature(line), nil},
		{"a signature with other spare bits", nil, body + "\n" + spareBits(line), proof.ErrInvalid},
		{"good with a former key", []string{rotated.public, l.key.public}, good, nil},
		{"good with both keys' lines", []string{rotated.public, l.key.public}, good + byRotated, nil},
		{"good with extension lines", nil, string(sign(t, body+"extension\n", l.key)), nil},

		{"refused with 100 other lines", nil, good + strings.Repeat(byWitness, 100), proof.ErrInvalid},
		{"refused with a false line before the log's", nil, body + "\n" + swapSignature(line) + line, proof.ErrUnverified},
		{"refused with a false line of a former key", []string{rotated.public, l.key.public}, good + swapSignature(byRotated), proof.ErrUnverified},
		{"refused without a signature", nil, body, proof.ErrInvalid},
		{"refused with an empty line and no signature", nil, body + "\n", proof.ErrInvalid},
		{"refused with an empty signature", nil, body + "\n— " + origin + " \n", proof.ErrInvalid},
		{"refused with a signature of key ID only", nil, body + "\n" + line[:strings.LastIndex(line, " ")+1] + "AAAAAA==\n", proof.ErrInvalid},
		{"refused with a witness's line only", nil, body + "\n" + byWitness, proof.ErrUnverified},
		{"refused with another key of the same name", nil, string(sign(t, body, rotated)), proof.ErrUnverified},
		{"refused with another log's key", nil, string(sign(t, body, newKey(t, "example.com/other", 1))), proof.ErrUnverified},
		{"refused with a false signature", nil, body + "\n" + swapSignature(line), proof.ErrUnverified},
		{"refused with the signature of another size", nil, body + "\n" + sigLine(l.signed(t, 3)), proof.ErrUnverified},
		{"refused with another size", nil, strings.Replace(good, "\n13\n", "\n14\n", 1), proof.ErrUnverified},
		{"refused with a size in another form", nil, strings.Replace(good, "\n13\n", "\n013\n", 1), proof.ErrUnverified},
		{"refused with an extension line that was put in", nil, strings.Replace(good, "\n\n", "\nextension\n\n", 1), proof.ErrUnverified},
		{"refused with a line before it", nil, "example.com/other\n" + good, proof.ErrUnverified},
		{"refused with text after the signature", nil, good + "more\n", proof.ErrInvalid},
		{"refused with carriage returns", nil, strings.ReplaceAll(good, "\n", "\r\n"), proof.ErrInvalid},
		{"refused with a hyphen for the dash", nil, strings.ReplaceAll(good, "—", "-"), proof.ErrInvalid},
		{"refused when cut", nil, good[:len(good)-1], proof.ErrInvalid},
		{"refused when empty", nil, "", proof.ErrInvalid},
		{"refused over MaxText", nil, good + strings.Repeat("— w "+strings.Repeat("A", 8000)+"\n", 17), proof.ErrInvalid},

		// What the log itself has signed, and should not have.
		{"refused of another origin", nil, of(proof.Checkpoint{Origin: "example.com/other", Size: c.Size, Root: c.Root}), proof.ErrUnverified},
		{"refused of an origin that begins with the log's", nil, of(proof.Checkpoint{Origin: origin + "2", Size: c.Size, Root: c.Root}), proof.ErrUnverified},
		{"refused where the text is no checkpoint", nil, string(sign(t, "If you think cryptography is the answer\n", l.key)), proof.ErrInvalid},
		{"refused with a signed size in another form", nil, string(sign(t, strings.Replace(body, "\n13\n", "\n013\n", 1), l.key)), proof.ErrInvalid},
		{"refused with a signed size beyond the bound", nil, string(sign(t, strings.Replace(body, "\n13\n", "\n4611686018427387905\n", 1), l.key)), proof.ErrInvalid},
		{"refused with a signed root of no entries that is not one", nil, string(sign(t, strings.Replace(body, "\n13\n", "\n0\n", 1), l.key)), proof.ErrInvalid},
		{"refused with a signed empty line", nil, string(sign(t, body+"\nmore\n", l.key)), proof.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.keys == nil {
				tt.keys = []string{l.key.public}
			}
			got, err := mustVerifier(t, tt.keys...).Checkpoint([]byte(tt.signed))
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				if got != (proof.Checkpoint{}) || strings.Count(err.Error(), "proof:") != 1 {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if want := l.checkpoint(t, got.Size); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestAVerifierWithoutKeysRefusesEverything(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	inclusion, consistency := mustText(t, l.inclusion(t, 2, 13)), mustText(t, l.consistency(t, 4, 13))
	for name, v := range map[string]*proof.Verifier{"nil": nil, "zero": new(proof.Verifier)} {
		c, err := v.Checkpoint(l.signed(t, 13))
		if !errors.Is(err, proof.ErrUnverified) || !strings.Contains(err.Error(), "NewVerifier") || c != (proof.Checkpoint{}) {
			t.Errorf("%s: Checkpoint: %v, %v", name, c, err)
		}
		if got, err := v.Record(l.records[2].json, inclusion); !errors.Is(err, proof.ErrUnverified) || got != (proof.Included{}) {
			t.Errorf("%s: Record: %v, %v", name, got, err)
		}
		if c, err := v.Consistency(l.checkpoint(t, 4), consistency); !errors.Is(err, proof.ErrUnverified) || c != (proof.Checkpoint{}) {
			t.Errorf("%s: Consistency: %v, %v", name, c, err)
		}
	}
}

// An ID is 32 bits, so a key with the ID of the log's can be found. Here the
// note only claims the ID.
func TestAKeyIDIsNotBelieved(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	body := string(mustText(t, l.checkpoint(t, 13)))
	thief := collision{newKey(t, origin, 9), l.key.KeyHash()}
	if _, err := l.verifier(t).Checkpoint(sign(t, body, thief)); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("%v", err)
	}
}

// collision is a signer whose key has another key's ID.
type collision struct {
	note.Signer
	id uint32
}

func (c collision) KeyHash() uint32 { return c.id }

func TestAnUnknownKeyOfTheLogIsNamed(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	next := newKey(t, origin, 2)
	_, err := l.verifier(t).Checkpoint(sign(t, string(mustText(t, l.checkpoint(t, 13))), next))
	if want := fmt.Sprintf("%08x", next.KeyHash()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not name key %s", err, want)
	}
}

package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

const (
	algEd25519    = 0x01 // signature type of the signed-note format
	ed25519KeyLen = 1 + 32
)

// NewVerifier makes a Verifier from a log's verifier keys in the text form of
// C2SP signed-note, "<name>+<key ID>+<base64>", as the log's operator publishes
// them. Several keys are those that the log has used in turn: each alone is
// believed, so one that was stolen must be left out.
//
// The name of a key is the log's origin, so all keys must have the same name.
// Only Ed25519 keys (type 0x01) are taken. No key, a key that is malformed or of
// another type, keys of two names, and two keys with one ID (the same key twice,
// too) are errors that wrap [ErrInvalid].
func NewVerifier(keys ...string) (*Verifier, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no verifier key given", ErrInvalid)
	}
	var known []note.Verifier
	seen := make(map[uint32]bool, len(keys))
	for i, text := range keys {
		key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%w: verifier key %d: %w", ErrInvalid, i+1, err)
		}
		if i > 0 && key.Name() != known[0].Name() {
			return nil, fmt.Errorf("%w: verifier keys of %.64q and %.64q, which are two logs", ErrInvalid, known[0].Name(), key.Name())
		}
		if seen[key.KeyHash()] {
			return nil, fmt.Errorf("%w: two verifier keys have the ID %08x", ErrInvalid, key.KeyHash())
		}
		seen[key.KeyHash()] = true
		known = append(known, key)
	}
	return &Verifier{origin: known[0].Name(), keys: note.VerifierList(known...)}, nil
}

// parseKey reads one key. The text is in none of its errors: it could be a
// secret key that was given by mistake.
func parseKey(text string) (note.Verifier, error) {
	if strings.HasPrefix(text, "PRIVATE+KEY+") {
		return nil, errors.New("is a signer's secret key: give its public key, and change it if others saw it")
	}
	if strings.ContainsFunc(text, unicode.IsSpace) {
		return nil, errors.New("has a space or a line break: trim it")
	}
	key, err := note.NewVerifier(text)
	if err != nil {
		return nil, err
	}
	if err := checkOrigin(key.Name()); err != nil {
		return nil, err
	}
	_, encoded, _ := strings.Cut(text[len(key.Name())+1:], "+")
	public, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// note knows no other type today; should it learn one, this still refuses.
	if err != nil || len(public) != ed25519KeyLen || public[0] != algEd25519 {
		return nil, errors.New("is not an Ed25519 key (type 0x01)")
	}
	return key, nil
}

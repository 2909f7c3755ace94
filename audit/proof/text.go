package proof

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

const (
	// MaxText is the most bytes that a checkpoint or a proof may have as text:
	// 128 KiB. That is room for the 16 signatures that the signed-note format
	// asks every reader to take, of the longest kind in use.
	MaxText = 128 << 10
	// MaxHashes is the most hashes that a proof may have, as in C2SP
	// tlog-witness.
	MaxHashes = 63
	// MaxExtra is the most bytes of extra data in an inclusion proof: 16 KiB.
	MaxExtra = 16 << 10
	// MaxSize is the most entries that a tree may have: 2^62. No log comes near
	// it. Beyond it the arithmetic of tree positions would leave 64 bits.
	MaxSize = 1 << 62

	hashText = 44 // bytes of a hash in base64
)

// cutLine returns the text up to the first newline and what follows it.
func cutLine(text []byte) (line, rest []byte, err error) {
	line, rest, found := bytes.Cut(text, []byte("\n"))
	if !found {
		return nil, nil, errors.New("text ends within a line")
	}
	return line, rest, nil
}

// cutField returns what follows the name and a space in the first line.
func cutField(text []byte, name string) (value, rest []byte, err error) {
	line, rest, err := cutLine(text)
	if err != nil {
		return nil, nil, err
	}
	value, found := bytes.CutPrefix(line, []byte(name+" "))
	if !found {
		return nil, nil, fmt.Errorf("line %.64q does not begin with %q", line, name+" ")
	}
	return value, rest, nil
}

// parseSize reads a decimal of at most MaxSize in its only form.
func parseSize(text []byte) (uint64, error) {
	if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("number %.64q has a leading zero", text)
	}
	n, err := strconv.ParseUint(string(text), 10, 64) // takes no sign and no underscore
	if err != nil || n > MaxSize {
		return 0, fmt.Errorf("%.64q is not a number from 0 to 2^62", text)
	}
	return n, nil
}

// parseHash reads the base64 of a hash in its only form.
func parseHash(text []byte) ([32]byte, error) {
	var b [33]byte // Decode wants room for the byte that the padding leaves out
	if len(text) == hashText {
		// All 44 characters are needed for 32 bytes: none was passed over.
		if n, err := base64.StdEncoding.Strict().Decode(b[:], text); err == nil && n == 32 {
			return [32]byte(b[:32]), nil
		}
	}
	return [32]byte{}, fmt.Errorf("line %.64q is not the base64 of 32 bytes", text)
}

// parseHashes reads the hashes up to an empty line, and copies the checkpoint
// after it.
func parseHashes(text []byte) (hashes [][32]byte, checkpoint []byte, err error) {
	for {
		line, rest, err := cutLine(text)
		if err != nil {
			return nil, nil, errors.New("no empty line ends the hashes")
		}
		if len(line) == 0 {
			return hashes, bytes.Clone(rest), checkEnclosed(rest)
		}
		if len(hashes) == MaxHashes {
			return nil, nil, fmt.Errorf("more than %d hashes", MaxHashes)
		}
		hash, err := parseHash(line)
		if err != nil {
			return nil, nil, err
		}
		hashes, text = append(hashes, hash), rest
	}
}

// appendHashes appends what parseHashes reads.
func appendHashes(b []byte, hashes [][32]byte, checkpoint []byte) ([]byte, error) {
	if len(hashes) > MaxHashes {
		return b, fmt.Errorf("%d hashes, more than %d", len(hashes), MaxHashes)
	}
	if err := checkEnclosed(checkpoint); err != nil {
		return b, err
	}
	for i := range hashes {
		b = append(base64.StdEncoding.AppendEncode(b, hashes[i][:]), '\n')
	}
	return append(append(b, '\n'), checkpoint...), nil
}

// checkEnclosed refuses what can't be a signed checkpoint. What it lets pass is
// for a Verifier to judge.
func checkEnclosed(checkpoint []byte) error {
	if len(checkpoint) == 0 || checkpoint[len(checkpoint)-1] != '\n' {
		return errors.New("no checkpoint, or one without a newline at its end")
	}
	return nil
}

// checkLength bounds a text before anything is made of it.
func checkLength(text []byte) error {
	if len(text) > MaxText {
		return fmt.Errorf("%d bytes, more than %d", len(text), MaxText)
	}
	return nil
}

// checkOrigin refuses an origin that can't be the first line of a note.
func checkOrigin(origin string) error {
	if origin == "" {
		return errors.New("no origin")
	}
	if !isNoteText(origin) || bytes.ContainsRune([]byte(origin), '\n') {
		return fmt.Errorf("origin %.64q is not one line of UTF-8 without control characters", origin)
	}
	return nil
}

// isNoteText reports whether a note may have this text.
func isNoteText(text string) bool {
	for _, r := range text {
		if r < ' ' && r != '\n' {
			return false
		}
	}
	return utf8.ValidString(text)
}

package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// Checkpoint is what a log says of itself at one moment: C2SP tlog-checkpoint,
// https://c2sp.org/tlog-checkpoint. It fixes every entry up to its size: two
// logs with the same checkpoint have the same entries in the same order.
//
// A Checkpoint carries no signature. Only one that [Verifier.Checkpoint]
// returned is known to be the log's word. Checkpoints can be compared with ==.
// The zero Checkpoint is refused wherever one is taken.
type Checkpoint struct {
	// Origin names the log: one line of UTF-8 without control characters.
	Origin string
	// Size is how many entries the log has, at most MaxSize.
	Size uint64
	// Root is the RFC 6962 Merkle tree hash of those entries. Of none it is the
	// SHA-256 of nothing.
	Root [32]byte
}

// ParseCheckpoint reads a checkpoint's text without its signatures: an origin
// line, the size in decimal and the root in base64, each in its only form.
// Further lines, which the format allows and this project does not write, must
// not be empty and are passed over: the Checkpoint does not keep them.
//
// What is not such a text, or longer than [MaxText], is an error that wraps
// [ErrInvalid].
func ParseCheckpoint(body []byte) (Checkpoint, error) {
	c, err := parseCheckpoint(body)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
	}
	return c, nil
}

func parseCheckpoint(body []byte) (Checkpoint, error) {
	if err := checkLength(body); err != nil {
		return Checkpoint{}, err
	}
	if !isNoteText(string(body)) {
		return Checkpoint{}, errors.New("text is not UTF-8 without control characters")
	}
	origin, body, err := cutLine(body)
	if err != nil {
		return Checkpoint{}, err
	}
	line, body, err := cutLine(body)
	if err != nil {
		return Checkpoint{}, err
	}
	size, err := parseSize(line)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("size: %w", err)
	}
	line, body, err = cutLine(body)
	if err != nil {
		return Checkpoint{}, err
	}
	root, err := parseHash(line)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("root: %w", err)
	}
	if err := checkExtension(body); err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Origin: string(origin), Size: size, Root: root}
	return c, c.check()
}

// checkExtension checks the lines after the third.
func checkExtension(text []byte) error {
	for len(text) > 0 {
		line, rest, err := cutLine(text)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return errors.New("an extension line is empty")
		}
		text = rest
	}
	return nil
}

// check refuses a checkpoint that no log can have.
func (c Checkpoint) check() error {
	if err := checkOrigin(c.Origin); err != nil {
		return err
	}
	if c.Size > MaxSize {
		return fmt.Errorf("size %d is more than 2^62", c.Size)
	}
	if c.Size == 0 && c.Root != sha256.Sum256(nil) {
		return errors.New("root is not that of an empty tree, and the size is 0")
	}
	return nil
}

// AppendText appends the text that [ParseCheckpoint] reads, which is what a log
// signs. A Checkpoint that no log can have, and one whose text would be longer
// than [MaxText], is an error that wraps [ErrInvalid]; b is then returned as it
// was.
func (c Checkpoint) AppendText(b []byte) ([]byte, error) {
	text := append(append(b, c.Origin...), '\n')
	text = append(strconv.AppendUint(text, c.Size, 10), '\n')
	text = append(base64.StdEncoding.AppendEncode(text, c.Root[:]), '\n')
	err := c.check()
	if err == nil {
		err = checkLength(text[len(b):])
	}
	if err != nil {
		return b, fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
	}
	return text, nil
}

// MarshalText returns what [Checkpoint.AppendText] appends.
func (c Checkpoint) MarshalText() ([]byte, error) { return c.AppendText(nil) }

// UnmarshalText is [ParseCheckpoint]. After an error the Checkpoint is as it
// was.
func (c *Checkpoint) UnmarshalText(body []byte) error {
	read, err := ParseCheckpoint(body)
	if err != nil {
		return err
	}
	*c = read
	return nil
}

// String returns the text of the checkpoint, or in parentheses why it has none.
func (c Checkpoint) String() string {
	b, err := c.AppendText(nil)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(b)
}

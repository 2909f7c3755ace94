package proof

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/internal/entry"
)

const inclusionHeader = "c2sp.org/tlog-proof@v1"

// Inclusion is the proof that a log has one record: C2SP tlog-proof,
// https://c2sp.org/tlog-proof. It says nothing by itself, and none of its
// fields is true before [Verifier.Record] has said so. The zero Inclusion
// proves nothing and has no text.
type Inclusion struct {
	// Index is the record's place in the log, counted from 0: less than MaxSize.
	Index uint64
	// Hashes are the RFC 6962 audit path, the leaf's sibling first: at most
	// MaxHashes.
	Hashes [][32]byte
	// Extra is data that nothing protects: at most MaxExtra bytes. This project
	// writes none.
	Extra []byte
	// Checkpoint is the signed checkpoint, as [Verifier.Checkpoint] takes it.
	Checkpoint []byte
}

// AppendText appends the proof's text. An Inclusion that is outside of its
// bounds, or without a checkpoint, is an error that wraps [ErrInvalid]; b is
// then returned as it was.
func (p Inclusion) AppendText(b []byte) ([]byte, error) {
	text, err := p.append(b)
	if err == nil {
		err = checkLength(text[len(b):])
	}
	if err != nil {
		return b, fmt.Errorf("%w: inclusion proof: %w", ErrInvalid, err)
	}
	return text, nil
}

func (p Inclusion) append(b []byte) ([]byte, error) {
	if p.Index >= MaxSize {
		return b, fmt.Errorf("index %d is not less than 2^62", p.Index)
	}
	if len(p.Extra) > MaxExtra {
		return b, fmt.Errorf("%d bytes of extra data, more than %d", len(p.Extra), MaxExtra)
	}
	b = append(b, inclusionHeader+"\n"...)
	if len(p.Extra) > 0 {
		b = append(base64.StdEncoding.AppendEncode(append(b, "extra "...), p.Extra), '\n')
	}
	b = append(strconv.AppendUint(append(b, "index "...), p.Index, 10), '\n')
	return appendHashes(b, p.Hashes, p.Checkpoint)
}

// MarshalText returns what [Inclusion.AppendText] appends.
func (p Inclusion) MarshalText() ([]byte, error) { return p.AppendText(nil) }

// UnmarshalText reads the text of a proof, of at most [MaxText] bytes. It takes
// the one form only that AppendText writes. The checkpoint is copied and not
// looked at. Any other text is an error that wraps [ErrInvalid], and the
// Inclusion is then as it was.
func (p *Inclusion) UnmarshalText(text []byte) error {
	read, err := parseInclusion(text)
	if err != nil {
		return fmt.Errorf("%w: inclusion proof: %w", ErrInvalid, err)
	}
	*p = read
	return nil
}

func parseInclusion(text []byte) (p Inclusion, err error) {
	if err := checkLength(text); err != nil {
		return Inclusion{}, err
	}
	text, found := bytes.CutPrefix(text, []byte(inclusionHeader+"\n"))
	if !found {
		return Inclusion{}, errors.New("first line is not " + inclusionHeader)
	}
	if bytes.HasPrefix(text, []byte("extra ")) {
		if p.Extra, text, err = parseExtra(text); err != nil {
			return Inclusion{}, err
		}
	}
	index, text, err := cutField(text, "index")
	if err != nil {
		return Inclusion{}, err
	}
	if p.Index, err = parseSize(index); err != nil {
		return Inclusion{}, fmt.Errorf("index: %w", err)
	}
	if p.Index == MaxSize {
		return Inclusion{}, errors.New("index is not less than 2^62")
	}
	p.Hashes, p.Checkpoint, err = parseHashes(text)
	return p, err
}

func parseExtra(text []byte) (extra, rest []byte, err error) {
	line, rest, err := cutField(text, "extra")
	if err != nil {
		return nil, nil, err
	}
	if len(line) == 0 || len(line) > base64.StdEncoding.EncodedLen(MaxExtra) {
		return nil, nil, fmt.Errorf("extra data has %d characters, not 1 to those of %d bytes", len(line), MaxExtra)
	}
	extra, err = base64.StdEncoding.Strict().AppendDecode(nil, line)
	// The decoder passes over carriage returns: the length tells.
	if err != nil || len(extra) > MaxExtra || base64.StdEncoding.EncodedLen(len(extra)) != len(line) {
		return nil, nil, fmt.Errorf("extra data is not the base64 of up to %d bytes", MaxExtra)
	}
	return extra, rest, nil
}

// Check checks the proof against a checkpoint that the caller knows to be the
// log's word; that in the proof is not looked at. json is the record as it is
// stored, its JSON form byte by byte, with which the leaf is computed. Any other
// record, index or tree is an error that wraps [ErrUnverified], and what can't
// be a record or a checkpoint one that wraps [ErrInvalid].
func (p Inclusion) Check(json []byte, c Checkpoint) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
	}
	leaf, err := entry.Leaf(json)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p.check(tlog.RecordHash(leaf), c)
}

// check checks the proof for the hash of a leaf and a sound checkpoint.
func (p Inclusion) check(leaf tlog.Hash, c Checkpoint) error {
	if p.Index >= c.Size {
		return fmt.Errorf("%w: index %d is outside of the checkpoint's %d entries", ErrUnverified, p.Index, c.Size)
	}
	if len(p.Hashes) > MaxHashes {
		return fmt.Errorf("%w: %d hashes, more than %d", ErrInvalid, len(p.Hashes), MaxHashes)
	}
	if err := tlog.CheckRecord(tlogHashes(p.Hashes), int64(c.Size), c.Root, int64(p.Index), leaf); err != nil {
		return fmt.Errorf("%w: the %d hashes do not lead from this record at index %d to the root of %d entries: %w",
			ErrUnverified, len(p.Hashes), p.Index, c.Size, err)
	}
	return nil
}

func tlogHashes(hashes [][32]byte) []tlog.Hash {
	converted := make([]tlog.Hash, len(hashes))
	for i := range hashes {
		converted[i] = hashes[i]
	}
	return converted
}

package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
)

func TestEachRecordIsProvedInEachTreeThatHasIt(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	v := l.verifier(t)
	for _, r := range l.records {
		for size := r.index + 1; size <= l.size(); size++ {
			got, err := v.Record(r.json, mustText(t, l.inclusion(t, r.index, size)))
			want := proof.Included{Index: r.index, Checkpoint: l.checkpoint(t, size)}
			if err != nil || got != want {
				t.Errorf("record %d of %d: %v, %v", r.index, size, got, err)
			}
		}
	}
}

func TestARecordIsProvedByItsJSONForm(t *testing.T) {
	t.Parallel()
	r := audit.Record{
		ID:     "r1",
		Event:  audit.EventRefused,
		Time:   time.Date(2017, 11, 2, 23, 0, 0, 0, time.UTC),
		Reason: "<html> & \u2028",
		State:  json.RawMessage(`{"a": [1, 2]}`),
	}
	stored, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t)
	l.add(t, stored)
	text := mustText(t, l.inclusion(t, l.size()-1, l.size()))
	var read audit.Record
	if err := json.Unmarshal(stored, &read); err != nil {
		t.Fatal(err)
	}
	again, err := read.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.verifier(t).Record(again, text); err != nil {
		t.Error(err)
	}
	spaced := bytes.Replace(stored, []byte(`":`), []byte(`": `), 1)
	if _, err := l.verifier(t).Record(spaced, text); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("other bytes of the same record: %v", err)
	}
}

// Every pair of a record and an index, in every tree, with every honest path:
// only the true one is accepted.
func TestOneIndexOfOneTreeHasOneRecord(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	for size := uint64(1); size <= l.size(); size++ {
		c := l.checkpoint(t, size)
		for index := range size + 2 {
			for from := range size { // whose path is shown
				p := proof.Inclusion{Index: index, Hashes: l.path(t, from, size)}
				for _, r := range l.records {
					err := p.Check(r.json, c)
					if fits := r.index == index && from == index && index < size; fits != (err == nil) {
						t.Errorf("record %d at %d of %d with the path of %d: %v", r.index, index, size, from, err)
					}
				}
			}
		}
	}
}

func TestAProofOfOneTreeIsNoneOfAnother(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	r := l.records[3]
	for size := uint64(4); size <= l.size(); size++ {
		for other := uint64(0); other <= l.size(); other++ {
			p := l.inclusion(t, r.index, size)
			p.Checkpoint = l.signed(t, other)
			_, err := l.verifier(t).Record(r.json, mustText(t, p))
			if (err == nil) != (size == other) {
				t.Errorf("path in %d entries, checkpoint of %d: %v", size, other, err)
			}
		}
	}
}

func TestAForgedInclusionIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	r := l.records[3]
	honest := l.inclusion(t, r.index, l.size())
	if len(honest.Hashes) < 3 {
		t.Fatal("the path is too short for this test")
	}
	for i := range honest.Hashes {
		for bit := range 256 {
			p := honest
			p.Hashes = slices.Clone(p.Hashes)
			p.Hashes[i][bit/8] ^= 1 << (bit % 8)
			if err := p.Check(r.json, l.checkpoint(t, l.size())); !errors.Is(err, proof.ErrUnverified) {
				t.Errorf("bit %d of hash %d turned: %v", bit, i, err)
			}
		}
	}
	hashes := honest.Hashes
	for name, forged := range map[string][][32]byte{
		"no hashes":                        nil,
		"without the first":                hashes[1:],
		"without the last":                 hashes[:len(hashes)-1],
		"without the second":               slices.Delete(slices.Clone(hashes), 1, 2),
		"with the first twice":             slices.Insert(slices.Clone(hashes), 0, hashes[0]),
		"with the last twice":              append(slices.Clone(hashes), hashes[len(hashes)-1]),
		"with the leaf before":             slices.Insert(slices.Clone(hashes), 0, [32]byte(tlog.RecordHash(r.json))),
		"with the root after":              append(slices.Clone(hashes), l.checkpoint(t, l.size()).Root),
		"with an empty hash before":        slices.Insert(slices.Clone(hashes), 0, [32]byte{}),
		"with an empty hash after":         append(slices.Clone(hashes), [32]byte{}),
		"with the first two swapped":       slices.Concat(hashes[1:2], hashes[:1], hashes[2:]),
		"in the other direction":           reversed(hashes),
		"63 hashes":                        slices.Repeat(hashes[:1], 63),
		"the path of the neighbour":        l.path(t, r.index-1, l.size()),
		"the path in a smaller tree":       l.path(t, r.index, 8),
		"a consistency proof for the path": l.bridge(t, r.index, l.size()),
	} {
		p := honest
		p.Hashes = forged
		got, err := l.verifier(t).Record(r.json, mustText(t, p))
		if !errors.Is(err, proof.ErrUnverified) || got != (proof.Included{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func reversed(hashes [][32]byte) [][32]byte {
	hashes = slices.Clone(hashes)
	slices.Reverse(hashes)
	return hashes
}

func TestAnIndexOutsideOfTheTreeIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	honest := l.inclusion(t, 3, 13)
	for _, index := range []uint64{13, 14, 16 + 3, 1<<32 + 3, 1 << 61, proof.MaxSize - 1} {
		p := honest
		p.Index = index
		if _, err := l.verifier(t).Record(l.records[3].json, mustText(t, p)); !errors.Is(err, proof.ErrUnverified) {
			t.Errorf("index %d: %v", index, err)
		}
	}
	for _, index := range []uint64{proof.MaxSize, 1 << 63, 1<<63 + 3, 1<<64 - 1} { // no text, but a value
		p := honest
		p.Index = index
		if err := p.Check(l.records[3].json, l.checkpoint(t, 13)); !errors.Is(err, proof.ErrUnverified) {
			t.Errorf("index %d: %v", index, err)
		}
	}
	p := proof.Inclusion{Checkpoint: l.signed(t, 0)}
	if _, err := l.verifier(t).Record(l.records[0].json, mustText(t, p)); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("a record of the empty log: %v", err)
	}
}

func TestWhatIsNoRecordIsNotProved(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	long := l.records[5]
	for name, json := range map[string][]byte{
		"nothing":                   nil,
		"a part of a long record":   l.leaves[5],
		"the manifest of one":       l.leaves[7],
		"a part without its kind":   l.leaves[5][1:],
		"a long record, cut":        long.json[:len(long.json)-1],
		"a long record, longer":     append(slices.Clone(long.json), ' '),
		"more than a record can be": append([]byte("{"), make([]byte, 1<<20)...),
	} {
		for index := range l.size() {
			p := l.inclusion(t, index, l.size())
			if got, err := l.verifier(t).Record(json, mustText(t, p)); err == nil || got != (proof.Included{}) {
				t.Errorf("%s at %d: %v, %v", name, index, got, err)
			}
		}
	}
}

// The hash of an interior node is made of 65 bytes. If leaves were hashed in the
// same way, those bytes could be shown as a record. The left one of these two
// leaves is chosen so that what it gives looks like a record.
func TestANodeIsNotARecord(t *testing.T) {
	t.Parallel()
	l := &testLog{key: newKey(t, origin, 1)}
	for i := 0; ; i++ {
		leaf := fmt.Appendf(nil, `{"id":"%d"}`, i)
		if tlog.RecordHash(leaf)[0] == '{' {
			l.add(t, leaf)
			break
		}
	}
	l.add(t, []byte(`{"id":"right"}`))
	left, right := tlog.RecordHash(l.leaves[0]), tlog.RecordHash(l.leaves[1])
	node := slices.Concat(left[:], right[:])
	c := l.checkpoint(t, 2)
	c.Size = 1 // even if the log signed this, the record is not its leaf
	for name, json := range map[string][]byte{"children": node, "preimage": append([]byte{1}, node...)} {
		p := proof.Inclusion{Checkpoint: l.sign(t, c)}
		if got, err := l.verifier(t).Record(json, mustText(t, p)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if err := (proof.Inclusion{}).Check(node, c); !errors.Is(err, proof.ErrUnverified) {
		t.Errorf("refused for another reason than its hash: %v", err)
	}
}

// Trees far larger than a log can be built: the path is climbed by another
// algorithm, with made-up siblings.
func TestPathsAreThoseOfTheRFCInTreesOfAnySize(t *testing.T) {
	t.Parallel()
	json := []byte(`{"id":"r"}`)
	for _, size := range []uint64{1, 2, 3, 1000, 1 << 20, 1<<20 + 1, 1<<40 - 1, 1<<53 + 1, 1<<61 + 1, proof.MaxSize - 1, proof.MaxSize} {
		for _, index := range []uint64{0, 1, size / 3, size / 2, size - 1} {
			if index >= size {
				continue
			}
			var p proof.Inclusion
			p.Index = index
			root := climb(tlog.RecordHash(json), index, size, func(i int) tlog.Hash {
				sibling := [32]byte{byte(i), 0xff}
				p.Hashes = append(p.Hashes, sibling)
				return sibling
			})
			c := proof.Checkpoint{Origin: origin, Size: size, Root: root}
			if err := p.Check(json, c); err != nil {
				t.Errorf("%d of %d: %v", index, size, err)
			}
			p.Hashes = append(p.Hashes, [32]byte{})
			if err := p.Check(json, c); err == nil {
				t.Errorf("%d of %d: a hash too many is accepted", index, size)
			}
		}
	}
}

func TestACheckpointThatNoLogCanHaveProvesNothing(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	p := l.inclusion(t, 3, 13)
	good := l.checkpoint(t, 13)
	for name, c := range map[string]proof.Checkpoint{
		"zero":      {},
		"no origin": {Size: good.Size, Root: good.Root},
		"too large": {Origin: origin, Size: proof.MaxSize + 1, Root: good.Root},
		"largest":   {Origin: origin, Size: 1<<64 - 1, Root: good.Root},
	} {
		if err := p.Check(l.records[3].json, c); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Hashes = make([][32]byte, 64)
	if err := p.Check(l.records[3].json, good); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("64 hashes: %v", err)
	}
}

func TestExtraDataChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	p := l.inclusion(t, 3, 13)
	p.Extra = []byte("index 5")
	got, err := l.verifier(t).Record(l.records[3].json, mustText(t, p))
	if err != nil || got.Index != 3 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAMalformedProofIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	good := string(mustText(t, l.inclusion(t, 3, 13)))
	for name, text := range map[string]string{
		"nothing":             "",
		"a checkpoint":        string(l.signed(t, 13)),
		"a consistency proof": string(mustText(t, l.consistency(t, 3, 13))),
		"no header":           strings.SplitN(good, "\n", 2)[1],
		"carriage returns":    strings.ReplaceAll(good, "\n", "\r\n"),
		"something after":     good + "more\n",
	} {
		if _, err := l.verifier(t).Record(l.records[3].json, []byte(text)); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

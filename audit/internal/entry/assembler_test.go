package entry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/internal/entry"
)

// found is a record that an Assembler has returned.
type found struct {
	Index uint64
	JSON  string
}

// assemble feeds entries from an index on, and ends.
func assemble(a *entry.Assembler, first uint64, entries [][]byte) ([]found, error) {
	var records []found
	for i, e := range entries {
		json, whole, err := a.Add(first+uint64(i), e)
		if err != nil {
			return records, err
		}
		if whole {
			records = append(records, found{first + uint64(i), string(json)})
		}
	}
	return records, a.End()
}

func TestRecordsComeBackWithTheIndexOfTheirLeaf(t *testing.T) {
	t.Parallel()
	var entries [][]byte
	var want []found
	for _, n := range []int{20, 70000, 65535, 65536, 30, entry.MaxJSON, 131068} {
		json := record(n)
		entries = append(entries, split(t, json)...)
		want = append(want, found{uint64(len(entries)) + 99, string(json)})
	}
	got, err := assemble(new(entry.Assembler), 100, entries)
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v: %d of %d records are as they were", err, len(got), len(want))
	}
}

func TestMidwayReturnsEachRecordThatIsWhole(t *testing.T) {
	t.Parallel()
	short, long, longer := record(20), record(65536), record(140000)
	entries := slices.Concat(split(t, longer), split(t, long), split(t, short)) // 4, 3, 1
	all := []found{{3, string(longer)}, {6, string(long)}, {7, string(short)}}
	for first := range entries {
		want := all
		if first > 0 {
			want = want[1:]
		}
		if first > 4 {
			want = all[2:]
		}
		got, err := assemble(&entry.Assembler{Midway: true}, uint64(first), entries[first:])
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("from entry %d: %d records and %v, want %d", first, len(got), err, len(want))
		}
	}
}

func TestARecordIsFoundFromMaxPartsBeforeItsIndex(t *testing.T) {
	t.Parallel()
	longest := record(entry.MaxJSON)
	entries := slices.Concat(split(t, record(70000)), split(t, longest))
	index := len(entries) - 1
	got, err := assemble(&entry.Assembler{Midway: true}, 0, entries[index-entry.MaxParts:])
	if err != nil || len(got) != 1 || got[0].JSON != string(longest) {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestAnAssemblerRefuses(t *testing.T) {
	t.Parallel()
	short := record(20)
	long := split(t, record(140000)) // three parts and their manifest
	other := split(t, slices.Concat([]byte("{!"), record(139998)))
	part := func(n int) []byte { return append([]byte{1}, make([]byte, n)...) }
	manifest := func(parts, length uint32) []byte {
		m := binary.BigEndian.AppendUint32([]byte{2}, parts)
		return append(binary.BigEndian.AppendUint32(m, length), long[3][9:]...)
	}
	flipped := bytes.Clone(long[1])
	flipped[500] ^= 1
	for _, tt := range []struct {
		name    string
		entries [][]byte
		sound   bool // when it begins midway
	}{
		{"a manifest without parts", [][]byte{long[3]}, true},
		{"a manifest that lacks its first part", long[1:], true},
		{"a manifest that lacks a part", [][]byte{long[0], long[2], long[3]}, true}, // what is missing may be the first
		{"a manifest after a part too many", slices.Concat(long[:1], long), false},
		{"a manifest that lacks its last part", [][]byte{long[0], long[1], long[3]}, false},
		{"a part and no manifest", long[:1], false},
		{"parts and no manifest", long[:3], false},
		{"a record among parts", [][]byte{long[0], long[1], short, long[2], long[3]}, false},
		{"a record after parts", [][]byte{long[0], long[1], long[2], short}, false},
		{"a manifest after a record", [][]byte{short, long[3]}, false},
		{"the end of another record after a record", slices.Concat([][]byte{short}, long[1:]), false},
		{"a second manifest", slices.Concat(long, long[3:]), false},
		{"parts in another order", [][]byte{long[1], long[0], long[2], long[3]}, false},
		{"the last part before another one", [][]byte{long[0], long[2], long[1], long[3]}, false},
		{"another record's manifest", [][]byte{long[0], long[1], long[2], other[3]}, false},
		{"another record's part", [][]byte{other[0], long[1], long[2], long[3]}, false},
		{"a changed part", [][]byte{long[0], flipped, long[2], long[3]}, false},
		{"a manifest of another length", [][]byte{long[0], long[1], long[2], manifest(3, 140001)}, false},
		{"a manifest of other parts", [][]byte{long[0], long[1], long[2], manifest(2, 140000)}, false},
		{"a manifest of more parts than can be counted", [][]byte{long[0], long[1], long[2], manifest(math.MaxUint32, math.MaxUint32)}, false},
		{"a manifest of no parts", [][]byte{manifest(0, 0)}, false},
		{"parts of a record that fits one entry", [][]byte{part(20), manifest(1, 20)}, false},
		{"more than a record may have", slices.Repeat([][]byte{part(65534)}, entry.MaxParts+1), false},
		{"an empty entry", [][]byte{nil}, false},
		{"an entry of a newer version", [][]byte{{4}}, false},
		{"an entry of a newer version among parts", [][]byte{long[0], {4}, long[1]}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := assemble(new(entry.Assembler), 0, tt.entries)
			if err == nil {
				t.Error("accepted from the start")
			}
			_, err = assemble(&entry.Assembler{Midway: true}, 0, tt.entries)
			if (err == nil) != tt.sound {
				t.Errorf("accepted midway: %t, want %t: %v", !tt.sound, tt.sound, err)
			}
		})
	}
}

// Parts and manifest that agree can still be of what is no record.
func TestPartsOfSomethingElseThanARecordAreRefused(t *testing.T) {
	t.Parallel()
	text := record(70000)
	entries := split(t, text)
	text[0] = '['
	sum := sha256.Sum256(text)
	copy(entries[2][9:], sum[:])
	entries[0][1] = '['
	if _, err := assemble(new(entry.Assembler), 0, entries); err == nil {
		t.Error("an array was accepted as a record")
	}
}

func TestARecordInPartsOfOtherLengthsIsRefused(t *testing.T) {
	t.Parallel()
	json := record(140000)
	manifest := split(t, json)[3]
	part := func(from, to int) []byte { return append([]byte{1}, json[from:to]...) }
	for _, entries := range [][][]byte{
		{part(0, 65533), part(65533, 131067), part(131067, 140000), manifest},
		{part(0, 65534), part(65534, 131067), part(131067, 140000), manifest},
		{part(0, 10), part(10, 65544), part(65544, 131078), part(131078, 140000), manifest},
	} {
		for _, midway := range []bool{false, true} {
			got, err := assemble(&entry.Assembler{Midway: midway}, 0, entries)
			if err == nil || len(got) > 0 {
				t.Errorf("first part of %d bytes, midway %t: accepted", len(entries[0])-1, midway)
			}
		}
	}
}

func TestPartsAreNotHeldWithoutBound(t *testing.T) {
	t.Parallel()
	var a entry.Assembler
	part := append([]byte{1}, make([]byte, 65534)...)
	for i := range uint64(entry.MaxParts) {
		_, _, err := a.Add(i, part)
		if last := i == entry.MaxParts-1; last != (err != nil) { // 17 full parts have more than MaxJSON bytes
			t.Fatalf("part %d: %v", i, err)
		}
	}
}

func TestEachEntryMustFollowTheOneBefore(t *testing.T) {
	t.Parallel()
	for _, second := range []uint64{0, 5, 7, 8, math.MaxUint64} {
		var a entry.Assembler
		if _, _, err := a.Add(5, record(20)); err != nil {
			t.Fatal(err)
		}
		if _, whole, err := a.Add(second, record(20)); err == nil || whole {
			t.Errorf("entry %d was accepted after 5", second)
		}
	}
}

func TestTheFirstErrorIsTheLastWord(t *testing.T) {
	t.Parallel()
	var a entry.Assembler
	_, _, first := a.Add(0, []byte{4})
	if first == nil {
		t.Fatal("no error")
	}
	for range 2 {
		json, whole, err := a.Add(0, record(20))
		if err != first || whole || json != nil {
			t.Errorf("after an error: %q, %t, %v", json, whole, err)
		}
	}
	if err := a.End(); err != first {
		t.Errorf("End: %v", err)
	}
}

func TestAShortRecordIsReturnedWithoutACopy(t *testing.T) {
	t.Parallel()
	var a entry.Assembler
	json := record(600)
	got, whole, err := a.Add(0, json)
	if err != nil || !whole || &got[0] != &json[0] {
		t.Errorf("%t, %v, or a copy", whole, err)
	}
}

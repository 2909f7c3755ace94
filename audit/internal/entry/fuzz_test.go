package entry_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/audit/internal/entry"
)

// Whatever is split comes back as it was, and its leaf is its last entry.
func FuzzSplitRecordsComeBack(f *testing.F) {
	f.Add([]byte(`{"id":"1"}`), uint32(0))
	f.Add([]byte(`{}`), uint32(65535))
	f.Add([]byte(`{`), uint32(65536))
	f.Add([]byte(`{"long":"`), uint32(131069))
	f.Add([]byte("\x01{}"), uint32(1))
	f.Fuzz(func(t *testing.T, json []byte, length uint32) {
		if n := int(length%200_000) - len(json); n > 0 && len(json) > 0 {
			json = append(bytes.Repeat(json, n/len(json)+1), json...)
		}
		entries, err := entry.Append(nil, json)
		if err != nil {
			return
		}
		got, err := assemble(new(entry.Assembler), 7, entries)
		if err != nil || len(got) != 1 || got[0].JSON != string(json) || got[0].Index != uint64(6+len(entries)) {
			t.Fatalf("%d entries came back as %d records, %v", len(entries), len(got), err)
		}
		leaf, err := entry.Leaf(json)
		if err != nil || !bytes.Equal(leaf, entries[len(entries)-1]) {
			t.Fatalf("leaf: %v", err)
		}
	})
}

// script makes entries of few bytes, for long ones keep a fuzzer busy: each
// byte is an entry, or how many of the next ones are.
func script(ops []byte) (entries [][]byte) {
	for i := 0; i < len(ops) && len(entries) < 40; i++ {
		op, arg := ops[i]%8, int(ops[i]/8)
		var e []byte
		switch op {
		case 0:
			e = append([]byte("{"), make([]byte, arg)...)
		case 1:
			e = append([]byte{1, '{'}, bytes.Repeat([]byte{byte(arg)}, 65533)...)
		case 2:
			e = append([]byte{1}, bytes.Repeat([]byte{byte(arg)}, 65534)...)
		case 3:
			e = append([]byte{1, '{'}, make([]byte, arg)...)
		case 4, 5: // the manifest that fits the parts before, or some of them
			var json []byte
			for j := len(entries) - 1 - arg*int(op-4); j >= 0 && entries[j][0] == 1; j-- {
				json = slices.Concat(entries[j][1:], json)
			}
			if leaf, err := entry.Leaf(json); err == nil {
				e = leaf
			}
		default:
			e = ops[i+1 : min(i+1+arg, len(ops))]
			i += len(e)
		}
		if len(e) == 0 {
			break
		}
		entries = append(entries, e)
	}
	return entries
}

// Arbitrary entries never panic, and what is made of them splits into just
// them: no two rows of entries are the same record.
func FuzzEntriesHaveOneReading(f *testing.F) {
	f.Add([]byte{0, 8, 16}, false)
	f.Add([]byte{1, 2, 3 + 8*5, 4, 0}, false) // a record in three parts
	f.Add([]byte{2, 3, 4, 0}, true)
	f.Add([]byte{1, 2, 2 + 8, 2 + 16, 4, 1, 2, 4}, false)
	f.Add([]byte{6 + 8*3, 1, '{', '}', 4}, true)
	f.Fuzz(func(t *testing.T, ops []byte, midway bool) {
		a := entry.Assembler{Midway: midway}
		entries := script(ops)
		for i, e := range entries {
			json, whole, err := a.Add(uint64(i), e)
			if err != nil {
				return
			}
			if !whole {
				continue
			}
			again, err := entry.Append(nil, json)
			if err != nil {
				t.Fatalf("entry %d ends a record that can't be split: %v", i, err)
			}
			start := i + 1 - len(again)
			if start < 0 || !slices.EqualFunc(again, entries[start:i+1], bytes.Equal) {
				t.Fatalf("entry %d ends a record that is split in another way", i)
			}
		}
	})
}

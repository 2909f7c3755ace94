package wal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

func FuzzHeadersComeBack(f *testing.F) {
	f.Add(uint64(1), uint64(0), uint64(0), uint64(0), []byte(nil))
	f.Add(uint64(9), uint64(3), uint64(20), uint64(20), []byte("signed\n"))
	f.Add(uint64(9), uint64(3), uint64(20), uint64(30), make([]byte, mostNote))
	f.Fuzz(func(t *testing.T, epoch, sequence, start, base uint64, note []byte) {
		h := wal.Header{Epoch: epoch, Sequence: sequence, Start: start, Base: base, Note: note}
		m := &memory{}
		if err := wal.WriteHeader(m, h); (err != nil) != (len(note) > mostNote) {
			t.Fatal(err)
		} else if err != nil {
			return
		}
		got, err := wal.ReadHeader(m)
		if start > 1<<63-1 || base > start {
			if !errors.Is(err, wal.ErrHeader) {
				t.Fatalf("%+v, %v", got, err)
			}
			return
		}
		if diff := cmp.Diff(h, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// FuzzAHeaderIsWhatWasWritten reads any bytes. What passes for a header is what
// WriteHeader writes for it.
func FuzzAHeaderIsWhatWasWritten(f *testing.F) {
	for _, h := range []wal.Header{{Epoch: 1}, {Epoch: 3, Sequence: 1, Start: 8, Base: 2, Note: []byte("signed")}} {
		m := &memory{}
		if err := wal.WriteHeader(m, h); err != nil {
			f.Fatal(err)
		}
		f.Add(m.content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := wal.ReadHeader(&memory{content: content})
		if err != nil {
			if !errors.Is(err, wal.ErrHeader) || !cmp.Equal(wal.Header{}, h) {
				t.Fatalf("%+v, %v", h, err)
			}
			return
		}
		again := &memory{}
		if err := wal.WriteHeader(again, h); err != nil {
			t.Fatal(err)
		}
		slot := again.content[h.Sequence%2*wal.HeaderSize/2:]
		if !bytes.HasPrefix(content[h.Sequence%2*wal.HeaderSize/2:], slot) {
			t.Fatalf("%+v was read from %q", h, content)
		}
	})
}

func FuzzGroupsComeBack(f *testing.F) {
	f.Add(uint64(1), uint64(0), uint32(1), []byte(`{}`), []byte("signed"), []byte("}"))
	f.Add(uint64(4), uint64(12), uint32(70), []byte{}, []byte{}, []byte("xxxxxxxx"))
	f.Fuzz(func(t *testing.T, epoch, first uint64, count uint32, entries, note, more []byte) {
		first >>= 2
		count = max(count, 1)
		groups := []wal.Group{
			{First: first, Count: count, Entries: entries, Note: note},
			{First: first + uint64(count), Count: 1, Entries: more, Note: note},
		}
		h := wal.Header{Epoch: epoch, Start: first}
		m := &memory{content: make([]byte, wal.HeaderSize+3*(wal.GroupHeader+16+len(note)+len(entries)+len(more)))}
		starts := m.putAll(t, epoch, groups)
		got, end, err := scan(m, h)
		if diff := differ(groups, got); err != nil || diff != "" || end != starts[2] {
			t.Fatalf("up to %d instead of %d, %v\n%s", end, starts[2], err, diff)
		}
	})
}

// FuzzAGroupIsWhatWasWritten scans any bytes behind a whole group. What passes
// for a group is what Seal writes for it, where it stands; nothing makes the
// scan panic, and nothing follows what was read unless it is said to be damaged.
func FuzzAGroupIsWhatWasWritten(f *testing.F) {
	groups := fewGroups(0)
	for _, g := range groups {
		f.Add(seal(3, g))
		f.Add(append([]byte("torn    "), seal(3, g)...))
		f.Add(seal(2, g))
	}
	f.Add([]byte("\x00\x00group\x00"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		h := wal.Header{Epoch: 3}
		first := seal(3, groups[0])
		m := &memory{content: append(append(make([]byte, wal.HeaderSize), first...), tail...)}
		got, end, err := scan(m, h)
		if err != nil && !errors.Is(err, wal.ErrDamaged) {
			t.Fatal(err)
		}
		at, next := int64(wal.HeaderSize), h.Start
		for _, g := range got {
			b := seal(3, g)
			length := len(b) - 8 // the rest may be zeros that fill it up
			if g.First != next || !bytes.Equal(b[:length], m.content[at:at+int64(length)]) {
				t.Fatalf("%+v was read at %d of %q", g, at, m.content)
			}
			at, next = at+int64(len(b)), next+uint64(g.Count)
		}
		if end != at || len(got) == 0 {
			t.Fatalf("%d groups end at %d, not %d", len(got), at, end)
		}
		if err == nil && bytes.Contains(tail, seal(3, groups[2])) && end != int64(len(m.content)) && (len(m.content)-len(seal(3, groups[2])))%8 == 0 {
			at := bytes.Index(m.content[end:], seal(3, groups[2]))
			if at > 0 && (int(end)+at)%8 == 0 {
				t.Fatalf("a whole group at %d behind %d was passed over", int(end)+at, end)
			}
		}
	})
}

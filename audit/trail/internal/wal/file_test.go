package wal_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
	"github.com/elevenminutes/interlock/internal/disk"
)

// memory is a file in memory, of which only what the package uses works.
type memory struct {
	disk.File
	content []byte
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.content)) {
		return 0, io.EOF
	}
	n := copy(p, m.content[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if end := int(off) + len(p); end > len(m.content) {
		m.content = append(m.content, make([]byte, end-len(m.content))...)
	}
	return copy(m.content[off:], p), nil
}

func (m *memory) clone() *memory {
	return &memory{content: append([]byte(nil), m.content...)}
}

// cut returns the first n bytes of the file.
func (m *memory) cut(n int) *memory {
	return &memory{content: append([]byte(nil), m.content[:n]...)}
}

// cleared returns the file with zeros from n on.
func (m *memory) cleared(n int) *memory {
	c := m.clone()
	clear(c.content[n:])
	return c
}

// preallocated returns a file of a length with a header.
func preallocated(tb testing.TB, size int, h wal.Header) *memory {
	tb.Helper()
	m := &memory{content: make([]byte, size)}
	if err := wal.WriteHeader(m, h); err != nil {
		tb.Fatal(err)
	}
	return m
}

// bundle returns entries as a group has them.
func bundle(entries ...string) []byte {
	var b []byte
	for _, e := range entries {
		b = append(b, byte(len(e)>>8), byte(len(e)))
		b = append(b, e...)
	}
	return b
}

// seal returns the bytes of a group.
func seal(epoch uint64, g wal.Group) []byte {
	b := make([]byte, wal.GroupHeader, wal.GroupHeader+len(g.Entries))
	return wal.Seal(append(b, g.Entries...), epoch, g.First, g.Count, g.Note)
}

// put writes a group and returns where it ends.
func (m *memory) put(tb testing.TB, at int64, epoch uint64, g wal.Group) int64 {
	tb.Helper()
	b := seal(epoch, g)
	if at+int64(len(b)) > int64(len(m.content)) {
		tb.Fatalf("a group of %d bytes finds no room at %d", len(b), at)
	}
	copy(m.content[at:], b)
	return at + int64(len(b))
}

// putAll writes groups one after the other from the header on, and returns
// where each begins, and where the last one ends.
func (m *memory) putAll(tb testing.TB, epoch uint64, groups []wal.Group) []int64 {
	tb.Helper()
	starts := []int64{wal.HeaderSize}
	for i, g := range groups {
		starts = append(starts, m.put(tb, starts[i], epoch, g))
	}
	return starts
}

// scan returns what Scan finds.
func scan(m *memory, h wal.Header) (groups []wal.Group, end int64, err error) {
	end, err = wal.Scan(m, int64(len(m.content)), h, func(g wal.Group) error {
		groups = append(groups, g)
		return nil
	})
	return groups, end, err
}

// fewGroups are groups of different lengths, one upon the other from an index.
func fewGroups(first uint64) []wal.Group {
	groups := []wal.Group{
		{First: first, Count: 1, Entries: bundle(`{"id":"a"}`), Note: []byte("signed 1")},
		{First: first + 1, Count: 3, Entries: bundle(`{"id":"b"}`, `{"id":"c"}`, "\x01part"), Note: []byte("signed 2\n")},
		{First: first + 4, Count: 1, Entries: bundle(`{"id":"ddddd"}`), Note: []byte("signed three")},
	}
	for i := range groups {
		groups[i].Note = fmt.Appendf(groups[i].Note, " of %d", groups[i].First+uint64(groups[i].Count))
	}
	return groups
}

// differ returns how groups differ from those that are wanted, "" if they do not.
func differ(want, got []wal.Group) string {
	if slices.EqualFunc(want, got, equal) {
		return "" // cmp looks at each byte by itself
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

func equal(a, b wal.Group) bool {
	return a.First == b.First && a.Count == b.Count && bytes.Equal(a.Entries, b.Entries) && bytes.Equal(a.Note, b.Note)
}

package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

var errFault = errors.New("fault")

const (
	readWrite = os.O_RDWR
	fileSize  = wal.HeaderSize + 2048
)

func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wal")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGroupsComeBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	many := []wal.Group{}
	for i := range uint64(40) { // of every length modulo 8, in entries and note
		many = append(many, wal.Group{First: i, Count: 1, Entries: bundle(strings.Repeat("x", 1+int(i)/8)), Note: make([]byte, i%8)})
	}
	for name, test := range map[string]struct {
		header wal.Header
		groups []wal.Group
	}{
		"none":                      {wal.Header{Epoch: 1}, nil},
		"from the first entry on":   {wal.Header{Epoch: 1}, fewGroups(0)},
		"in the midst of a log":     {wal.Header{Epoch: 5, Start: 1000, Base: 90}, fewGroups(1000)},
		"of all lengths":            {wal.Header{Epoch: 2}, many},
		"without a note":            {wal.Header{Epoch: 2}, []wal.Group{{Count: 1, Entries: bundle("{")}}},
		"without entries":           {wal.Header{Epoch: 2}, []wal.Group{{Count: 1, Note: []byte("signed")}}},
		"with the greatest numbers": {wal.Header{Epoch: math.MaxUint64, Start: math.MaxInt64}, []wal.Group{{First: math.MaxInt64, Count: math.MaxUint32}}},
		"with a long entry":         {wal.Header{Epoch: 1}, []wal.Group{{Count: 1, Entries: bundle(strings.Repeat("x", 65535)), Note: []byte("signed")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := preallocated(t, 80<<10, test.header)
			starts := m.putAll(t, test.header.Epoch, test.groups)
			got, end, err := scan(m, test.header)
			if diff := differ(test.groups, got); err != nil || diff != "" {
				t.Fatalf("%v\n%s", err, diff)
			}
			if want := starts[len(starts)-1]; end != want {
				t.Errorf("the next group goes to %d, not %d", end, want)
			}
		})
	}
}

func TestAGroupTakesWhatWasReckonedForIt(t *testing.T) {
	t.Parallel()
	for entries := range 20 {
		for note := range 20 {
			b := seal(1, wal.Group{Count: 1, Entries: make([]byte, entries), Note: make([]byte, note)})
			if want := wal.GroupSize(entries, note); int64(len(b)) != want || want%8 != 0 {
				t.Errorf("%d bytes of entries and %d of a note take %d, reckoned %d", entries, note, len(b), want)
			}
		}
	}
}

func TestTheGroupsAreTheReadersToKeep(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 1}
	m := preallocated(t, fileSize, h)
	m.putAll(t, 1, fewGroups(0))
	var got []wal.Group
	_, err := wal.Scan(m, fileSize, h, func(g wal.Group) error {
		got = append(got, g)
		clear(m.content[:wal.HeaderSize]) // what was read is not read again
		return nil
	})
	clear(m.content)
	if diff := differ(fewGroups(0), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestAFileThatEndsAnywhereHasTheGroupsThatAreWhole cuts a file after each of
// its bytes, and clears it from each byte on: a disk may do either.
func TestAFileThatEndsAnywhereHasTheGroupsThatAreWhole(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 4, Start: 100}
	groups := fewGroups(100)
	m := preallocated(t, fileSize, h)
	starts := m.putAll(t, h.Epoch, groups)
	for n := wal.HeaderSize; n <= fileSize; n++ {
		for name, file := range map[string]*memory{"cut": m.cut(n), "cleared": m.cleared(n)} {
			whole := 0
			for whole < len(groups) && bytes.HasPrefix(file.content, m.content[:starts[whole+1]]) {
				whole++
			}
			got, end, err := scan(file, h)
			if diff := differ(groups[:whole], got); err != nil || diff != "" || end != starts[whole] {
				t.Fatalf("%s at byte %d: the next group goes to %d instead of %d, %v\n%s", name, n, end, starts[whole], err, diff)
			}
		}
	}
}

// TestAFlippedByteOfAGroupIsNoticed flips each byte of each group. What is
// before the group at fault is read, what comes after it is not; and unless it
// is the last, which may be a write that was cut short, it is said to be
// damaged.
func TestAFlippedByteOfAGroupIsNoticed(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 4, Start: 100}
	groups := fewGroups(100)
	m := preallocated(t, fileSize, h)
	starts := m.putAll(t, h.Epoch, groups)
	for k := range groups {
		length := int64(wal.GroupHeader + len(groups[k].Entries) + len(groups[k].Note) + 4) // without padding
		for at := starts[k]; at < starts[k]+length; at++ {
			for _, flip := range []byte{1, 0x80, 0xff} {
				flipped := m.clone()
				flipped.content[at] ^= flip
				got, end, err := scan(flipped, h)
				if diff := differ(groups[:k], got); diff != "" || end != starts[k] {
					t.Fatalf("byte %d of group %d: the fault is at %d instead of %d\n%s", at, k, end, starts[k], diff)
				}
				if last := k == len(groups)-1; last && err != nil || !last && !errors.Is(err, wal.ErrDamaged) {
					t.Fatalf("byte %d of group %d of %d: %v", at, k, len(groups), err)
				}
			}
		}
	}
}

func TestGroupsOfAnEarlierUseOfTheFileAreIgnored(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 6, Start: 100}
	groups := fewGroups(100)
	for name, test := range map[string]struct {
		old   uint64
		whole int // groups of the new epoch
		torn  bool
	}{
		"when nothing was written since":       {5, 0, false},
		"behind those of the new one":          {5, 2, false},
		"of an epoch long ago":                 {1, 1, false},
		"behind a new one that was cut short":  {5, 1, true},
		"when the first new one was cut short": {5, 0, true},
		"of a later epoch":                     {7, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := preallocated(t, 2*fileSize, h)
			end := int64(wal.HeaderSize)
			for i := range uint64(8) { // so that one of them begins where the new ones end
				end = m.put(t, end, test.old, wal.Group{First: 100 + i, Count: 1, Entries: bundle(fmt.Sprintf("old %d", i))})
			}
			starts := m.putAll(t, h.Epoch, groups[:test.whole])
			if test.torn {
				b := seal(h.Epoch, groups[test.whole])
				copy(m.content[starts[test.whole]:], b[:len(b)-9])
			}
			got, at, err := scan(m, h)
			if diff := differ(groups[:test.whole], got); err != nil || diff != "" || at != starts[test.whole] {
				t.Errorf("the next group goes to %d instead of %d, %v\n%s", at, starts[test.whole], err, diff)
			}
		})
	}
}

func TestAWholeGroupIsFoundHoweverFarBehindTheDamagedOne(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	h := wal.Header{Epoch: 4}
	g := wal.Group{First: 77, Count: 1, Entries: bundle("{}"), Note: []byte("signed")}
	length := wal.GroupSize(len(g.Entries), len(g.Note))
	for _, window := range []int64{0, 1, 2} { // the file is looked through by MiB
		for near := int64(-88); near <= 88; near += 8 {
			at := wal.HeaderSize + 8 + window<<20 + near
			if at <= wal.HeaderSize || at+length > size {
				continue
			}
			m := preallocated(t, size, h)
			m.put(t, at, h.Epoch, g)
			if got, end, err := scan(m, h); !errors.Is(err, wal.ErrDamaged) || end != wal.HeaderSize || got != nil || !strings.Contains(err.Error(), "entry 77") {
				t.Errorf("a whole group at %d: %d groups up to %d, %v", at, len(got), end, err)
			}
		}
	}
	m := preallocated(t, size, h)
	m.put(t, size-length, h.Epoch, g)
	if _, _, err := scan(m, h); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("a whole group at the end of the file: %v", err)
	}
}

func TestGroupsThatDoNotFollowEachOtherAreDamage(t *testing.T) {
	t.Parallel()
	group := func(first uint64, count uint32) wal.Group {
		return wal.Group{First: first, Count: count, Entries: bundle("{}")}
	}
	for name, test := range map[string]struct {
		groups []wal.Group
		whole  int
	}{
		"the first does not begin where the file does": {[]wal.Group{group(11, 1)}, 0},
		"one is missing":              {[]wal.Group{group(10, 1), group(12, 1)}, 1},
		"one is there twice":          {[]wal.Group{group(10, 1), group(10, 1)}, 1},
		"one overlaps the one before": {[]wal.Group{group(10, 2), group(11, 2)}, 1},
		"one has no entries":          {[]wal.Group{group(10, 1), group(11, 0), group(11, 1)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := wal.Header{Epoch: 3, Start: 10}
			m := preallocated(t, fileSize, h)
			starts := m.putAll(t, h.Epoch, test.groups)
			got, end, err := scan(m, h)
			if !errors.Is(err, wal.ErrDamaged) || len(got) != test.whole || end != starts[test.whole] {
				t.Errorf("%d groups up to %d, %v; want %d up to %d", len(got), end, err, test.whole, starts[test.whole])
			}
		})
	}
}

// TestNoEntryLooksLikeAGroup: a group that was cut short is looked through for
// whole ones. What is in its entries must not pass for one.
func TestNoEntryLooksLikeAGroup(t *testing.T) {
	t.Parallel()
	inner := seal(3, wal.Group{First: 5, Count: 1, Entries: bundle("{}"), Note: []byte("signed")})
	r := audittest.Record(string(inner[:8]))
	r.Reason = strings.ToValidUTF8(string(inner), "\x00")
	r.Case, r.Target.ID = string(inner[:8]), strings.Repeat(string(inner[:8]), 4)
	json, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.IndexByte(json, 0) >= 0 {
		t.Errorf("the JSON form of a record has a zero byte: %q", json)
	}
	h := wal.Header{Epoch: 3}
	for shift := range 8 { // however it is aligned
		m := preallocated(t, 4*fileSize, h)
		b := seal(3, wal.Group{Count: 2, Entries: bundle(strings.Repeat("x", 1+shift), string(json))})
		copy(m.content[wal.HeaderSize:], b[:len(b)-8])
		if got, end, err := scan(m, h); got != nil || end != wal.HeaderSize || err != nil {
			t.Errorf("shifted by %d: %d groups up to %d, %v", shift, len(got), end, err)
		}
	}
}

func TestWhatTheReaderSaysEndsTheScan(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 4}
	m := preallocated(t, fileSize, h)
	starts := m.putAll(t, h.Epoch, fewGroups(0))
	calls := 0
	end, err := wal.Scan(m, fileSize, h, func(wal.Group) error {
		if calls++; calls == 2 {
			return errFault
		}
		return nil
	})
	if !errors.Is(err, errFault) || calls != 2 || end != starts[1] {
		t.Errorf("%d calls up to %d, %v", calls, end, err)
	}
}

// TestADiskThatFailsIsNotAGroupThatWasCutShort lets each read of a scan fail:
// none may pass for the end of the groups.
func TestADiskThatFailsIsNotAGroupThatWasCutShort(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 4}
	m := preallocated(t, fileSize, h)
	m.putAll(t, h.Epoch, fewGroups(0))
	path := writeFile(t, m.content)
	const reads = 3*2 + 1 + 1 // each group's header and all of it, the zeros that follow, and what is behind
	for n := range reads + 1 {
		faulty := &disktest.Faulty{Fail: disktest.FailAt(n+1, errFault)}
		f, err := faulty.OpenFile(path, readWrite, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		groups := 0
		_, err = wal.Scan(f, fileSize, h, func(wal.Group) error { groups++; return nil })
		if failed := n < reads; errors.Is(err, errFault) != failed || errors.Is(err, wal.ErrDamaged) {
			t.Errorf("read %d failed: %d groups, %v", n, groups, err)
		}
	}
	f, err := (&disktest.Faulty{}).OpenFile(path, readWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := wal.Scan(f, 2*fileSize, h, func(wal.Group) error { return nil }); err == nil {
		t.Error("a file that is shorter than it was said to be has no error")
	}
}

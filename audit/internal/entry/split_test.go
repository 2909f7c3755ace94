package entry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/internal/entry"
)

// record returns a JSON form of n bytes in which no two places look alike.
func record(n int) []byte {
	b := append(make([]byte, 0, n+32), `{"id":"`...)
	for i := 0; len(b) < n; i++ {
		b = strconv.AppendInt(append(b, ' '), int64(i), 36)
	}
	return b[:n]
}

// split returns the entries of a record.
func split(t testing.TB, json []byte) [][]byte {
	t.Helper()
	entries, err := entry.Append(nil, json)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestARecordMayBeAsLongAsASinkTakes(t *testing.T) {
	t.Parallel()
	if entry.MaxJSON != audit.MaxRecord {
		t.Errorf("MaxJSON is %d, audit.MaxRecord %d", entry.MaxJSON, audit.MaxRecord)
	}
}

func TestARecordBecomes(t *testing.T) {
	t.Parallel()
	const full = 65534 + 1 // a full part, its kind included
	for _, tt := range []struct {
		name   string
		length int
		want   []int // lengths of the entries
	}{
		{"one entry when short", 20, []int{20}},
		{"one entry when as long as an entry can be", 65535, []int{65535}},
		{"two parts when one byte longer", 65536, []int{full, 3, 41}},
		{"two full parts", 131068, []int{full, full, 41}},
		{"three parts when one byte longer than two", 131069, []int{full, full, 2, 41}},
		{"MaxParts parts when as long as a record can be", entry.MaxJSON,
			[]int{full, full, full, full, full, full, full, full, full, full, full, full, full, full, full, full, 33, 41}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			json := record(tt.length)
			entries := split(t, json)
			var lengths []int
			for _, e := range entries {
				lengths = append(lengths, len(e))
			}
			if d := cmp.Diff(tt.want, lengths); d != "" {
				t.Errorf("lengths (-want +got):\n%s", d)
			}
			if parts := len(tt.want) - 1; parts > entry.MaxParts {
				t.Errorf("%d parts, more than MaxParts %d", parts, entry.MaxParts)
			}
			leaf, err := entry.Leaf(json)
			if err != nil || !bytes.Equal(leaf, entries[len(entries)-1]) {
				t.Errorf("Leaf is %.50q, %v, not the last entry", leaf, err)
			}
		})
	}
}

// The bytes are built here by hand from the format's text.
func TestPartsAndManifestHaveTheFormsOfTheFormat(t *testing.T) {
	t.Parallel()
	json := record(70000)
	sum := sha256.Sum256(json)
	manifest := binary.BigEndian.AppendUint32([]byte{2}, 2)
	manifest = append(binary.BigEndian.AppendUint32(manifest, 70000), sum[:]...)
	want := [][]byte{
		append([]byte{1}, json[:65534]...),
		append([]byte{1}, json[65534:]...),
		manifest,
	}
	if got := split(t, json); !cmp.Equal(want, got) {
		t.Error("the entries are not those of the format")
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	before := [][]byte{[]byte("{1}")}
	got, err := entry.Append(before, []byte("{2}"))
	if d := cmp.Diff([][]byte{[]byte("{1}"), []byte("{2}")}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	got, err = entry.Append(before, nil)
	if d := cmp.Diff(before, got); d != "" || err == nil {
		t.Errorf("after a refusal: %v (-want +got):\n%s", err, d)
	}
}

func TestEntriesDoNotOverlapWhenAppendedTo(t *testing.T) {
	t.Parallel()
	entries := split(t, record(70000))
	_ = append(entries[0], "overwritten"...)
	if entries[1][0] != byte(entry.KindPart) {
		t.Error("appending to a part has changed the next one")
	}
}

func TestWhatIsNoRecordHasNoEntries(t *testing.T) {
	t.Parallel()
	manifest := split(t, record(70000))[2]
	for _, tt := range []struct {
		name string
		json []byte
	}{
		{"nothing", nil},
		{"a manifest", manifest},
		{"a part", []byte("\x01{}")},
		{"an array", []byte("[]")},
		{"an object after a space", []byte(" {}")},
		{"a long text", append([]byte(" "), record(70000)...)},
		{"a record that is too long", record(entry.MaxJSON + 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := entry.Append(nil, tt.json); err == nil || got != nil {
				t.Errorf("Append: %d entries, %v", len(got), err)
			}
			if got, err := entry.Leaf(tt.json); err == nil || got != nil {
				t.Errorf("Leaf: %.50q, %v", got, err)
			}
		})
	}
}

func TestAShortRecordIsSplitWithoutAllocation(t *testing.T) { // AllocsPerRun can't run in parallel
	json, dst := record(600), make([][]byte, 0, 1)
	if n := testing.AllocsPerRun(100, func() {
		entries, err := entry.Append(dst, json)
		if leaf, err2 := entry.Leaf(json); err != nil || err2 != nil || &leaf[0] != &entries[0][0] {
			t.Error("not the JSON form itself")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	manifest := split(t, record(70000))[2]
	for _, tt := range []struct {
		name  string
		entry []byte
		want  entry.Kind
		newer bool
	}{
		{"a record", []byte("{}"), entry.KindRecord, false},
		{"the longest record", record(65535), entry.KindRecord, false},
		{"a part", []byte{1, 0}, entry.KindPart, false},
		{"a manifest", manifest, entry.KindManifest, false},
		{"nothing", nil, 0, false},
		{"a longer one than there can be", record(65536), 0, false},
		{"a part of nothing", []byte{1}, 0, false},
		{"a short manifest", manifest[:40], 0, false},
		{"a long manifest", append(bytes.Clone(manifest), 0), 0, false},
		{"a sealed entry", []byte{3, 0}, 0, true},
		{"kind 0", []byte{0, 0}, 0, true},
		{"kind 4", []byte{4, 0}, 0, true},
		{"an array", []byte("[]"), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := entry.KindOf(tt.entry)
			if got != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("got %#x, %v, want %#x", got, err, tt.want)
			}
			if errors.Is(err, entry.ErrNewer) != tt.newer {
				t.Errorf("%v: is ErrNewer: %t, want %t", err, !tt.newer, tt.newer)
			}
		})
	}
}

func TestParseManifest(t *testing.T) {
	t.Parallel()
	json := record(140000)
	good := split(t, json)[3]
	got, err := entry.ParseManifest(good)
	want := entry.Manifest{Parts: 3, Length: 140000, Sum: sha256.Sum256(json)}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	with := func(parts, length uint32) []byte {
		m := bytes.Clone(good)
		binary.BigEndian.PutUint32(m[1:], parts)
		binary.BigEndian.PutUint32(m[5:], length)
		return m
	}
	for name, m := range map[string][]byte{
		"nothing":                         nil,
		"a record":                        []byte("{}"),
		"a part of its length":            append([]byte{1}, good[1:]...),
		"a short one":                     good[:40],
		"one of too few parts":            with(2, 140000),
		"one of too many parts":           with(4, 140000),
		"one of all parts":                with(1<<32-1, 140000),
		"one of what fits an entry":       with(2, 65535),
		"one of one part":                 with(1, 65534),
		"one of nothing":                  with(0, 0),
		"one of more than there can be":   with(17, entry.MaxJSON+1),
		"one of all that 32 bits can say": with(65538, 1<<32-1),
	} {
		if got, err := entry.ParseManifest(m); err == nil || got != (entry.Manifest{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

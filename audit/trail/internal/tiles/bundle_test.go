package tiles_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

func bundleOf(entries ...string) []byte {
	var bundle []byte
	for _, entry := range entries {
		bundle = tiles.AppendEntry(bundle, []byte(entry))
	}
	return bundle
}

func readAll(bundle []byte, width int) ([]string, error) {
	var entries []string
	r := tiles.NewReader(bundle, width)
	for r.Next() {
		entries = append(entries, string(r.Entry()))
	}
	return entries, r.Err()
}

func TestABundleHoldsWhatWasAppended(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", tiles.MaxEntry)
	tests := map[string][]string{
		"none":            nil,
		"one":             {"a"},
		"shortest":        {"a", "b", "c"},
		"longest":         {"first", longest, "last"},
		"zeros":           {"\x00", "\x00\x00"},
		"like lengths":    {"\x00\x01", "\x00\x01\x00"},
		"a length of 256": {strings.Repeat("y", 256), "z"},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readAll(bundleOf(want...), len(want))
			if err != nil {
				t.Fatalf("reading: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheBytesOfABundle(t *testing.T) {
	t.Parallel()
	got := bundleOf("hi", strings.Repeat("z", 258))
	want := append([]byte("\x00\x02hi\x01\x02"), bytes.Repeat([]byte("z"), 258)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}

func TestAMalformedBundleIsRefusedAfterItsGoodEntries(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bundle string
		width  int
		want   []string
		says   string
	}{
		"empty file":        {"", 1, nil, "ends before entry 0 of 1"},
		"entry missing":     {"\x00\x01a", 2, []string{"a"}, "ends before entry 1 of 2"},
		"half a length":     {"\x00\x01a\x00", 2, []string{"a"}, "ends before entry 1 of 2"},
		"no entry":          {"\x00\x01a\x00\x02", 2, []string{"a"}, "ends within entry 1 of 2"},
		"part of an entry":  {"\x00\x01a\x00\x02b", 2, []string{"a"}, "ends within entry 1 of 2"},
		"empty entry":       {"\x00\x01a\x00\x00\x00\x01b", 3, []string{"a"}, "entry 1 of 3 is empty"},
		"one byte more":     {"\x00\x01a\x00", 1, []string{"a"}, "1 bytes follow the last of 1 entries"},
		"one entry more":    {"\x00\x01a\x00\x01b", 1, []string{"a"}, "3 bytes follow"},
		"rest without any":  {"\x00\x01a", 0, nil, "3 bytes follow the last of 0 entries"},
		"length of 64 KiB":  {"\xff\xffa", 1, nil, "ends within entry 0 of 1"},
		"width less than 0": {"\x00\x01a\x00\x01b", -1, []string{"a", "b"}, "ends before entry 2 of -1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readAll([]byte(tt.bundle), tt.width)
			if !errors.Is(err, tiles.ErrMalformed) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want ErrMalformed with %q", err, tt.says)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReaderStaysAtItsEnd(t *testing.T) {
	t.Parallel()
	for name, bundle := range map[string]string{"whole": "\x00\x01a", "cut": "\x00\x02a"} {
		r := tiles.NewReader([]byte(bundle), 1)
		for r.Next() {
		}
		err, read := r.Err(), r.Read()
		if r.Next() || r.Entry() != nil || r.Err() != err || r.Read() != read {
			t.Errorf("%s: Next after the end went on", name)
		}
	}
}

func TestTheZeroReaderHasNoEntries(t *testing.T) {
	t.Parallel()
	var r tiles.Reader
	if r.Next() || r.Entry() != nil || r.Err() != nil || r.Read() != 0 {
		t.Error("the zero Reader has an entry or an error")
	}
}

func TestAnEntryCantReachIntoTheNext(t *testing.T) {
	t.Parallel()
	bundle := bundleOf("a", "b")
	r := tiles.NewReader(bundle, 2)
	r.Next()
	_ = append(r.Entry(), "overwritten"...)
	if diff := cmp.Diff(bundleOf("a", "b"), bundle); diff != "" {
		t.Errorf("appending to an entry changed the bundle (-want +got):\n%s", diff)
	}
}

func TestNoBundleForAnEntryOfNoOrTooManyBytes(t *testing.T) {
	t.Parallel()
	wantPanic(t, func() { tiles.AppendEntry(nil, nil) })
	wantPanic(t, func() { tiles.AppendEntry(nil, make([]byte, tiles.MaxEntry+1)) })
}

func TestReadingAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	bundle := bundleOf("one", "two", "three")
	leaves := make([]byte, 0, tiles.TileSize)
	allocs := testing.AllocsPerRun(100, func() {
		r := tiles.NewReader(bundle, 3)
		for r.Next() {
		}
		if r.Err() != nil {
			t.Error(r.Err())
		}
		if _, err := tiles.AppendLeafHashes(leaves, bundle, 3); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(nil), 0)
	f.Add(bundleOf("a"), 1)
	f.Add(bundleOf("one", "two", "three"), 3)
	f.Add(bundleOf("one", "two", "three"), 2)
	f.Add([]byte("\x00\x00"), 1)
	f.Add([]byte("\xff\xff\x00"), 1)
	f.Fuzz(func(t *testing.T, bundle []byte, width int) {
		before := bytes.Clone(bundle)
		entries, err := readAll(bundle, width)
		leaves, hashErr := tiles.AppendLeafHashes(nil, bundle, width)
		if !bytes.Equal(before, bundle) {
			t.Error("the bundle was changed")
		}
		if len(leaves) != len(entries)*tiles.HashSize || (err == nil) != (hashErr == nil) {
			t.Errorf("%d entries and %v, but %d bytes of hashes and %v", len(entries), err, len(leaves), hashErr)
		}
		whole := bundleOf(entries...) // panics on an entry that can't be
		if !bytes.HasPrefix(bundle, whole) {
			t.Error("the entries are not those of the bundle")
		}
		switch {
		case err == nil && (len(entries) != width || !bytes.Equal(whole, bundle)):
			t.Errorf("%d of %d entries accepted, %d of %d bytes", len(entries), width, len(whole), len(bundle))
		case err != nil && !errors.Is(err, tiles.ErrMalformed):
			t.Errorf("error = %v, want ErrMalformed", err)
		case err != nil && len(entries) == width && bytes.Equal(whole, bundle):
			t.Errorf("a whole bundle was refused: %v", err)
		}
	})
}

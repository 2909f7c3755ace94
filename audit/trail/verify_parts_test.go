package trail_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/trail"
)

// longRecord returns the entries of a record of some bytes.
func longRecord(t *testing.T, length int) [][]byte {
	t.Helper()
	json := []byte(`{"n":"` + strings.Repeat("x", length-8) + `"}`)
	entries, err := entry.Append(nil, json)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestRecordsInPartsMustBeWhole(t *testing.T) {
	t.Parallel()
	long := longRecord(t, 150_000) // three parts and a manifest
	if len(long) != 4 {
		t.Fatalf("the record has %d entries", len(long))
	}
	otherSum := bytes.Clone(long[3])
	otherSum[len(otherSum)-1] ^= 1
	before := func(n int) [][]byte { return shortEntries(n) }
	tests := map[string]struct {
		entries [][]byte
		want    where // the zero where: none
	}{
		"whole, alone":                      {long, where{}},
		"whole, at the end":                 {slices.Concat(before(10), long), where{}},
		"whole, in the middle":              {slices.Concat(before(10), long, before(300)), where{}},
		"whole, across two bundles":         {slices.Concat(before(254), long, before(10)), where{}},
		"manifest first in its bundle":      {slices.Concat(before(253), long, before(256)), where{}},
		"two, and a bundle between them":    {slices.Concat(before(250), long, before(600), long), where{}},
		"longest":                           {slices.Concat(before(250), longRecord(t, entry.MaxJSON)), where{}},
		"without manifest at the end":       {slices.Concat(before(10), long[:3]), where{"tile/entries/000.p/13", 12}},
		"cut at the end of a bundle":        {slices.Concat(before(254), long[:2]), where{"tile/entries/000", 255}},
		"without manifest":                  {slices.Concat(before(10), long[:3], before(5)), where{"tile/entries/000.p/18", 13}},
		"without manifest, before a bundle": {slices.Concat(before(253), long[:3], before(300)), where{"tile/entries/001", 256}},
		"without its first part":            {slices.Concat(before(10), long[1:]), where{"tile/entries/000.p/13", 12}},
		"manifest alone":                    {slices.Concat(before(256), long[3:]), where{"tile/entries/001.p/1", 256}},
		"manifest of another one":           {slices.Concat(before(10), long[:3], [][]byte{otherSum}, before(5)), where{"tile/entries/000.p/19", 13}},
		"parts out of order":                {slices.Concat(long[2:3], long[:2], long[3:]), where{"tile/entries/000.p/4", 1}},
		"a record among its parts":          {slices.Concat(long[:2], before(1), long[2:]), where{"tile/entries/000.p/5", 2}},
		"of a kind not known":               {slices.Concat(before(300), [][]byte{{0x03, 1, 2}}, before(5)), where{"tile/entries/001.p/50", 300}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := newKey(t)
			files := newTree(t, tt.entries).face(t, key, len(tt.entries))
			for _, workers := range []int{1, 4} {
				err := verify(t, key, files, trail.VerifyOptions{Workers: workers})
				if tt.want != (where{}) {
					wantDamage(t, err, tt.want)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestAnEntryOfANewerVersionSaysSo(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, [][]byte{{0x03, 1}}).face(t, key, 1)
	if err := verify(t, key, files, trail.VerifyOptions{}); !errors.Is(err, entry.ErrNewer) {
		t.Errorf("error = %v, want entry.ErrNewer", err)
	}
}

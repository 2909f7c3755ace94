package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a table gives back is what was put in.
func TestRowTableKeepsRows(t *testing.T) {
	t.Parallel()
	var rows []Row
	for _, source := range []string{"", "policy.csv:1", "policy.csv:0", "policy.csv:00", "policy.csv:012", "db:p[3]", "db:p[3].", "7", "x",
		"policy.csv:4294967295", "policy.csv:99999999999999999999", "a1b2c3", "名:5", "1:2:3", "policy.csv:1"} {
		rows = append(rows,
			Row{"p", []string{"mod", "request", "account.*", "normal", "*", "allow"}, source},
			Row{"g", []string{`"a"`, `"`, "*", "-", "-"}, source},
			Row{"g", []string{"名 前", "e\u0301", "a|b", "2017-11-02", "-"}, source})
	}
	table, err := newRowTable(rows)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, (&snapshot{table: table}).rows()); diff != "" {
		t.Error(diff)
	}
	for i, row := range rows {
		if diff := cmp.Diff(row.rule(), table.rule(i)); diff != "" {
			t.Error(diff)
		}
		if table.isGrant(i) != (row.Type == "g") {
			t.Errorf("row %d is taken for another type", i)
		}
	}
}

// The order of rows is that of their encodings, and what is the same is found,
// whatever the rows are.
func TestSortedRows(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		rows := make([]Row, random.IntN(40))
		for i := range rows {
			rows[i].Type = []string{"g", "p", "", "p2", "g\x00"}[random.IntN(5)]
			for range random.IntN(4) {
				rows[i].Fields = append(rows[i].Fields, []string{"", "a", "\x00", "a\x00", "user000001", "user000002", "user00000", "a long name that goes on", "a long name that goes on\x00"}[random.IntN(9)])
			}
		}
		var encoded [][]byte
		again := make(map[int]int)
		for i, row := range rows {
			e := encode(nil, row)
			if first := slices.IndexFunc(encoded, func(o []byte) bool { return bytes.Equal(o, e) }); first >= 0 {
				again[i] = first
			}
			encoded = append(encoded, e)
		}
		slices.SortFunc(encoded, bytes.Compare)
		h := sha256.New()
		h.Write([]byte(digestTag))
		for _, e := range encoded {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(e))))
			h.Write(e)
		}
		sorted := sortRows(rows)
		if got, want := sorted.digest(), hex.EncodeToString(h.Sum(nil)); got != want {
			t.Fatalf("digest is %s, want %s, of %q", got, want, rows)
		}
		got := sorted.repeated()
		if len(again) == 0 {
			again = nil
		}
		if diff := cmp.Diff(again, got); diff != "" {
			t.Fatalf("%s%q", diff, rows)
		}
	}
}

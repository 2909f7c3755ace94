package audit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

func TestZeroMemoryIsEmpty(t *testing.T) {
	t.Parallel()
	var m audit.Memory
	if got := m.Records(); len(got) != 0 {
		t.Errorf("records: %v", got)
	}
	for r, err := range m.Replay(t.Context()) {
		t.Errorf("replayed %v, %v", r, err)
	}
}

func TestMemoryKeepsRecordsOfAnySize(t *testing.T) {
	t.Parallel()
	var m audit.Memory
	var want []audit.Record
	for i, size := range []int{1, 60_000, 5000, 70_000, 10, 500_000, 64 << 10, 1} {
		r := audittest.Record(strings.Repeat("x", i+1))
		r.Reason = strings.Repeat("r", size)
		want = append(want, r)
		if err := m.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, m.Records()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestMemoryAllocatesLittle(t *testing.T) {
	var m audit.Memory
	r := audittest.Record("id")
	allocs := testing.AllocsPerRun(1000, func() {
		if err := m.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations for each record", allocs)
	}
}

package index_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/internal/disk"
)

// usual returns the keys of the n-th record of a log: tickets have four
// records, and there are a hundred actors and ten thousand targets.
func usual(n uint64) index.Keys {
	actor := n % 100
	return index.Keys{
		ID:     fmt.Sprintf("record-%d", n),
		Ticket: fmt.Sprintf("ticket-%d", n/4),
		Login:  fmt.Sprintf("login-%d", actor),
		Person: fmt.Sprintf("person-%d", actor),
		Target: fmt.Sprintf("target-%d", n*7919%10_000),
		Time:   time.Unix(1_509_663_421+int64(n), 0),
	}
}

func openOnDisk(t testing.TB) *index.Index {
	t.Helper()
	x, err := index.Open(disk.OS{}, t.TempDir(), rootOf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func BenchmarkPrepare(b *testing.B) {
	k := usual(1)
	b.ReportAllocs()
	for b.Loop() {
		index.Prepare(k)
	}
}

// BenchmarkAdd flushes every 65,536 records, outside of the measured time.
func BenchmarkAdd(b *testing.B) {
	x := openOnDisk(b)
	prepared := make([]index.Prepared, 1<<16)
	var leaf uint64
	b.ReportAllocs()
	for b.Loop() {
		if leaf%uint64(len(prepared)) == 0 {
			b.StopTimer()
			if err := x.Flush(leaf); err != nil {
				b.Fatal(err)
			}
			for i := range prepared {
				prepared[i] = index.Prepare(usual(leaf + uint64(i)))
			}
			b.StartTimer()
		}
		x.Add(leaf, prepared[leaf%uint64(len(prepared))])
		leaf++
	}
}

// BenchmarkFlush reports the time of one flush of 65,536 records, merges that
// Flush waits for included.
func BenchmarkFlush(b *testing.B) {
	x := openOnDisk(b)
	var leaf uint64
	for b.Loop() {
		b.StopTimer()
		for range 1 << 16 {
			x.Add(leaf, index.Prepare(usual(leaf)))
			leaf++
		}
		b.StartTimer()
		if err := x.Flush(leaf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindID looks for IDs among a million records in runs.
func BenchmarkFindID(b *testing.B) {
	const records = 1_000_000
	x := openOnDisk(b)
	for leaf := range uint64(records) {
		x.Add(leaf, index.Prepare(usual(leaf)))
		if x.Pending() == 1<<16 || leaf == records-1 {
			if err := x.Flush(leaf + 1); err != nil {
				b.Fatal(err)
			}
		}
	}
	x.Settle()
	for name, id := range map[string]func(uint64) string{
		"hit":  func(n uint64) string { return fmt.Sprintf("record-%d", n) },
		"miss": func(n uint64) string { return fmt.Sprintf("recording-%d", n) },
	} {
		b.Run(name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			ids := make([]string, 1<<12)
			for i := range ids {
				ids[i] = id(random.Uint64N(records))
			}
			want := map[string]int{"hit": 1, "miss": 0}[name]
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				found := 0
				for _, err := range x.Find(index.ID, ids[i%len(ids)], 0, math.MaxInt64) {
					if err != nil {
						b.Fatal(err)
					}
					found++
				}
				if found != want {
					b.Fatalf("%d records", found)
				}
			}
			b.ReportMetric(float64(x.Runs()), "runs")
		})
	}
}

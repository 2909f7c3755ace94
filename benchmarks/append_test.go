//go:build unix

package benchmarks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// BenchmarkDurableAppend appends records of 600 bytes from several writers, each
// of which waits until its record is durable before it appends the next. It
// reports how many were durable in a second, and how long one took.
func BenchmarkDurableAppend(b *testing.B) {
	for _, impl := range implementations {
		for _, writers := range []int{1, 64, 256, 1024} {
			b.Run(fmt.Sprintf("impl=%s/writers=%d", impl.name, writers), func(b *testing.B) {
				measure(b, impl, writers)
			})
		}
	}
}

func measure(b *testing.B, impl implementation, writers int) {
	l := impl.open(b, logDir(b), writers)
	rounds := (b.N + writers - 1) / writers // whole ones: Tessera would wait to fill up a batch
	records := make([]audit.Record, rounds*writers)
	times := make([]time.Duration, len(records))
	for n := range records {
		records[n] = sized(n)
	}
	b.ResetTimer()
	l.addAll(b, records, writers, func(n int, d time.Duration) { times[n] = d })
	if err := l.settle(b.Context()); err != nil {
		b.Error(err)
	}
	b.StopTimer()
	if err := l.close(); err != nil {
		b.Error(err)
	}
	slices.Sort(times)
	b.ReportMetric(0, "ns/op") // of b.N, which may be fewer
	b.ReportMetric(float64(len(records))/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}

func TestWhatIsMeasuredIsInTheLog(t *testing.T) {
	t.Parallel()
	for _, impl := range implementations {
		t.Run(impl.name, func(t *testing.T) {
			t.Parallel()
			const size, writers = 300, 16
			l := impl.open(t, logDir(t), writers)
			records := make([]audit.Record, size)
			for n := range records {
				records[n] = sized(n)
			}
			l.addAll(t, records, writers, func(int, time.Duration) {})
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			for _, v := range verifications {
				if got, err := v.verify(t.Context(), l, 4); err != nil || got != size {
					t.Errorf("%s verified %d entries, want %d: %v", v.name, got, size, err)
				}
			}
		})
	}
}

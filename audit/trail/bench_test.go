package trail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/internal/disk"
)

// BenchmarkAppend appends records of 600 bytes from several writers, to the log
// and to the floor: the same bytes, in groups as well, each written to one
// preallocated file and synced by hand, without a tree. It reports how many are
// durable in a second, and how long one took.
func BenchmarkAppend(b *testing.B) {
	for _, impl := range []string{"raw", "log"} {
		for _, writers := range []int{1, 64, 256, 1024} {
			b.Run("impl="+impl+"/writers="+strconv.Itoa(writers), func(b *testing.B) {
				if impl == "raw" {
					benchmarkRaw(b, writers)
					return
				}
				benchmarkLog(b, writers)
			})
		}
	}
}

func benchmarkLog(b *testing.B, writers int) {
	p := newPlace(b)
	c := p.config()
	c.Room = trail.DefaultRoom
	l, err := trail.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	measure(b, writers, func(r audit.Record) error { return l.Append(b.Context(), r) })
}

func benchmarkRaw(b *testing.B, writers int) {
	raw := openRaw(b)
	defer raw.close()
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	measure(b, writers, func(r audit.Record) error {
		line := buffers.Get().(*[]byte)
		defer buffers.Put(line)
		var err error
		if *line, err = r.AppendJSON((*line)[:0]); err != nil {
			return err
		}
		return raw.append(*line)
	})
}

// sized returns a record whose JSON form has about 600 bytes.
func sized(n int64) audit.Record {
	return audit.Record{
		ID:     fmt.Sprintf("01JAVQ5K7E%016d", n),
		Ticket: fmt.Sprintf("ticket-%016d", n/3),
		Event:  audit.EventOutcome,
		Time:   time.Date(2017, 11, 2, 18, 44, 0, int(n%1e9), time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
		Target: audit.Target{ID: fmt.Sprintf("account-%010d", n%100_000), Tier: "ordinary", Reach: 1024},
		Kind:   "account.suspend",
		Reason: reason,
	}
}

var reason = strings.Repeat("spam ", 58)

// measure lets writers append b.N records and reports throughput and latency.
func measure(b *testing.B, writers int, appendOne func(audit.Record) error) {
	records, times := make([]audit.Record, b.N), make([]time.Duration, b.N)
	for n := range records {
		records[n] = sized(int64(n))
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= int64(b.N) {
					return
				}
				start := time.Now()
				if err := appendOne(records[n]); err != nil {
					b.Error(err)
					return
				}
				times[n] = time.Since(start)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}

// raw is group commit by hand.
type raw struct {
	file disk.File
	wake chan struct{}
	over chan struct{}

	mu      sync.Mutex
	pending *rawGroup
}

type rawGroup struct {
	lines []byte
	done  chan struct{}
	err   error
}

const rawSize = 64 << 20

func openRaw(b *testing.B) *raw {
	f, err := disk.OS{}.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	zeros := make([]byte, rawSize)
	if _, err := f.WriteAt(zeros, 0); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	r := &raw{file: f, wake: make(chan struct{}, 1), over: make(chan struct{}), pending: &rawGroup{done: make(chan struct{})}}
	go r.commit()
	return r
}

func (r *raw) append(line []byte) error {
	r.mu.Lock()
	g := r.pending
	g.lines = append(g.lines, line...)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	<-g.done
	return g.err
}

func (r *raw) commit() {
	defer close(r.over)
	var spare []byte
	offset := int64(0)
	for range r.wake {
		r.mu.Lock()
		g := r.pending
		r.pending = &rawGroup{lines: spare[:0], done: make(chan struct{})}
		r.mu.Unlock()
		if len(g.lines) > 0 {
			if offset+int64(len(g.lines)) > rawSize {
				offset = 0
			}
			if _, g.err = r.file.WriteAt(g.lines, offset); g.err == nil {
				g.err = r.file.Sync()
			}
			offset += int64(len(g.lines))
		}
		spare = g.lines
		close(g.done)
	}
}

func (r *raw) close() {
	close(r.wake)
	<-r.over
	r.file.Close()
}

package audit_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// BenchmarkAppend appends the same record with one writer and with 64, to the
// floor (its bytes, written and synced by hand, one by one) and to sinks.
func BenchmarkAppend(b *testing.B) {
	floors := map[string]func(*testing.B) audit.Sink{
		"raw":    openRaw,
		"file":   func(b *testing.B) audit.Sink { return openFile(b, filepath.Join(b.TempDir(), "trail.jsonl")) },
		"memory": func(*testing.B) audit.Sink { return new(audit.Memory) },
	}
	for _, name := range []string{"raw", "file", "memory"} {
		for _, writers := range []int{1, 64} {
			b.Run("sink="+name+"/writers="+strconv.Itoa(writers), func(b *testing.B) {
				appendFrom(b, floors[name](b), writers)
			})
		}
	}
}

func appendFrom(b *testing.B, sink audit.Sink, writers int) {
	r := refusal()
	b.ReportAllocs()
	b.ResetTimer()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < b.N; i += writers {
				if err := sink.Append(context.Background(), r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// raw writes the same bytes each time and syncs them.
type raw struct {
	file *os.File
	line []byte
}

func openRaw(b *testing.B) audit.Sink {
	line, err := refusal().AppendJSON(nil)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return raw{f, append(line, '\n')}
}

func (r raw) Append(context.Context, audit.Record) error {
	if _, err := r.file.Write(r.line); err != nil {
		return err
	}
	return dataSync(r.file)
}

func BenchmarkRecordJSON(b *testing.B) {
	for name, r := range map[string]audit.Record{"refusal": refusal(), "full": audittest.Record("01JAVQ")} {
		buffer := make([]byte, 0, 4096)
		b.Run("record="+name+"/impl=ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.AppendJSON(buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("record="+name+"/impl=encoding-json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(plain(r)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

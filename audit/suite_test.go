package audit_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// must ends the test if a composition can't be made.
func must[T any](t testing.TB) func(sink T, err error) T {
	return func(sink T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
}

// oneWay hides that a sink is a Replayer.
type oneWay struct{ audit.Sink }

func openTemp(t *testing.T) *audit.File {
	return openFile(t, filepath.Join(t.TempDir(), "trail.jsonl"))
}

func newSlog(t *testing.T) audit.Sink {
	return must[audit.Sink](t)(audit.NewSlog(slog.NewJSONHandler(io.Discard, nil), slog.LevelInfo))
}

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	audittest.TestSink(t, func(*testing.T) audit.Sink { return new(audit.Memory) })
}

func TestFileKeepsTheContract(t *testing.T) {
	t.Parallel()
	paths := map[audit.Sink]string{}
	open := func(t *testing.T) audit.Sink {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		f := openFile(t, path)
		paths[f] = path
		return f
	}
	reopen := audittest.Reopen(func(t *testing.T, sink audit.Sink) audit.Sink {
		if err := sink.(*audit.File).Close(); err != nil {
			t.Fatal(err)
		}
		return openFile(t, paths[sink])
	})
	audittest.TestSink(t, open, reopen)
}

func TestSlogKeepsTheContract(t *testing.T) {
	t.Parallel()
	audittest.TestSink(t, newSlog)
}

func TestAllKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, sinks := range map[string]func(t *testing.T) []audit.Sink{
		"one":            func(*testing.T) []audit.Sink { return []audit.Sink{new(audit.Memory)} },
		"several":        func(t *testing.T) []audit.Sink { return []audit.Sink{newSlog(t), openTemp(t), new(audit.Memory)} },
		"none to replay": func(t *testing.T) []audit.Sink { return []audit.Sink{newSlog(t), oneWay{new(audit.Memory)}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			audittest.TestSink(t, func(t *testing.T) audit.Sink { return must[audit.Sink](t)(audit.All(sinks(t)...)) })
		})
	}
}

func TestDeadlineKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, sink := range map[string]func(t *testing.T) audit.Sink{
		"memory":            func(*testing.T) audit.Sink { return new(audit.Memory) },
		"file":              func(t *testing.T) audit.Sink { return openTemp(t) },
		"nothing to replay": newSlog,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			audittest.TestSink(t, func(t *testing.T) audit.Sink {
				return must[audit.Sink](t)(audit.Deadline(sink(t), time.Minute))
			})
		})
	}
}

func TestBestEffortKeepsTheContract(t *testing.T) {
	t.Parallel()
	stores := map[audit.Sink]*audit.Memory{}
	open := func(t *testing.T) audit.Sink {
		memory := new(audit.Memory)
		sink := must[*audit.BestEffortSink](t)(audit.BestEffort(memory, 2000))
		t.Cleanup(func() { closeBestEffort(t, sink) })
		stores[sink] = memory
		return sink
	}
	readBack := audittest.ReadBack(func(t *testing.T, sink audit.Sink) []audit.Record {
		closeBestEffort(t, sink.(*audit.BestEffortSink))
		return stores[sink].Records()
	})
	audittest.TestSink(t, open, readBack)
}

func closeBestEffort(t *testing.T, sink *audit.BestEffortSink) {
	t.Helper()
	if err := sink.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestFaultySinkWithoutFaultsKeepsTheContract(t *testing.T) {
	t.Parallel()
	audittest.TestSink(t, func(*testing.T) audit.Sink { return new(audittest.Faulty) })
}

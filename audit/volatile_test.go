package audit_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// without hides what else a sink is.
type without struct{ sink audit.Sink }

func (w without) Append(ctx context.Context, r audit.Record) error { return w.sink.Append(ctx, r) }

func TestForgetsLooksThroughCompositions(t *testing.T) {
	t.Parallel()
	file, err := audit.OpenFile(filepath.Join(t.TempDir(), "trail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	memory := &audit.Memory{}
	must := func(sink audit.Sink, err error) audit.Sink {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
	log := must(audit.NewSlog(slog.DiscardHandler, slog.LevelInfo))
	for name, tc := range map[string]struct {
		sink audit.Sink
		want bool
	}{
		"a file":                          {file, false},
		"memory":                          {memory, true},
		"what can't be replayed":          {without{file}, true},
		"memory behind a deadline":        {must(audit.Deadline(memory, time.Second)), true},
		"a file behind a deadline":        {must(audit.Deadline(file, time.Second)), false},
		"memory and a log":                {must(audit.All(memory, log)), true},
		"a file and memory":               {must(audit.All(file, memory)), false},
		"memory first, which is replayed": {must(audit.All(memory, file)), true},
		"memory deep inside":              {must(audit.All(must(audit.Deadline(must(audit.All(log, memory)), time.Second)))), true},
	} {
		if got := audit.Forgets(tc.sink); got != tc.want {
			t.Errorf("%s: Forgets is %v, want %v", name, got, tc.want)
		}
	}
}

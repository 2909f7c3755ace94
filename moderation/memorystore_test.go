package moderation_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestMemoryStoreOverMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	var sinks sync.Map // *audit.Memory by store
	over := func(t *testing.T, sink *audit.Memory) moderation.Store {
		s, err := moderation.NewMemoryStore(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		sinks.Store(s, sink)
		return s
	}
	sinkOf := func(s moderation.Store) *audit.Memory {
		sink, _ := sinks.Load(s)
		return sink.(*audit.Memory)
	}
	moderationtest.TestStore(t, func(t *testing.T) moderation.Store {
		return over(t, &audit.Memory{})
	}, moderationtest.StoreOptions{
		Shared:  true,
		Reopen:  func(t *testing.T, s moderation.Store) moderation.Store { return over(t, sinkOf(s)) },
		Records: func(_ *testing.T, s moderation.Store) []audit.Record { return sinkOf(s).Records() },
	})
}

func TestMemoryStoreOverAFileKeepsTheContract(t *testing.T) {
	t.Parallel()
	type opened struct {
		path string
		file *audit.File
	}
	var files sync.Map // opened by store
	over := func(t *testing.T, path string) moderation.Store {
		file, err := audit.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		s, err := moderation.NewMemoryStore(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		files.Store(s, opened{path, file})
		return s
	}
	of := func(s moderation.Store) opened {
		o, _ := files.Load(s)
		return o.(opened)
	}
	moderationtest.TestStore(t, func(t *testing.T) moderation.Store {
		return over(t, filepath.Join(t.TempDir(), "trail.jsonl"))
	}, moderationtest.StoreOptions{
		Shared: true,
		Reopen: func(t *testing.T, s moderation.Store) moderation.Store {
			if err := of(s).file.Close(); err != nil {
				t.Fatal(err)
			}
			return over(t, of(s).path)
		},
		Records: func(t *testing.T, s moderation.Store) []audit.Record {
			var records []audit.Record
			for r, err := range of(s).file.Replay(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				records = append(records, r)
			}
			return records
		},
	})
}

// Each time it is reopened it goes on from a snapshot of all that it has.
func TestMemoryStoreOverSnapshotsKeepsTheContract(t *testing.T) {
	t.Parallel()
	var sinks sync.Map // *ssSink by store
	over := func(t *testing.T, sink *ssSink) moderation.Store {
		s, err := moderation.NewMemoryStore(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		sinks.Store(s, sink)
		return s
	}
	of := func(s moderation.Store) *ssSink {
		sink, _ := sinks.Load(s)
		return sink.(*ssSink)
	}
	moderationtest.TestStore(t, func(t *testing.T) moderation.Store { return over(t, &ssSink{}) }, moderationtest.StoreOptions{
		Shared: true,
		Reopen: func(t *testing.T, s moderation.Store) moderation.Store {
			if err := s.(*moderation.MemoryStore).SaveSnapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, after := of(s).saved(); after != len(of(s).Records()) {
				t.Fatalf("the snapshot is of %d records of %d", after, len(of(s).Records()))
			}
			return over(t, of(s))
		},
		Records: func(_ *testing.T, s moderation.Store) []audit.Record { return of(s).Records() },
		Fill: func(_ *testing.T, s moderation.Store) func() {
			of(s).refuses(func(audit.Record) error { return audit.ErrNoRoom })
			return func() { of(s).refuses(nil) }
		},
	})
}

package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// ssSink is a sink in memory that keeps snapshots. A test can have it refuse
// records, or fail to save.
type ssSink struct {
	audit.Memory

	mu       sync.Mutex
	snapshot []byte // nil for none
	after    int    // how many records the snapshot has
	saves    int    // how often a snapshot was asked to be saved
	refuse   func(audit.Record) error
	save     func(ctx context.Context, write func(io.Writer) error) error // instead
}

func (s *ssSink) Append(ctx context.Context, r audit.Record) error {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		if err := refuse(r); err != nil {
			return err
		}
	}
	return s.Memory.Append(ctx, r)
}

// refuses has the sink ask f about each record from now on.
func (s *ssSink) refuses(f func(audit.Record) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// savesBy has f save snapshots instead; nil for nobody.
func (s *ssSink) savesBy(f func(ctx context.Context, write func(io.Writer) error) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save = f
}

func (s *ssSink) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	s.mu.Lock()
	s.saves++
	save := s.save
	s.mu.Unlock()
	if save != nil {
		return save(ctx, write)
	}
	return s.keep(ctx, write)
}

// keep is what SaveSnapshot does where nothing else was asked for.
func (s *ssSink) keep(_ context.Context, write func(io.Writer) error) error {
	before := len(s.Records())
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if len(s.Records()) != before {
		return errors.New("something was appended meanwhile")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot, s.after = b.Bytes(), before
	return nil
}

// saved tells how often a snapshot was asked to be saved, and of how many
// records the last one was.
func (s *ssSink) saved() (saves, after int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves, s.after
}

func (s *ssSink) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		if s.snapshot != nil {
			if err := read(bytes.NewReader(s.snapshot)); err != nil {
				yield(audit.Record{}, err)
				return
			}
		}
		n := 0
		for r, err := range s.Replay(ctx) {
			if n++; err == nil && n <= s.after {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// ssOver returns a sink that has records, and the snapshot of one that had the
// first of them.
func ssOver(t testing.TB, records []audit.Record, snapshot *ssSink) *ssSink {
	t.Helper()
	s := &ssSink{}
	for _, r := range records {
		if err := s.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if snapshot != nil {
		s.snapshot, s.after = slices.Clone(snapshot.snapshot), snapshot.after
	}
	return s
}

// ssSave opens a store over a sink and has it save a snapshot.
func ssSave(t testing.TB, sink audit.Sink) *moderation.MemoryStore {
	t.Helper()
	s, err := moderation.NewMemoryStore(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

package trail

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// TestWhileNothingCanBePublishedRecordsAreAcceptedAsLongAsThereIsRoom lets one
// operation of publishing fail for good. What is acknowledged until the room is
// used up is kept, what is refused is not there, and all goes on as soon as the
// disk does.
func TestWhileNothingCanBePublishedRecordsAreAcceptedAsLongAsThereIsRoom(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ op, path string }{
		"a tile is not written":          {disktest.OpWrite, "/tile/0/"},
		"a bundle is not synced":         {disktest.OpSync, "/tile/entries/"},
		"a directory is not made":        {disktest.OpMkdir, "/tile/"},
		"the hashes are not written":     {disktest.OpWrite, "/log/hashes"},
		"the hashes are not synced":      {disktest.OpSync, "/log/hashes"},
		"the history is not synced":      {disktest.OpSync, "/log/history"},
		"the checkpoint is not written":  {disktest.OpWrite, "/checkpoint"},
		"the checkpoint is not replaced": {disktest.OpRename, "/checkpoint"},
		"the names are not durable":      {disktest.OpSyncDir, "/tile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, newSite(t))
			s.room = MinRoom
			var broken atomic.Bool
			machine := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true, Fail: func(_ int, op, path string) error {
				if broken.Load() && op == fault.op && strings.Contains(path, fault.path) {
					return errFault
				}
				return nil
			}}
			l, err := s.open(machine)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { l.Close() }()
			if err := s.few(l); err != nil {
				t.Fatal(err)
			}
			broken.Store(true)
			refused := s.fillUp(l)
			if err := l.Publish(t.Context()); !errors.Is(err, errFault) || errors.Is(err, audit.ErrFailed) {
				t.Errorf("publishing on a disk that is broken: %v", err)
			}
			broken.Store(false)
			if err := l.Publish(t.Context()); err != nil {
				t.Errorf("publishing on a disk that is whole again: %v", err)
			}
			if err := errors.Join(s.add(l, "filler", refused), s.turns(l)); err != nil {
				t.Errorf("appending on a disk that is whole again: %v", err)
			}
			broken.Store(true)
			if err := s.few(l); err != nil {
				t.Errorf("appending on a disk that is broken again: %v", err)
			}
			machine.Crash() // with what was not published
			_ = l.Close()
			if err := s.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// fillUp appends records until one is refused for want of room, which it returns.
func (s *story) fillUp(l *Log) audit.Record {
	s.t.Helper()
	taken := 0
	for i := 0; ; i++ {
		r := plainRecord(fmt.Sprint("filler-", i), 9_000)
		err := s.add(l, "filler", r)
		if err == nil {
			taken += 9_000
			continue
		}
		if !errors.Is(err, audit.ErrNoRoom) || errors.Is(err, audit.ErrNotWritten) || errors.Is(err, audit.ErrFailed) {
			s.t.Fatalf("after %d bytes: %v", taken, err)
		}
		if taken < MinRoom {
			s.t.Errorf("of two files of %d bytes records took %d", MinRoom, taken)
		}
		if _, stored := s.stored(l)[r.ID]; stored {
			s.t.Error("a record that was refused is there")
		}
		return r
	}
}

// stored returns the index of each record that a log has.
func (s *story) stored(l *Log) map[string]uint64 {
	s.t.Helper()
	indexes := map[string]uint64{}
	for e, err := range l.Records(s.t.Context(), Query{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		indexes[e.Record.ID] = e.Index
	}
	return indexes
}

package trail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// number is what differs between files of one kind.
var number = regexp.MustCompile(`[0-9]+`)

// kindOf says what a sync makes durable, and "" of other operations.
func (s site) kindOf(op, path string) string {
	if op != disktest.OpSync && op != disktest.OpSyncDir {
		return ""
	}
	return op + " " + number.ReplaceAllString(strings.TrimPrefix(path, s.base), "N")
}

// failOnce lets the j-th sync of a kind fail, counted from 0.
func (s site) failOnce(kind string, j int) func(int, string, string) error {
	return func(_ int, op, path string) error {
		if s.kindOf(op, path) != kind {
			return nil
		}
		if j--; j == -1 {
			return errFault
		}
		return nil
	}
}

// latches reports whether the log takes nothing more after a sync of a kind has
// failed: what it makes durable stands for a record that is acknowledged.
func latches(kind string) bool {
	return strings.Contains(kind, "/wal-") || strings.Contains(kind, "/heads")
}

// TestASyncThatFailsOnceTakesNothingBack lets each kind of sync fail once, at
// another time in each run, and goes on as a host would: what failed is tried
// again, and a log that takes nothing more is opened again. In the end the power
// fails.
func TestASyncThatFailsOnceTakesNothingBack(t *testing.T) {
	t.Parallel()
	counts := syncsOfStory(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 5))
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		j := rng.IntN(max(1, counts[kind]-2)) // there may be fewer than counted
		s := newStory(t, newSite(t))
		machine := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true, Fail: s.failOnce(kind, j)}
		if rng.IntN(2) == 0 {
			machine.Survives = halfSurvives(rng)
		}
		err := s.insist(machine, kind)
		machine.Crash()
		if err := errors.Join(err, s.end()); err != nil {
			t.Fatalf("seed %d, number %d of %q failed: %v\n%s", seed, j, kind, err, ending(machine))
		}
	}
}

// syncsOfStory counts the syncs of each kind in a story of which nothing fails.
func syncsOfStory(t *testing.T) map[string]int {
	t.Helper()
	s := newStory(t, newSite(t))
	d := &disktest.Faulty{FS: hasty{}}
	if err := s.insist(d, ""); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, line := range d.Log() {
		op, path, _ := strings.Cut(line, " ")
		counts[s.kindOf(op, path)]++
	}
	delete(counts, "")
	for _, part := range []string{"/wal-", "/heads/", "/heads", "/keys/", "/hashes", "/history", "/index/", "/snapshot", "/checkpoint", "/tile/N/", "/tile/entries/", "/trail/tile"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(counts)), func(kind string) bool { return strings.Contains(kind, part) }) {
			t.Errorf("the story syncs nothing at %s: %v", part, counts)
		}
	}
	return counts
}

// insist tells the story, whatever fails on the way, and then appends one record
// more. Of the kind of sync that fails depends what may fail with it.
func (s *story) insist(d *disktest.Faulty, kind string) error {
	for told := false; ; {
		l, err := s.open(d)
		if err == nil && !told {
			s.chapter++
			told, err = s.liveOn(l, kind)
			err = errors.Join(err, l.Close())
		} else if err == nil {
			s.t.Cleanup(func() { l.Close() }) // after the power has failed
			if err = s.add(l, "last", plainRecord("last", 0)); err == nil {
				return nil
			}
			_ = l.Close()
		}
		if err != nil && (!errors.Is(err, errFault) || errors.Is(err, audit.ErrNotWritten)) {
			return err // no fault twice: this ends
		}
	}
}

// liveOn is live, but tries again what failed. It reports whether it came to its
// end, or the log takes nothing more.
func (s *story) liveOn(l *Log, kind string) (told bool, err error) {
	acts := []func(*Log) error{s.retry, s.few, s.publish, s.turns, s.crowd, s.publish, s.snapshot, s.few}
	for i, act := range acts {
		err := act(l)
		if err == nil {
			continue
		}
		if !errors.Is(err, errFault) {
			return false, fmt.Errorf("act %d: %w", i, err)
		}
		if errors.Is(err, audit.ErrFailed) {
			return false, s.wantLatched(l, kind)
		}
		if latches(kind) {
			return false, fmt.Errorf("act %d: the log goes on after %w", i, err)
		}
		if err := act(l); err != nil {
			return false, fmt.Errorf("act %d failed and was tried again: %w", i, err)
		}
	}
	return true, nil
}

// retry appends again what is in doubt.
func (s *story) retry(l *Log) error {
	for _, r := range s.doubtful() {
		if err := s.add(l, r.ID, r); err != nil {
			return err
		}
	}
	return nil
}

// wantLatched wants a log to take nothing more, and to be read all the same.
func (s *story) wantLatched(l *Log, kind string) error {
	if !latches(kind) {
		return fmt.Errorf("the log takes nothing more after a sync of %s has failed", kind)
	}
	ctx := context.Background()
	size := l.Size()
	for what, err := range map[string]error{
		"an append":                  s.add(l, "late", plainRecord(s.id("late", 0), 0)),
		"publishing":                 l.Publish(ctx),
		"a snapshot":                 s.snapshot(l),
		"an append that is in doubt": s.retry(l),
	} {
		if !errors.Is(err, audit.ErrFailed) || errors.Is(err, audit.ErrNotWritten) {
			return fmt.Errorf("%s after a failure: %v", what, err)
		}
	}
	records := map[string]uint64{}
	for e, err := range l.Records(ctx, Query{}) {
		if err != nil {
			return fmt.Errorf("reading after a failure: %w", err)
		}
		records[e.Record.ID] = e.Index
	}
	for id, receipt := range s.told {
		if at, stored := records[id]; !stored || at != receipt.Index {
			return fmt.Errorf("after a failure record %s is there: %v, as entry %d", id, stored, at)
		}
	}
	if len(records) > len(s.told) || l.Size() != size {
		return fmt.Errorf("after a failure %d records are read and %d were acknowledged; %d entries, then %d", len(records), len(s.told), size, l.Size())
	}
	return nil
}

// TestWhatIsAcknowledgedAfterItsSyncFailedIsDurable lets the sync of a record
// fail, which the page cache keeps all the same, opens the log again, appends
// the record again, and lets the power fail as soon as that is acknowledged.
func TestWhatIsAcknowledgedAfterItsSyncFailedIsDurable(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]string{
		"of the write-ahead file":      {"/wal-0", "/wal-1"},
		"and then those of publishing": {"/wal-0", "/wal-1", "/tile/", "/hashes", "/history", "/checkpoint"},
	} {
		for seed := range uint64(6) {
			rng := rand.New(rand.NewPCG(seed, 6))
			s := newStory(t, newSite(t))
			machine := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true}
			if seed%3 > 0 {
				machine.Survives = halfSurvives(rng)
			}
			l, err := s.open(machine)
			if err == nil {
				err = s.few(l)
			}
			if err != nil {
				t.Fatal(err)
			}
			fails := map[string]bool{}
			for _, file := range files {
				fails[file] = true
			}
			machine.Fail = func(_ int, op, path string) error {
				for file := range fails {
					if op == disktest.OpSync && strings.Contains(path, file) {
						delete(fails, file)
						return errFault
					}
				}
				return nil
			}
			if err := s.few(l); !errors.Is(err, audit.ErrFailed) {
				t.Fatalf("the sync %s failed: %v", name, err)
			}
			_ = l.Close()
			for l, err = s.open(machine); errors.Is(err, errFault); l, err = s.open(machine) {
			}
			if err == nil {
				err = s.retry(l)
			}
			machine.Crash()
			_ = l.Close()
			if err := errors.Join(err, s.end()); err != nil {
				t.Fatalf("seed %d: the sync %s failed: %v\n%s", seed, name, err, ending(machine))
			}
		}
	}
}

// TestWhatIsNotDurableYetIsNeitherReadNorPublishedNorProved holds up the sync of
// a record.
func TestWhatIsNotDurableYetIsNeitherReadNorPublishedNorProved(t *testing.T) {
	t.Parallel()
	s := newStory(t, newSite(t))
	slow := hooked{hasty{}, new(atomic.Pointer[func()]), new(atomic.Pointer[func()])}
	l := s.mustOpen(t, slow)
	if err := s.few(l); err != nil {
		t.Fatal(err)
	}
	size := l.Size()
	come, release := holdUp(slow.before)
	added := make(chan error)
	go func() { added <- s.add(l, "slow", plainRecord("slow", 0)) }()
	come()
	if err := l.Publish(t.Context()); err != nil {
		t.Error(err)
	}
	stored := 0
	for e, err := range l.Records(t.Context(), Query{}) {
		if err != nil || e.Index >= size {
			t.Errorf("entry %d, %v", e.Index, err)
		}
		stored++
	}
	if stored != int(size) || l.Size() != size {
		t.Errorf("%d records and %d entries instead of %d", stored, l.Size(), size)
	}
	if text, err := l.ProveInclusion(t.Context(), size); err == nil {
		t.Errorf("it is proved: %s", text)
	}
	if err := s.snapshot(l); err == nil {
		t.Error("a snapshot is saved while a record is on its way")
	}
	checkpoint, err := os.ReadFile(filepath.Join(s.dir(), checkpointFile))
	if err != nil || string(checkpoint) != string(l.Checkpoint()) || !strings.Contains(string(checkpoint), fmt.Sprintf("\n%d\n", size)) {
		t.Errorf("the log of %d entries has published %q, %v", size, checkpoint, err)
	}
	release()
	if err := errors.Join(<-added, s.check(s.site, l)); err != nil {
		t.Error(err)
	}
}

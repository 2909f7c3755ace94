package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// story is the life of a log, told until something fails.
type story struct {
	site
	*ledger
	chapter int // how often it was told
}

func newStory(t *testing.T, s site) *story {
	return &story{site: s, ledger: newLedger(t)}
}

// tell opens the log, does with it all that can be done, and closes it.
func (s *story) tell(files disk.FS) error {
	s.chapter++
	l, err := s.open(files)
	if err != nil {
		return err
	}
	return errors.Join(s.live(l), l.Close())
}

func (s *story) live(l *Log) error {
	for _, r := range s.doubtful() {
		if err := s.add(l, r.ID, r); err != nil {
			return err
		}
	}
	for _, act := range []func(*Log) error{s.few, s.crowd, s.publish, s.inParts, s.crowd, s.few, s.publish, s.turns, s.snapshot, s.few} {
		if err := act(l); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) id(name string, i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d-%s-%d-%d", s.chapter, name, i, len(s.tried))
}

// few appends records one after the other.
func (s *story) few(l *Log) error {
	for i := range 3 {
		if err := s.add(l, "single", plainRecord(s.id("single", i), 100*i)); err != nil {
			return err
		}
	}
	return nil
}

// crowd appends records all at once.
func (s *story) crowd(l *Log) error {
	errs := make([]error, 4)
	var group sync.WaitGroup
	for w := range errs {
		group.Go(func() {
			for range 3 {
				if errs[w] = s.add(l, fmt.Sprint(w), plainRecord(s.id("crowd", w), 10*w)); errs[w] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// inParts appends a record that is longer than an entry.
func (s *story) inParts(l *Log) error {
	return s.add(l, "single", plainRecord(s.id("long", 0), 66_000))
}

func (s *story) publish(l *Log) error { return l.Publish(context.Background()) }

// turns appends more than a write-ahead file takes.
func (s *story) turns(l *Log) error {
	for i := range 6 {
		if err := s.add(l, "single", plainRecord(s.id("turn", i), 64_000)); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) snapshot(l *Log) error {
	return l.SaveSnapshot(context.Background(), func(w io.Writer) error {
		_, err := io.WriteString(w, "state")
		return err
	})
}

// end opens the log on a disk without faults and holds it against what was
// acknowledged; twice, for opening changes it.
func (s *story) end() error {
	for range 2 {
		l, err := s.open(hasty{})
		if err != nil {
			return fmt.Errorf("opening: %w", err)
		}
		if err := s.check(s.site, l); err != nil {
			return errors.Join(err, l.Close())
		}
		if err := errors.Join(s.few(l), l.Close()); err != nil {
			return err
		}
	}
	return nil
}

// stop is a way for the machine to stop.
type stop struct {
	crash    error
	power    bool // what was not synced is lost
	survives func(rng *rand.Rand) func(string, int) bool
}

// disk returns one that stops at operation n.
func (s stop) disk(n int, rng *rand.Rand) *disktest.Faulty {
	d := &disktest.Faulty{FS: hasty{}, LoseUnsynced: s.power, Fail: disktest.FailAt(n, s.crash)}
	if s.survives != nil {
		d.Survives = s.survives(rng)
	}
	return d
}

// halfSurvives lets each change that was not synced reach the disk or not.
func halfSurvives(rng *rand.Rand) func(string, int) bool {
	return func(string, int) bool { return rng.IntN(2) == 0 }
}

var stops = map[string]stop{
	"the process is killed":               {disktest.ErrCrashed, false, nil},
	"the process is killed in a write":    {disktest.ErrTorn, false, nil},
	"the power fails":                     {disktest.ErrCrashed, true, nil},
	"the power fails in a write":          {disktest.ErrTorn, true, halfSurvives},
	"the power fails and something stays": {disktest.ErrCrashed, true, halfSurvives},
}

// TestNoAcknowledgedRecordIsLostWhereverTheMachineStops stops the story at its
// operations, one in each run, and the opening that follows at some of its own,
// and opens what a disk may then hold.
func TestNoAcknowledgedRecordIsLostWhereverTheMachineStops(t *testing.T) {
	t.Parallel()
	length := storyLength(t)
	for name, stop := range stops {
		for _, headless := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/headless=%v", name, headless), func(t *testing.T) {
				t.Parallel()
				seed := rand.Uint64()
				rng := rand.New(rand.NewPCG(seed, 1))
				for n := rng.IntN(stride); n < length; n += 1 + rng.IntN(2*stride) {
					stopAt(t, stop, headless, n, rng)
					if t.Failed() {
						t.Fatalf("with seed %d, stopped at operation %d of %d", seed, n, length)
					}
				}
			})
		}
	}
}

// stride is how many operations are passed over on average.
const stride = 20

// storyLength is how many operations the story has.
func storyLength(t *testing.T) int {
	s := newStory(t, newSite(t))
	d := &disktest.Faulty{FS: hasty{}}
	if err := s.tell(d); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	ops := d.Ops()
	for _, op := range []string{disktest.OpRename, disktest.OpRemove, disktest.OpSyncDir} {
		if !slices.Contains(ops, op) {
			t.Errorf("the story has no operation %s", op)
		}
	}
	return len(ops)
}

// stopAt tells the story up to an operation, and again up to some other.
func stopAt(t *testing.T, stop stop, headless bool, n int, rng *rand.Rand) {
	t.Helper()
	where := newSite(t)
	where.headless = headless
	s := newStory(t, where)
	first := stop.disk(n, rng)
	if err := s.tell(first); err != nil && !first.Crashed() {
		t.Errorf("without a crash: %v", err)
	}
	first.Crash()
	second := stop.disk(rng.IntN(120), rng)
	if err := s.tell(second); err != nil && !second.Crashed() {
		t.Errorf("after the first crash: %v\n%s", err, ending(first))
	}
	second.Crash()
	if err := s.end(); err != nil {
		t.Errorf("%v\nthe first crash came after\n%s\nthe second after\n%s", err, ending(first), ending(second))
	}
}

// ending is what a disk did last.
func ending(d *disktest.Faulty) string {
	log := d.Log()
	text := ""
	for _, line := range log[max(0, len(log)-12):] {
		op, path, _ := strings.Cut(line, " ")
		text += "\t" + op + " " + filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path)) + "\n"
	}
	return text
}

package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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
		if err := s.add(l, "single", plainRecord(s.id("turn", i), 61_000)); err != nil {
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

// disk returns one that stops at change n.
func (s stop) disk(n int, rng *rand.Rand) *disktest.Faulty {
	d := &disktest.Faulty{FS: hasty{}, LoseUnsynced: s.power, Fail: failAtChange(n, s.crash)}
	if s.survives != nil {
		d.Survives = s.survives(rng)
	}
	return d
}

// failAtChange returns a script that lets operation number n fail of those that
// change the disk: to stop at another one is to stop at the next of them.
func failAtChange(n int, err error) func(int, string, string) error {
	return func(_ int, op, _ string) error {
		if !changes(op) {
			return nil
		}
		if n--; n == -1 {
			return err
		}
		return nil
	}
}

func changes(op string) bool {
	switch op {
	case disktest.OpStat, disktest.OpFileStat, disktest.OpRead, disktest.OpReadDir, disktest.OpLock, disktest.OpUnlock, disktest.OpClose:
		return false
	}
	return true // opening too, which may make a file
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atSome(t, length, func(n int, rng *rand.Rand) {
				s := newStory(t, newSite(t))
				s.headless = rng.IntN(4) == 0
				first, second := stop.disk(n, rng), stop.disk(rng.IntN(80), rng)
				for _, d := range []*disktest.Faulty{first, second} {
					if err := s.tell(d); err != nil && !d.Crashed() {
						t.Errorf("without a crash: %v\n%s", err, ending(first))
					}
					d.Crash()
				}
				if err := s.end(); err != nil {
					t.Errorf("without a trusted head: %v; %v\nthe first crash came after\n%s\nthe second after\n%s", s.headless, err, ending(first), ending(second))
				}
			})
		})
	}
}

// TestALogThatWasStoppedWhileItWasMadeIsMade kills the process that makes a log
// at each change in turn, lets another one append to what it left, and lets the
// power fail at once.
func TestALogThatWasStoppedWhileItWasMadeIsMade(t *testing.T) {
	t.Parallel()
	for n, made := 0, false; !made; n++ {
		s := newStory(t, newSite(t))
		s.headless = rand.IntN(4) == 0
		s.room = MinRoom
		machine := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true}
		first := &disktest.Faulty{FS: machine, Fail: failAtChange(n, disktest.ErrTorn)}
		l, err := s.open(first)
		made = err == nil
		if made && n < 20 {
			t.Errorf("only %d changes made the log", n)
		}
		first.Crash()
		_ = l.Close()
		if l, err = s.open(machine); err == nil {
			err = s.few(l)
		}
		machine.Crash()
		_ = l.Close()
		if err := errors.Join(err, s.end()); err != nil {
			t.Fatalf("stopped at change %d, without a trusted head: %v; %v\n%s", n, s.headless, err, ending(first))
		}
	}
}

// TestNoAcknowledgedRecordIsLostWhenTheMachineStopsAtATurn stops, at each change
// to the write-ahead files and what goes with it, a log that was there before
// and goes from one of them to the other a few times.
func TestNoAcknowledgedRecordIsLostWhenTheMachineStopsAtATurn(t *testing.T) {
	t.Parallel()
	before := newStory(t, newSite(t))
	before.room = MinRoom
	l := before.mustOpen(t, hasty{})
	if err := errors.Join(before.few(l), l.Close()); err != nil {
		t.Fatal(err)
	}
	again := func() *story {
		s := newStory(t, newSite(t))
		s.room = MinRoom
		maps.Copy(s.tried, before.tried)
		maps.Copy(s.told, before.told)
		copyTo(t, before.base, s.base)
		return s
	}
	turn := func(s *story, d disk.FS) error {
		l, err := s.open(d)
		if err != nil {
			return err
		}
		return errors.Join(s.turns(l), s.turns(l), l.Close())
	}
	whole := &disktest.Faulty{FS: hasty{}}
	if err := turn(again(), whole); err != nil {
		t.Fatal(err)
	}
	length := len(slices.DeleteFunc(whole.Log(), func(line string) bool { return !ofTurn(line) }))
	for name, stop := range stops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(rand.Uint64(), 4))
			for n := rng.IntN(turnStride); n < length; n += turnStride {
				s := again()
				s.headless = n%2 == 0
				d := stop.disk(0, rng)
				left := n
				d.Fail = func(_ int, op, path string) error {
					if ofTurn(op + " " + path) {
						left--
					}
					if left < 0 {
						return stop.crash
					}
					return nil
				}
				if err := turn(s, d); err != nil && !d.Crashed() {
					t.Fatalf("without a crash: %v", err)
				}
				d.Crash()
				if err := s.end(); err != nil {
					t.Fatalf("stopped at change %d of %d, without a trusted head: %v; %v\n%s", n, length, s.headless, err, ending(d))
				}
			}
		})
	}
}

// turnStride is to this test what stride is to the others.
const turnStride = 12

// ofTurn reports whether an operation is a change to the write-ahead files, or
// one that ends a publication.
func ofTurn(line string) bool {
	op, path, _ := strings.Cut(line, " ")
	return changes(op) && (strings.Contains(path, "wal-") || op == disktest.OpRename || op == disktest.OpSyncDir)
}

// TestNoAcknowledgedRecordIsLostWhenThePowerFailsAfterTheProcessWasKilled kills
// a process whose writes the disk has not seen yet, and lets the power fail in
// the life of the next one: what that one found and told others must be durable.
func TestNoAcknowledgedRecordIsLostWhenThePowerFailsAfterTheProcessWasKilled(t *testing.T) {
	t.Parallel()
	atSome(t, storyLength(t), func(n int, rng *rand.Rand) {
		s := newStory(t, newSite(t))
		machine := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true}
		if rng.IntN(2) == 0 {
			machine.Survives = halfSurvives(rng)
		}
		first := &disktest.Faulty{FS: machine, Fail: failAtChange(n, disktest.ErrTorn)}
		if err := s.tell(first); err != nil && !first.Crashed() {
			t.Errorf("without a crash: %v", err)
		}
		first.Crash()
		machine.Fail = failAtChange(rng.IntN(160), disktest.ErrTorn)
		if err := s.tell(machine); err != nil && !machine.Crashed() {
			t.Errorf("after the process was killed: %v\n%s", err, ending(first))
		}
		machine.Crash()
		if err := s.end(); err != nil {
			t.Errorf("%v\nthe process was killed after\n%s\nthe power failed after\n%s", err, ending(first), ending(machine))
		}
	})
}

// stride is the distance, on average, between the changes at which one run of a
// test stops the story. They are others in each run: with 1 it tries all, which
// takes minutes.
const stride = 40

// atSome calls a function for some of so many changes, others each time.
func atSome(t *testing.T, length int, stopAt func(n int, rng *rand.Rand)) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := rng.IntN(stride); n < length; n += 1 + rng.IntN(2*stride-1) {
		stopAt(n, rng)
		if t.Failed() {
			t.Fatalf("with seed %d, stopped at change %d of %d", seed, n, length)
		}
	}
}

// storyLength is how many operations the story has that change the disk.
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
	return len(slices.DeleteFunc(ops, func(op string) bool { return !changes(op) }))
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

package trail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// headNote returns what a head is to remember, as long as a checkpoint can be.
func headNote(i int) string {
	return fmt.Sprintf("%d\n%s", i, strings.Repeat(fmt.Sprint(i%10), 700))
}

// headSaver is who keeps notes in a head file, with greater and greater numbers.
type headSaver struct {
	t     *testing.T
	path  string
	tried int
	least int // the number that the power can't take back
	saved int
}

// save saves five notes, or as many as the disk takes.
func (s *headSaver) save(d *disktest.Faulty) {
	err := s.try(&headFile{path: s.path, files: d})
	if err != nil && !d.Crashed() {
		s.t.Errorf("without a crash: %v", err)
	}
	if err == nil {
		s.least = s.saved
	}
	d.Crash()
}

func (s *headSaver) try(h *headFile) error {
	if _, err := h.Load(context.Background()); err != nil {
		return err
	}
	for i := range 5 {
		s.tried++
		if err := h.Save(context.Background(), []byte(headNote(s.tried))); err != nil {
			return errors.Join(err, h.sync()) // which waits for the one in the background
		}
		s.saved = s.tried
		if i == 0 {
			s.least = s.saved
		}
		h.mu.Lock()
		h.synced = time.Time{} // as if a second had gone by
		h.mu.Unlock()
	}
	return h.sync()
}

// TestAHeadIsRememberedWhereverTheMachineStops stops a few saves at each of
// their operations, and those that follow at any one, and so on: what was saved
// last is there, or the one that was being saved. Where the power fails it may
// be an earlier one, but never one from before the file was opened, and never
// none.
func TestAHeadIsRememberedWhereverTheMachineStops(t *testing.T) {
	t.Parallel()
	for name, stop := range stops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 2))
			for n := range headRuns {
				s := &headSaver{t: t, path: filepath.Join(t.TempDir(), "head")}
				story := ""
				for life := range 4 {
					d := stop.disk(rng.IntN(40), rng)
					if life == 0 {
						d = stop.disk(n/3, rng)
					}
					s.save(d)
					story += fmt.Sprintf("\nnumber %d was saved, %d for good, after\n%s", s.saved, s.least, ending(d))
					at, err := rememberedAt(s.path)
					least := s.saved
					if stop.power {
						least = s.least
					}
					if err != nil || at < least || at > s.tried {
						t.Fatalf("seed %d: the head has number %d, %v%s", seed, at, err, story)
					}
					s.saved = at
				}
			}
		})
	}
}

// headRuns is three times as many as the first saves have operations.
const headRuns = 3 * 40

// TestAHeadWhoseSyncFailedOnceIsRemembered lets a sync fail for good, opens the
// file again, and lets the power fail.
func TestAHeadWhoseSyncFailedOnceIsRemembered(t *testing.T) {
	t.Parallel()
	for n := range 60 {
		rng := rand.New(rand.NewPCG(uint64(n), 3))
		s := &headSaver{t: t, path: filepath.Join(t.TempDir(), "head")}
		syncs, ops, fails, stops := 0, 0, n%6, 30+rng.IntN(50)
		d := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true, Survives: halfSurvives(rng)}
		d.Fail = func(_ int, op, _ string) error {
			if ops++; ops > stops {
				return disktest.ErrTorn
			}
			if op != disktest.OpSync && op != disktest.OpSyncDir {
				return nil
			}
			if syncs++; syncs == fails+1 {
				return errFault
			}
			return nil
		}
		for !d.Crashed() {
			if err := s.try(&headFile{path: s.path, files: d}); err != nil && !errors.Is(err, errFault) && !d.Crashed() {
				t.Fatalf("sync %d failed: %v", fails, err)
			}
		}
		if at, err := rememberedAt(s.path); err != nil || at < s.least || at > s.tried {
			t.Fatalf("sync %d failed, operation %d did not come: the head has number %d of %d to %d, %v\n%s", fails, stops, at, s.least, s.tried, err, ending(d))
		}
	}
}

// hooked is a disk that calls a function before and after each sync of a file.
type hooked struct {
	disk.FS
	before, after *atomic.Pointer[func()]
}

type hookedFile struct {
	disk.File
	hooked
}

func (h hooked) OpenFile(path string, flag int, perm os.FileMode) (disk.File, error) {
	f, err := h.FS.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return hookedFile{f, h}, nil
}

func (f hookedFile) Sync() error {
	if call := f.before.Load(); call != nil {
		(*call)()
	}
	err := f.File.Sync()
	if call := f.after.Load(); call != nil {
		(*call)()
	}
	return err
}

// holdUp makes the next call of a hook wait. It returns what waits for it to
// come, and what lets it go on.
func holdUp(hook *atomic.Pointer[func()]) (come, release func()) {
	came, gate := make(chan struct{}), make(chan struct{})
	call := func() {
		hook.Store(nil)
		close(came)
		<-gate
	}
	hook.Store(&call)
	return func() { <-came }, func() { close(gate) }
}

// TestWhatASyncOfAHeadCoversIsLeftAloneMeanwhile saves while a sync in the
// background takes its time, and lets the power fail in the midst of all writes
// since.
func TestWhatASyncOfAHeadCoversIsLeftAloneMeanwhile(t *testing.T) {
	t.Parallel()
	d := &disktest.Faulty{FS: hasty{}, LoseUnsynced: true}
	d.Survives = func(_ string, change int) bool { return change%2 == 0 } // the first half of each slot
	slow := hooked{d, new(atomic.Pointer[func()]), new(atomic.Pointer[func()])}
	h := &headFile{path: filepath.Join(t.TempDir(), "head"), files: slow}
	number := 0
	save := func(times int) {
		t.Helper()
		for range times {
			number++
			if err := h.Save(t.Context(), []byte(headNote(number))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	save(1)

	come, release := holdUp(slow.after)
	h.synced = time.Time{}
	save(1)
	come()
	covered := number
	save(5)
	ended := h.syncing
	release()
	<-ended

	come, release = holdUp(slow.before)
	h.mu.Lock()
	h.synced = time.Time{}
	h.mu.Unlock()
	save(1)
	come()
	save(5)
	d.Crash()
	release()
	_ = h.sync()
	if at, err := rememberedAt(h.path); err != nil || at < covered || at > number {
		t.Errorf("the head has number %d, %v; number %d was durable", at, err, covered)
	}
}

// TestAHeadWhoseSyncFailedIsSavedAgainOnceItIsLoaded: a log that has failed is
// closed and opened again with the same TrustedHead.
func TestAHeadWhoseSyncFailedIsSavedAgainOnceItIsLoaded(t *testing.T) {
	t.Parallel()
	failing := false
	d := &disktest.Faulty{FS: hasty{}, Fail: func(_ int, op, _ string) error {
		if failing && op == disktest.OpSync {
			return errFault
		}
		return nil
	}}
	h := &headFile{path: filepath.Join(t.TempDir(), "head"), files: d}
	s := &headSaver{t: t, path: h.path}
	if err := s.try(h); err != nil {
		t.Fatal(err)
	}
	failing = true
	if err := h.sync(); !errors.Is(err, errFault) {
		t.Errorf("a sync that failed: %v", err)
	}
	h.synced = time.Time{}
	_ = h.Save(t.Context(), []byte(headNote(6)))
	_ = h.sync() // waits for the one in the background
	failing = false
	if err := h.Save(t.Context(), []byte(headNote(7))); !errors.Is(err, errFault) {
		t.Errorf("a save after a sync in the background that failed: %v", err)
	}
	if err := s.try(h); err != nil {
		t.Errorf("loaded again: %v", err)
	}
}

// rememberedAt returns the number of the note that a head file has, 0 if there
// is no file.
func rememberedAt(path string) (at int, err error) {
	h := &headFile{path: path, files: hasty{}}
	got, err := h.Load(context.Background())
	if err != nil || got == nil {
		return 0, err
	}
	if _, err := fmt.Sscan(string(got), &at); err != nil {
		return 0, err
	}
	if string(got) != headNote(at) {
		return at, fmt.Errorf("it is %q", got)
	}
	return at, nil
}

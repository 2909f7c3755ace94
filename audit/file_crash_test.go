package audit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// TestNoAcknowledgedRecordIsLostWhereverTheMachineStops crashes one and the
// same story at each of its operations in turn, and opens what a disk may then
// hold.
func TestNoAcknowledgedRecordIsLostWhereverTheMachineStops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		crash    error
		lose     bool
		survives func(rng *rand.Rand) func(string, int) bool
	}{
		"the process is killed":         {disktest.ErrCrashed, false, nil},
		"the process is killed writing": {disktest.ErrTorn, false, nil},
		"nothing unsynced survives":     {disktest.ErrCrashed, true, nil},
		"some of the last write survives": {disktest.ErrTorn, true, func(rng *rand.Rand) func(string, int) bool {
			kept := rng.IntN(4)
			return func(_ string, change int) bool { return change < kept }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				faulty := &disktest.Faulty{LoseUnsynced: test.lose, Fail: disktest.FailAt(n, test.crash)}
				if test.survives != nil {
					faulty.Survives = test.survives(rand.New(rand.NewPCG(uint64(n), 1)))
				}
				if !crash(t, faulty, n) {
					if n < 25 {
						t.Errorf("the story had %d operations", n)
					}
					return
				}
			}
		})
	}
}

// crash tells the story on a disk and reports whether that has crashed.
func crash(t *testing.T, faulty *disktest.Faulty, n int) bool {
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	old, err := testRecord("old").AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	const torn = `{"id":"torn`
	if err := os.WriteFile(path, []byte(string(old)+"\n"+torn), 0o600); err != nil {
		t.Fatal(err)
	}
	want, doubt := []string{"old"}, []string(nil)
	if f, err := openFile(faulty, path); err == nil {
		want, doubt = appendThree(t, f, want)
		if err := f.Close(); err != nil && !errors.Is(err, disktest.ErrCrashed) {
			t.Errorf("crash at operation %d: Close: %v", n, err)
		}
	} else if !errors.Is(err, disktest.ErrCrashed) {
		t.Fatal(err)
	}
	got := storedIDs(t, path)
	if len(got) < len(want) || !cmp.Equal(want, got[:len(want)]) || len(got) > len(want)+len(doubt) {
		t.Errorf("crash at operation %d: stored %v; acknowledged %v, in doubt %v", n, got, want, doubt)
	}
	aside, _ := filepath.Glob(path + ".torn-*")
	if !slices.ContainsFunc(aside, func(path string) bool { return strings.HasPrefix(read(t, path), torn) }) {
		t.Errorf("crash at operation %d: the torn line is gone: %v", n, aside)
	}
	return faulty.Crashed()
}

// TestWhatAPowerFailureLeavesIsReadOrRefused lets any sectors of a group that
// was not synced survive: acknowledged records are there, or the file is said
// to be damaged.
func TestWhatAPowerFailureLeavesIsReadOrRefused(t *testing.T) {
	t.Parallel()
	refused := 0
	const tries = 40
	for seed := range uint64(tries) {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		synctest.Test(t, func(t *testing.T) { failPower(t, path, rand.New(rand.NewPCG(seed, 2))) })
		f, err := OpenFile(path)
		if errors.Is(err, ErrCorrupt) {
			refused++ // lines were lost before others that were not
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got := storedIDs(t, path); len(got) == 0 || got[0] != "first" {
			t.Errorf("seed %d: stored %v", seed, got)
		}
	}
	if refused == 0 || refused == tries {
		t.Errorf("%d of %d files were refused: both cases are of interest", refused, tries)
	}
}

// failPower stores a record, and lets the power fail while others are synced.
func failPower(t *testing.T, path string, rng *rand.Rand) {
	faulty, release := slowDisk()
	faulty.LoseUnsynced = true
	faulty.Survives = func(string, int) bool { return rng.IntN(2) == 0 }
	f, err := openFile(faulty, path)
	if err != nil {
		t.Fatal(err)
	}
	syncs := 1 // of the first record
	faulty.Fail = func(_ int, op, _ string) error {
		if op != disktest.OpSync {
			return nil
		}
		if syncs--; syncs < 0 {
			return disktest.ErrCrashed
		}
		return nil
	}
	var group sync.WaitGroup
	group.Go(func() {
		if err := f.Append(t.Context(), testRecord("first")); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait() // its write waits for the disk, and all others for theirs
	for i := range 3 {
		group.Go(func() {
			r := testRecord(fmt.Sprint("doubt", i))
			r.Reason = strings.Repeat("x", 300)
			if err := f.Append(t.Context(), r); !errors.Is(err, disktest.ErrCrashed) {
				t.Errorf("a record whose sync failed: %v", err)
			}
		})
	}
	synctest.Wait()
	close(release)
	group.Wait()
	_ = f.Close()
}

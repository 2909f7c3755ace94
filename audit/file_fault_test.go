package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

func testRecord(id string) Record {
	return Record{ID: id, Event: EventIntent, Time: time.Unix(1509663421, 0).UTC()}
}

func storedIDs(t *testing.T, path string) []string {
	t.Helper()
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ids []string
	for r, err := range f.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// TestNoAcknowledgedRecordIsLostWhicheverOperationFails lets each operation of
// one and the same story fail in turn.
func TestNoAcknowledgedRecordIsLostWhicheverOperationFails(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"with an error": syscall.EIO, "for want of space": errors.New("no space left"), "half way in silence": disktest.Short} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				if op := failOnce(t, n, failure); op == "" {
					if n < 25 {
						t.Errorf("the story had %d operations", n)
					}
					return
				}
			}
		})
	}
}

// failOnce lets the n-th operation fail and returns it, or "" if there is none.
func failOnce(t *testing.T, n int, failure error) (failed string) {
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	old, err := testRecord("old").AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(string(old)+"\n"+`{"id":"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	faulty := &disktest.Faulty{Fail: func(i int, op, _ string) error {
		if i != n {
			return nil
		}
		failed = op
		return failure
	}}
	want := []string{"old"}
	var doubt []string
	f, err := openFile(faulty, path)
	if err == nil {
		want, doubt = appendThree(t, f, want)
		if err := f.Close(); (err != nil) != (failed == disktest.OpUnlock || failed == disktest.OpClose) {
			t.Errorf("operation %d (%s): Close: %v", n, failed, err)
		}
	} else if failed == "" {
		t.Fatal(err)
	}
	got := storedIDs(t, path)
	if len(got) < len(want) || !cmp.Equal(want, got[:len(want)]) || len(got) > len(want)+len(doubt) {
		t.Errorf("operation %d (%s): stored %v; acknowledged %v, in doubt %v", n, failed, got, want, doubt)
	}
	if torn, _ := filepath.Glob(path + ".torn-*"); len(torn) == 0 || !strings.HasPrefix(read(t, torn[len(torn)-1]), `{"id":"torn`) {
		t.Errorf("operation %d (%s): the torn line is gone: %v", n, failed, torn)
	}
	return failed
}

// appendThree returns which records were acknowledged and which are in doubt.
func appendThree(t *testing.T, f *File, want []string) (acknowledged, doubt []string) {
	for _, id := range []string{"a", "b", "c"} {
		err := f.Append(t.Context(), testRecord(id))
		switch {
		case err == nil && len(doubt) > 0:
			t.Errorf("record %s was acknowledged after a failure", id)
		case err == nil:
			want = append(want, id)
		case !errors.Is(err, ErrFailed) || errors.Is(err, ErrNotWritten):
			t.Errorf("record %s: %v", id, err)
		default:
			doubt = append(doubt, id)
		}
	}
	return want, doubt
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpeningMakesDurableWhatItFindsAndSetsAside(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, want string }{
		"new":  {"", "open lock fstat stat sync syncdir"},
		"torn": {`{"id":"torn`, "open lock fstat stat create write sync close syncdir truncate sync syncdir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			faulty := &disktest.Faulty{}
			f, err := openFile(faulty, path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			steps := slices.DeleteFunc(faulty.Ops(), func(op string) bool { return op == disktest.OpRead })
			if diff := cmp.Diff(test.want, strings.Join(steps, " ")); diff != "" {
				t.Errorf("steps of opening (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileMovedAwayWhileItIsBeingOpenedIsNoticed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	faulty := &disktest.Faulty{During: func(op, _ string) {
		if op == disktest.OpLock {
			_ = os.Rename(path, path+".old")
			_ = os.WriteFile(path, nil, 0o600)
		}
	}}
	if f, err := openFile(faulty, path); f != nil || !errors.Is(err, ErrReplaced) {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestAnswerThatComesJustInTimeCounts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []error{nil, ErrFailed} {
		g := newGroup(nil)
		g.err = want
		close(g.done)
		if err := g.abandon(ctx, "trail"); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestFailedSyncIsNeverFollowedByAYes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	once := false
	faulty := &disktest.Faulty{}
	f, err := openFile(faulty, path)
	if err != nil {
		t.Fatal(err)
	}
	faulty.Fail = func(_ int, op, _ string) error {
		if op != disktest.OpSync || once {
			return nil
		}
		once = true
		return syscall.EIO
	}
	for range 3 {
		err := f.Append(t.Context(), testRecord("a"))
		if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("got %v", err)
		}
	}
	for _, err := range f.Replay(t.Context()) {
		if !errors.Is(err, ErrFailed) {
			t.Errorf("Replay: %v", err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := storedIDs(t, path); len(got) != 0 {
		t.Errorf("what was not synced is read as if it were: %v", got)
	}
}

func TestReplacementDuringTheWriteIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	faulty := &disktest.Faulty{}
	f, err := openFile(faulty, path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	faulty.During = func(op, _ string) {
		if op == disktest.OpWrite {
			_ = os.Remove(path)
		}
	}
	if err := f.Append(t.Context(), testRecord("a")); !errors.Is(err, ErrReplaced) {
		t.Errorf("got %v", err)
	}
}

func TestReadErrorEndsAReplay(t *testing.T) {
	t.Parallel()
	faulty := &disktest.Faulty{}
	f, err := openFile(faulty, filepath.Join(t.TempDir(), "trail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Append(t.Context(), testRecord("a")); err != nil {
		t.Fatal(err)
	}
	faulty.Fail = func(_ int, op, _ string) error {
		if op == disktest.OpRead {
			return syscall.EIO
		}
		return nil
	}
	for r, err := range f.Replay(t.Context()) {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("replayed %v, %v", r, err)
		}
	}
}

func TestTooManyTornLinesRefuse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	if err := os.WriteFile(path, []byte(`{"id":"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	faulty := &disktest.Faulty{Fail: func(_ int, op, _ string) error {
		if op == disktest.OpCreate {
			return os.ErrExist
		}
		return nil
	}}
	if f, err := openFile(faulty, path); f != nil || err == nil || !strings.Contains(err.Error(), "too many exist") {
		t.Errorf("got %v, %v", f, err)
	}
	if got := read(t, path); got != `{"id":"torn` {
		t.Errorf("the torn line is gone: %q", got)
	}
}

// slowDisk is a disk whose writes wait until they are let go.
func slowDisk() (faulty *disktest.Faulty, release chan struct{}) {
	release = make(chan struct{})
	faulty = &disktest.Faulty{}
	faulty.During = func(op, _ string) {
		if op == disktest.OpWrite {
			<-release
		}
	}
	return faulty, release
}

func TestConcurrentAppendsShareOneSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		faulty, release := slowDisk()
		f, err := openFile(faulty, filepath.Join(dir, "trail.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		syncs := faulty.Count(disktest.OpSync)
		var group sync.WaitGroup
		appendOne := func(id string) {
			group.Go(func() {
				if err := f.Append(t.Context(), testRecord(id)); err != nil {
					t.Error(err)
				}
			})
		}
		appendOne("first")
		synctest.Wait() // its write waits for the disk
		for i := range 100 {
			appendOne(fmt.Sprint(i))
		}
		synctest.Wait() // all others wait for the next group
		close(release)
		group.Wait()
		if got := faulty.Count(disktest.OpSync) - syncs; got != 2 {
			t.Errorf("%d syncs for one record and then a hundred", got)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAppendReturnsWhenItsContextIsDoneThoughTheDiskHangs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	synctest.Test(t, func(t *testing.T) {
		faulty, release := slowDisk()
		f, err := openFile(faulty, path)
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.Join(context.DeadlineExceeded, ErrNotWritten) // of another append
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		err = f.Append(ctx, testRecord("late"))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotWritten) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if diff := cmp.Diff([]string{"late"}, storedIDs(t, path)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestWhatWaitsForAHungDiskIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	const most = 1000
	big := testRecord("big")
	big.Reason = strings.Repeat("a", most/4)
	synctest.Test(t, func(t *testing.T) {
		faulty, release := slowDisk()
		f, err := openFile(faulty, path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		f.most = most
		for i := range 20 {
			group.Go(func() {
				if err := f.Append(ctx, big); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
			if i == 0 {
				synctest.Wait() // it is being written
			}
		}
		patient := make(chan error, 1)
		synctest.Wait()
		go func() { patient <- f.Append(t.Context(), testRecord("patient")) }()
		group.Wait()
		f.mu.Lock()
		size := len(f.pending.lines)
		f.mu.Unlock()
		if size < most || size > 2*most {
			t.Errorf("%d bytes wait for the disk", size)
		}
		close(release)
		if err := <-patient; err != nil {
			t.Errorf("who waited for room: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	got := storedIDs(t, path)
	if len(got) > 8 || got[len(got)-1] != "patient" {
		t.Errorf("stored %v", got)
	}
}

func TestAppendsUnderWayAreDoneWhenCloseReturns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	synctest.Test(t, func(t *testing.T) {
		faulty, release := slowDisk()
		f, err := openFile(faulty, path)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for _, id := range []string{"a", "b", "c"} {
			group.Go(func() {
				if err := f.Append(t.Context(), testRecord(id)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		group.Go(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if err := f.Append(t.Context(), testRecord("d")); !errors.Is(err, ErrClosed) {
			t.Errorf("Append while Close waits: %v", err)
		}
		close(release)
		group.Wait()
	})
	if diff := cmp.Diff([]string{"a", "b", "c"}, storedIDs(t, path)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestLineReaderNamesWhatEndsTooEarly(t *testing.T) {
	t.Parallel()
	lines := newLineReader("trail", strings.NewReader("abc"), 5)
	if _, err := lines.next(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "2 bytes too early") {
		t.Errorf("got %v", err)
	}
	lines = newLineReader("trail", strings.NewReader(""), 0)
	if _, err := lines.next(); err != io.EOF {
		t.Errorf("an empty one: %v", err)
	}
}

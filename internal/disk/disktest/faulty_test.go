package disktest_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

var errFault = errors.New("fault")

// operations returns each operation on a directory that holds a file, ready to
// be done once, by its name in the log.
func operations(t *testing.T, d disk.FS, dir string) map[string]func() error {
	path := func(name string) string { return filepath.Join(dir, name) }
	put(t, path("old"), "content")
	put(t, path("doomed"), "")
	f := open(t, d, path("old"), os.O_RDWR)
	t.Cleanup(func() { f.Close() })
	closed := open(t, d, path("old"), os.O_RDWR)
	return map[string]func() error{
		disktest.OpOpen:     func() error { return closeAll(d.OpenFile(path("old"), os.O_RDWR|os.O_CREATE, 0o600)) },
		disktest.OpCreate:   func() error { return closeAll(d.OpenFile(path("new"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)) },
		disktest.OpStat:     func() error { _, err := d.Stat(path("old")); return err },
		disktest.OpRename:   func() error { return d.Rename(path("old"), path("renamed")) },
		disktest.OpRemove:   func() error { return d.Remove(path("doomed")) },
		disktest.OpMkdir:    func() error { return d.MkdirAll(path("a/b"), 0o700) },
		disktest.OpReadDir:  func() error { _, err := d.ReadDir(dir); return err },
		disktest.OpSyncDir:  func() error { return d.SyncDir(dir) },
		disktest.OpRead:     func() error { _, err := f.ReadAt(make([]byte, 3), 0); return err },
		disktest.OpWrite:    func() error { _, err := f.WriteAt([]byte("abcd"), 7); return err },
		disktest.OpFileStat: func() error { _, err := f.Stat(); return err },
		disktest.OpTruncate: func() error { return f.Truncate(2) },
		disktest.OpSync:     f.Sync,
		disktest.OpLock:     f.Lock,
		disktest.OpUnlock:   f.Unlock,
		disktest.OpClose:    closed.Close,
	}
}

func closeAll(f disk.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

func open(t *testing.T, d disk.FS, path string, flag int) disk.File {
	t.Helper()
	f, err := d.OpenFile(path, flag, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// list returns what is in a directory: each file's content by its path, and
// each directory with a slash.
func list(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		name = filepath.ToSlash(name)
		if e.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(path)
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWithoutAScriptEveryOperationIsDone(t *testing.T) {
	t.Parallel()
	for _, lose := range []bool{false, true} {
		d, dir := &disktest.Faulty{LoseUnsynced: lose}, t.TempDir()
		ops := operations(t, d, dir)
		for _, op := range []string{
			disktest.OpOpen, disktest.OpCreate, disktest.OpStat, disktest.OpRemove, disktest.OpMkdir, disktest.OpReadDir,
			disktest.OpSyncDir, disktest.OpRead, disktest.OpWrite, disktest.OpFileStat, disktest.OpSync, disktest.OpLock,
			disktest.OpUnlock, disktest.OpClose, disktest.OpRename,
		} {
			before := d.Count(op)
			if err := ops[op](); err != nil {
				t.Errorf("%s: %v", op, err)
			}
			if got := d.Count(op) - before; got != 1 {
				t.Errorf("%s was counted %d times", op, got)
			}
		}
		want := map[string]string{"renamed": "contentabcd", "new": "", "a/": "", "a/b/": ""}
		if diff := cmp.Diff(want, list(t, dir)); diff != "" {
			t.Errorf("directory (-want +got):\n%s", diff)
		}
		if err := ops[disktest.OpTruncate](); err != nil || list(t, dir)["renamed"] != "co" {
			t.Errorf("truncate: %v, %v", err, list(t, dir))
		}
	}
}

func TestAnyOperationCanFail(t *testing.T) {
	t.Parallel()
	done := map[string]map[string]string{ // apart from these, nothing is done
		disktest.OpWrite: {"old": "contentab", "doomed": ""},
	}
	for op := range operations(t, disk.OS{}, t.TempDir()) {
		for _, lose := range []bool{false, true} {
			dir, armed := t.TempDir(), false
			d := &disktest.Faulty{LoseUnsynced: lose, Fail: func(_ int, got, path string) error {
				if armed && got == op && strings.HasPrefix(path, dir) {
					return errFault
				}
				return nil
			}}
			ops := operations(t, d, dir)
			armed = true
			if err := ops[op](); !errors.Is(err, errFault) {
				t.Errorf("%s: got %v", op, err)
			}
			armed = false
			want := done[op]
			if want == nil {
				want = map[string]string{"old": "content", "doomed": ""}
			}
			if diff := cmp.Diff(want, list(t, dir)); diff != "" {
				t.Errorf("%s that failed (-want +got):\n%s", op, diff)
			}
		}
	}
}

func TestLogNamesEachOperationAndItsPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	d := &disktest.Faulty{Fail: disktest.FailAt(3, errFault)}
	f := open(t, d, a, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	_, _ = f.Write([]byte("x"))
	_ = f.Sync()
	if err := d.Rename(a, b); err != errFault {
		t.Errorf("operation 3: %v", err)
	}
	if err := d.Rename(a, b); err != nil {
		t.Errorf("operation 4: %v", err)
	}
	_ = f.Close()
	if f.Name() != a {
		t.Errorf("the file's name is %q", f.Name())
	}
	want := []string{"create " + a, "write " + a, "sync " + a, "rename " + b, "rename " + b, "close " + a}
	if diff := cmp.Diff(want, d.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"create", "write", "sync", "rename", "rename", "close"}, d.Ops()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestWriteThatFailsHasDoneHalf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault, want error
		stored      string
	}{
		"with an error":    {errFault, errFault, "oldab"},
		"in silence":       {disktest.Short, nil, "oldab"},
		"before a crash":   {disktest.ErrCrashed, disktest.ErrCrashed, "old"},
		"torn by a crash":  {disktest.ErrTorn, disktest.ErrCrashed, "oldab"},
		"without a fault ": {nil, nil, "oldabcd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, at := range []bool{false, true} {
				path := filepath.Join(t.TempDir(), "file")
				put(t, path, "old")
				flag, n := os.O_WRONLY|os.O_APPEND, 0
				if at {
					flag = os.O_WRONLY
				}
				d := &disktest.Faulty{Fail: disktest.FailAt(1, test.fault)}
				f := open(t, d, path, flag)
				var err error
				if at {
					n, err = f.WriteAt([]byte("abcd"), 3)
				} else {
					n, err = f.Write([]byte("abcd"))
				}
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("got %v", err)
				}
				if got := list(t, filepath.Dir(path))["file"]; got != test.stored {
					t.Errorf("stored %q, want %q", got, test.stored)
				}
				if want := len(test.stored) - len("old"); err == nil && n != want {
					t.Errorf("%d bytes were reported, want %d", n, want)
				}
			}
		})
	}
}

func TestUnlockAndCloseAreDoneThoughTheyFail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	d := &disktest.Faulty{Fail: func(_ int, op, _ string) error {
		if op == disktest.OpUnlock || op == disktest.OpClose {
			return errFault
		}
		return nil
	}}
	first := open(t, d, path, os.O_RDWR|os.O_CREATE)
	lock(t, first)
	second := open(t, d, path, os.O_RDWR)
	if err := second.Lock(); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := first.Unlock(); err != errFault {
		t.Errorf("unlock: %v", err)
	}
	lock(t, second)
	if err := second.Close(); err != errFault {
		t.Errorf("close: %v", err)
	}
	if _, err := second.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func lock(t *testing.T, f disk.File) {
	t.Helper()
	if err := f.Lock(); err != nil {
		t.Fatal(err)
	}
}

func TestHookRunsBeforeEachOperationAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	hanging, release := make(chan struct{}), make(chan struct{})
	d := &disktest.Faulty{During: func(op, got string) {
		if op == disktest.OpStat && got == path {
			put(t, path, "by the hook")
			close(hanging)
			<-release
		}
	}}
	stat := make(chan error)
	go func() {
		_, err := d.Stat(path)
		stat <- err
	}()
	<-hanging
	if _, err := d.ReadDir(dir); err != nil || d.Count(disktest.OpStat) != 0 {
		t.Errorf("while another operation hangs: %v, %v", err, d.Log())
	}
	close(release)
	if err := <-stat; err != nil {
		t.Errorf("the file that the hook has made is not seen: %v", err)
	}
}

func TestNothingReachesTheDiskAfterACrash(t *testing.T) {
	t.Parallel()
	for _, lose := range []bool{false, true} {
		dir := t.TempDir()
		d := &disktest.Faulty{LoseUnsynced: lose}
		ops := operations(t, d, dir)
		held := open(t, d, filepath.Join(dir, "old"), os.O_RDWR)
		lock(t, held)
		before, counted := list(t, dir), len(d.Log())
		d.Crash()
		d.Crash()
		for op, do := range ops {
			if err := do(); err != disktest.ErrCrashed {
				t.Errorf("%s after a crash: %v", op, err)
			}
		}
		if diff := cmp.Diff(before, list(t, dir)); diff != "" {
			t.Errorf("directory (-before +after):\n%s", diff)
		}
		if !d.Crashed() || len(d.Log()) != counted {
			t.Errorf("crashed: %v; %v", d.Crashed(), d.Log()[counted:])
		}
		again := open(t, disk.OS{}, filepath.Join(dir, "old"), os.O_RDWR)
		lock(t, again) // the dead program holds no lock
		again.Close()
	}
}

func TestScriptCanCrashAtAnyOperation(t *testing.T) {
	t.Parallel()
	n := 0
	for ; ; n++ {
		dir := t.TempDir()
		d := &disktest.Faulty{Fail: disktest.FailAt(n, disktest.ErrCrashed)}
		err := story(d, filepath.Join(dir, "file"))
		if !d.Crashed() {
			if err != nil {
				t.Errorf("without a crash: %v", err)
			}
			break
		}
		if !errors.Is(err, disktest.ErrCrashed) || len(d.Log()) != n+1 {
			t.Errorf("crash at operation %d: %v, %v", n, err, d.Log())
		}
	}
	if n != 4 {
		t.Errorf("the story had %d operations", n)
	}
}

// story stores a line durably.
func story(d disk.FS, path string) error {
	f, err := d.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("line\n"))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func TestFaultyIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &disktest.Faulty{LoseUnsynced: true}
	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			for range 20 {
				err := story(d, filepath.Join(dir, name))
				if err != nil && !errors.Is(err, disktest.ErrCrashed) {
					t.Error(err)
				}
			}
			if name == "d" {
				d.Crash()
			}
		})
	}
	group.Wait()
	if got := d.Count(disktest.OpOpen); got < 20 || got > 80 {
		t.Errorf("%d files were opened", got)
	}
}

func TestFaultyIsAroundAnyFileSystem(t *testing.T) {
	t.Parallel()
	inner := &disktest.Faulty{Fail: disktest.FailAt(1, errFault)}
	d := &disktest.Faulty{FS: inner}
	f := open(t, d, filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE)
	if _, err := f.ReadAt(make([]byte, 1), 0); err != errFault {
		t.Errorf("got %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); err != io.EOF {
		t.Errorf("got %v", err)
	}
}

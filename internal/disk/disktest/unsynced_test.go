package disktest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// machine is a program's disk whose operations must succeed.
type machine struct {
	*disktest.Faulty
	t   *testing.T
	dir string
}

func (m machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) path(name string) string { return filepath.Join(m.dir, name) }

// write writes at an offset; -1 cuts the file to the length of content and
// writes at 0.
func (m machine) write(name, content string, off int64) {
	m.t.Helper()
	flag := os.O_WRONLY | os.O_CREATE
	if off < 0 {
		flag, off = flag|os.O_TRUNC, 0
	}
	f := open(m.t, m, m.path(name), flag)
	_, err := f.WriteAt([]byte(content), off)
	m.must(errors.Join(err, f.Close()))
}

func (m machine) add(name, content string) {
	m.t.Helper()
	f := open(m.t, m, m.path(name), os.O_WRONLY|os.O_APPEND)
	_, err := f.Write([]byte(content))
	m.must(errors.Join(err, f.Close()))
}

func (m machine) truncate(name string, size int64) {
	m.t.Helper()
	f := open(m.t, m, m.path(name), os.O_WRONLY)
	m.must(errors.Join(f.Truncate(size), f.Close()))
}

func (m machine) sync(name string) {
	m.t.Helper()
	f := open(m.t, m, m.path(name), os.O_RDONLY)
	m.must(errors.Join(f.Sync(), f.Close()))
}

func (m machine) rename(from, to string) { m.t.Helper(); m.must(m.Rename(m.path(from), m.path(to))) }
func (m machine) remove(name string)     { m.t.Helper(); m.must(m.Remove(m.path(name))) }
func (m machine) mkdir(name string)      { m.t.Helper(); m.must(m.MkdirAll(m.path(name), 0o700)) }
func (m machine) syncDir(name string)    { m.t.Helper(); m.must(m.SyncDir(m.path(name))) }

// everything survives a crash.
func everything(string, int) bool { return true }

func TestCrashTakesBackWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 1000)
	at := func(off int, s string) string { return long[:off] + s + long[off+len(s):] }
	type files = map[string]string
	with := func(old string, more files) files {
		all := files{"old": old, "long": long}
		for name, content := range more {
			all[name] = content
		}
		return all
	}
	for name, test := range map[string]struct {
		do        func(m machine)
		lost, all files // what is there if nothing survives, and if everything does
	}{
		"nothing done":         {func(machine) {}, with("old", nil), with("old", nil)},
		"a write":              {func(m machine) { m.write("old", "new!", 0) }, with("old", nil), with("new!", nil)},
		"an append":            {func(m machine) { m.add("old", "er") }, with("old", nil), with("older", nil)},
		"a synced write":       {func(m machine) { m.write("old", "new!", 0); m.sync("old") }, with("new!", nil), with("new!", nil)},
		"a write after a sync": {func(m machine) { m.add("old", "er"); m.sync("old"); m.add("old", "!") }, with("older", nil), with("older!", nil)},
		"writes over another":  {func(m machine) { m.write("old", "one", 0); m.write("old", "two", 0) }, with("old", nil), with("two", nil)},
		"a write in the midst": {func(m machine) { m.write("long", "HERE", 8190) }, with("old", nil), with("old", files{"long": at(8190, "HERE")})},
		"a write past the end": {func(m machine) { m.write("old", "x", 5000) }, with("old", nil), with("old"+strings.Repeat("\x00", 4997)+"x", nil)},
		"a cut":                {func(m machine) { m.truncate("long", 5) }, with("old", nil), with("old", files{"long": long[:5]})},
		"a cut and growth":     {func(m machine) { m.truncate("long", 5); m.truncate("long", 9) }, with("old", nil), with("old", files{"long": long[:5] + "\x00\x00\x00\x00"})},
		"a cut, synced, and a write": {func(m machine) { m.truncate("long", 5); m.sync("long"); m.write("long", "x", 7) },
			with("old", files{"long": long[:5]}), with("old", files{"long": long[:5] + "\x00\x00x"})},
		"growth":            {func(m machine) { m.truncate("old", 6) }, with("old", nil), with("old\x00\x00\x00", nil)},
		"opening cuts":      {func(m machine) { m.write("old", "a", -1) }, with("old", nil), with("a", nil)},
		"a file":            {func(m machine) { m.write("new", "new", 0) }, with("old", nil), with("old", files{"new": "new"})},
		"a synced file":     {func(m machine) { m.write("new", "new", 0); m.sync("new") }, with("old", nil), with("old", files{"new": "new"})},
		"a name":            {func(m machine) { m.write("new", "new", 0); m.syncDir("") }, with("old", files{"new": ""}), with("old", files{"new": "new"})},
		"a file and a name": {func(m machine) { m.write("new", "new", 0); m.sync("new"); m.syncDir("") }, with("old", files{"new": "new"}), with("old", files{"new": "new"})},
		"a removal":         {func(m machine) { m.remove("old") }, with("old", nil), files{"long": long}},
		"a synced removal":  {func(m machine) { m.remove("old"); m.syncDir("") }, files{"long": long}, files{"long": long}},
		"a write, then a removal": {func(m machine) { m.write("old", "new!", 0); m.remove("old") },
			with("old", nil), files{"long": long}},
		"a synced write, then a removal": {func(m machine) { m.write("old", "new!", 0); m.sync("old"); m.remove("old") },
			with("new!", nil), files{"long": long}},
		"a new file that is removed": {func(m machine) { m.write("new", "new", 0); m.remove("new") }, with("old", nil), with("old", nil)},
		"a name used again":          {func(m machine) { m.remove("old"); m.write("old", "again", 0) }, with("old", nil), with("again", nil)},
		"a rename":                   {func(m machine) { m.rename("old", "new") }, with("old", nil), files{"new": "old", "long": long}},
		"a synced rename":            {func(m machine) { m.rename("old", "new"); m.syncDir("") }, files{"new": "old", "long": long}, files{"new": "old", "long": long}},
		"a rename and a write":       {func(m machine) { m.rename("old", "new"); m.add("new", "er") }, with("old", nil), files{"new": "older", "long": long}},
		"replacement": {func(m machine) { m.write("tmp", "new!", 0); m.sync("tmp"); m.rename("tmp", "old") },
			with("old", nil), with("new!", nil)},
		"synced replacement": {func(m machine) { m.write("tmp", "new!", 0); m.sync("tmp"); m.rename("tmp", "old"); m.syncDir("") },
			with("new!", nil), with("new!", nil)},
		"replacement by what was not synced": {func(m machine) { m.write("tmp", "new!", 0); m.rename("tmp", "old"); m.syncDir("") },
			with("", nil), with("new!", nil)},
		"replacement twice": {func(m machine) {
			for _, content := range []string{"one", "two"} {
				m.write("tmp", content, 0)
				m.sync("tmp")
				m.rename("tmp", "old")
			}
		}, with("old", nil), with("two", nil)},
		"two names exchanged": {func(m machine) { m.rename("old", "tmp"); m.rename("long", "old"); m.rename("tmp", "long") },
			with("old", nil), files{"old": long, "long": "old"}},
		"a directory":             {func(m machine) { m.mkdir("a/b") }, with("old", nil), with("old", files{"a/": "", "a/b/": ""})},
		"half a path":             {func(m machine) { m.mkdir("a/b"); m.syncDir("") }, with("old", files{"a/": ""}), with("old", files{"a/": "", "a/b/": ""})},
		"a whole path":            {func(m machine) { m.mkdir("a/b"); m.syncDir("a"); m.syncDir("") }, with("old", files{"a/": "", "a/b/": ""}), with("old", files{"a/": "", "a/b/": ""})},
		"a file without its path": {func(m machine) { m.mkdir("a"); m.write("a/f", "f", 0); m.sync("a/f"); m.syncDir("a") }, with("old", nil), with("old", files{"a/": "", "a/f": "f"})},
		"a file moved out of it":  {func(m machine) { m.mkdir("a"); m.rename("old", "a/f"); m.syncDir("a") }, with("old", nil), files{"long": long, "a/": "", "a/f": "old"}},
		"a directory removed":     {func(m machine) { m.mkdir("a"); m.syncDir(""); m.remove("a") }, with("old", files{"a/": ""}), with("old", nil)},
		"a directory removed with all that was in it": {func(m machine) {
			m.mkdir("a/b")
			m.write("a/b/f", "f", 0)
			m.sync("a/b/f")
			m.syncDir("a/b")
			m.syncDir("a")
			m.syncDir("")
			m.remove("a/b/f")
			m.remove("a/b")
			m.remove("a")
		}, with("old", files{"a/": "", "a/b/": "", "a/b/f": "f"}), with("old", nil)},
		"what exists made again":   {func(m machine) { m.mkdir(""); m.mkdir("a"); m.syncDir(""); m.mkdir("a") }, with("old", files{"a/": ""}), with("old", files{"a/": ""})},
		"a move between two":       {func(m machine) { m.mkdir("a"); m.syncDir(""); m.rename("old", "a/f"); m.syncDir("a") }, with("old", files{"a/": "", "a/f": "old"}), files{"long": long, "a/": "", "a/f": "old"}},
		"a rename to its own name": {func(m machine) { m.rename("old", "old") }, with("old", nil), with("old", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, survival := range map[string]struct {
				survives func(string, int) bool
				want     files
			}{"nothing survives": {nil, test.lost}, "everything survives": {everything, test.all}} {
				m := machine{&disktest.Faulty{LoseUnsynced: true, Survives: survival.survives}, t, t.TempDir()}
				put(t, m.path("old"), "old")
				put(t, m.path("long"), long)
				test.do(m)
				if diff := cmp.Diff(test.all, list(t, m.dir)); diff != "" {
					t.Errorf("before the crash (-want +got):\n%s", diff)
				}
				m.Crash()
				if diff := cmp.Diff(survival.want, list(t, m.dir)); diff != "" {
					t.Errorf("after the crash, when %s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestFailedSyncMakesNothingDurableLater(t *testing.T) {
	t.Parallel()
	failing := false
	d := &disktest.Faulty{LoseUnsynced: true, Survives: everything}
	d.Fail = func(_ int, op, _ string) error {
		if failing && op == disktest.OpSync {
			return errFault
		}
		return nil
	}
	m := machine{d, t, t.TempDir()}
	put(t, m.path("file"), "....")
	f := open(t, m, m.path("file"), os.O_RDWR)
	write := func(s string, off int64) {
		t.Helper()
		if _, err := f.WriteAt([]byte(s), off); err != nil {
			t.Fatal(err)
		}
	}
	write("a", 0)
	m.must(f.Sync())
	write("bb", 1)
	failing = true
	if err := f.Sync(); err != errFault {
		t.Fatal(err)
	}
	failing = false
	write("c", 2)
	m.must(f.Sync()) // which says yes
	if got := list(t, m.dir)["file"]; got != "abc." {
		t.Errorf("before the crash: %q", got)
	}
	m.Crash()
	if got := list(t, m.dir)["file"]; got != "a.c." {
		t.Errorf("after the crash: %q", got)
	}
}

func TestEachSectorSurvivesForItself(t *testing.T) {
	t.Parallel()
	var asked []string
	m := machine{t: t, dir: t.TempDir()}
	m.Faulty = &disktest.Faulty{LoseUnsynced: true, Survives: func(path string, change int) bool {
		asked = append(asked, fmt.Sprint(filepath.Base(path), change))
		return change == 1 || change == 3
	}}
	put(t, m.path("file"), strings.Repeat(".", 2000))
	m.write("file", strings.Repeat("x", 1100), 500) // 12 bytes, 512, 512, and 64
	m.write("file", "y", 0)
	m.Crash()
	want := strings.Repeat(".", 512) + strings.Repeat("x", 512) + strings.Repeat(".", 512) + strings.Repeat("x", 64) + strings.Repeat(".", 400)
	if got := list(t, m.dir)["file"]; got != want {
		t.Errorf("after the crash: %q", got)
	}
	if diff := cmp.Diff([]string{"file0", "file1", "file2", "file3", "file4"}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func TestEachNameSurvivesForItself(t *testing.T) {
	t.Parallel()
	m := machine{t: t, dir: t.TempDir()}
	m.Faulty = &disktest.Faulty{LoseUnsynced: true, Survives: func(path string, change int) bool {
		return path == m.dir && change != 1
	}}
	m.write("durable", "", 0)
	m.syncDir("")
	for _, name := range []string{"a", "b", "c"} {
		m.write(name, name, 0)
		m.sync(name)
	}
	m.rename("b", "d")
	m.mkdir("sub")
	m.Crash()
	if diff := cmp.Diff(map[string]string{"a": "a", "c": "c", "d": "b", "durable": "", "sub/": ""}, list(t, m.dir)); diff != "" {
		t.Errorf("after the crash (-want +got):\n%s", diff)
	}
}

func TestScriptedCrashTakesBackWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	want := []map[string]string{{}, {"file": ""}, {"file": ""}, {"file": "line\n"}}
	for n, want := range want {
		dir := t.TempDir()
		d := &disktest.Faulty{LoseUnsynced: true, Fail: disktest.FailAt(n, disktest.ErrTorn)}
		d.Survives = func(path string, _ int) bool { return path == dir } // names alone
		if err := story(d, filepath.Join(dir, "file")); !errors.Is(err, disktest.ErrCrashed) {
			t.Errorf("operation %d: %v", n, err)
		}
		if diff := cmp.Diff(want, list(t, dir)); diff != "" {
			t.Errorf("crash at operation %d (-want +got):\n%s", n, diff)
		}
	}
}

func TestDirectoryCannotBeRenamedWhenItMayHaveToBePutBack(t *testing.T) {
	t.Parallel()
	m := machine{&disktest.Faulty{LoseUnsynced: true}, t, t.TempDir()}
	m.mkdir("a")
	if err := m.Rename(m.path("a"), m.path("b")); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsAnErrorAsWithoutFaults(t *testing.T) {
	t.Parallel()
	m := machine{&disktest.Faulty{LoseUnsynced: true}, t, t.TempDir()}
	_, err := m.OpenFile(m.path("none"), os.O_RDWR, 0)
	for name, err := range map[string]error{
		"open":    err,
		"rename":  m.Rename(m.path("none"), m.path("new")),
		"remove":  m.Remove(m.path("none")),
		"syncdir": m.SyncDir(m.path("none")),
	} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.Crash()
	if got := list(t, m.dir); len(got) != 0 {
		t.Errorf("after the crash: %v", got)
	}
}

// TestRandomChangesEndAsTheSimplestModelSays compares with a model that keeps
// whole contents: a crash leaves what the last sync left.
func TestRandomChangesEndAsTheSimplestModelSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := machine{&disktest.Faulty{LoseUnsynced: true}, t, t.TempDir()}
		content := make([]byte, rng.IntN(20_000))
		put(t, m.path("file"), string(content))
		f := open(t, m, m.path("file"), os.O_RDWR)
		durable := slices.Clone(content)
		for range 40 {
			switch off := rng.IntN(20_000); rng.IntN(6) {
			case 0:
				m.must(f.Truncate(int64(off)))
				content = append(content[:min(off, len(content))], make([]byte, max(0, off-len(content)))...)
			case 1:
				m.must(f.Sync())
				durable = slices.Clone(content)
			default:
				data := bytes.Repeat([]byte{byte(rng.IntN(256))}, 1+rng.IntN(6000))
				_, err := f.WriteAt(data, int64(off))
				m.must(err)
				content = append(content, make([]byte, max(0, off+len(data)-len(content)))...)
				copy(content[off:], data)
			}
		}
		if got := list(t, m.dir)["file"]; got != string(content) {
			t.Errorf("seed %d: before the crash the file differs", seed)
		}
		m.Crash()
		if got := list(t, m.dir)["file"]; got != string(durable) {
			t.Errorf("seed %d: after the crash the file differs", seed)
		}
	}
}

var _ disk.FS = (*disktest.Faulty)(nil)

package trails_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// open opens a folder until the test ends.
func open(t *testing.T, path string) *trails.Folder {
	t.Helper()
	f, err := trails.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// record is a record of a number.
func record(i int) audit.Record {
	return audit.Record{
		ID: fmt.Sprintf("r%d", i), Event: audit.EventApproved, Time: time.Date(2017, 11, 2, 19, 0, i, 0, time.UTC),
		Ticket: "T", Actor: audit.Actor{Login: "lead"},
	}
}

func records(n int) []audit.Record {
	all := make([]audit.Record, n)
	for i := range all {
		all[i] = record(i)
	}
	return all
}

// appendTo opens a trail, appends records and closes it.
func appendTo(t *testing.T, c trail.Config, all ...audit.Record) {
	t.Helper()
	log, err := trail.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, len(all))
	for _, r := range all {
		if len(all) <= 10 { // in order
			failed <- log.Append(t.Context(), r)
			continue
		}
		go func() { failed <- log.Append(t.Context(), r) }()
	}
	for range all {
		err = errors.Join(err, <-failed)
	}
	if err := errors.Join(err, log.Close()); err != nil {
		t.Fatal(err)
	}
}

// written returns a folder in which a run has written a trail and ended.
func written(t *testing.T, all ...audit.Record) (string, trails.Place) {
	t.Helper()
	path := t.TempDir()
	f, err := trails.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	places, err := f.Begin("story")
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, places[0].Config(), all...)
	if err := errors.Join(f.End(places[0]), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path, places[0]
}

// files returns what is in a folder, by path.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		found[name] = e.Type().String()
		if e.Type().IsRegular() {
			text, err := os.ReadFile(path)
			found[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func inspect(t *testing.T, f *trails.Folder) ([]trails.Verified, []*trails.Changed) {
	t.Helper()
	intact, changed, err := f.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return intact, changed
}

func TestWhatWasWrittenIsFoundIntact(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 4, 300} {
		t.Run(fmt.Sprintf("%d entries", n), func(t *testing.T) {
			t.Parallel()
			path, place := written(t, records(n)...)
			before := files(t, path)
			intact, changed := inspect(t, open(t, path))
			if len(intact) != 1 || len(changed) > 0 {
				t.Fatalf("intact are %v, changed %v; want one that is intact", intact, changed)
			}
			v := intact[0]
			if v.Place != place || v.Checkpoint.Size != uint64(n) || v.Checkpoint.Origin != place.Origin || v.Resumed {
				t.Errorf("found %+v", v)
			}
			verifier, err := note.NewVerifier(v.VerifierKey)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := note.Open(v.Signed, note.VerifierList(verifier)); err != nil || n.Text != v.Checkpoint.String() {
				t.Errorf("the signed checkpoint is %q, %v; want %v", v.Signed, err, v.Checkpoint)
			}
			if diff := cmp.Diff(before, files(t, path)); diff != "" {
				t.Errorf("it was written to (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWhatWasVerifiedMakesRoom(t *testing.T) {
	t.Parallel()
	path, place := written(t, records(3)...)
	f := open(t, path)
	inspect(t, f)
	if _, err := f.Begin("another", "story"); err != nil {
		t.Fatal(err)
	}
	left := files(t, path)
	if want := map[string]string{".": "d---------", "elevenminutes.lock": "writing \"another\"\nwriting \"story\"\n"}; !cmp.Equal(left, want) {
		t.Errorf("what is left (-want +got):\n%s", cmp.Diff(want, left))
	}
	appendTo(t, place.Config(), records(2)...)
	if v, err := place.Verify(t.Context()); err != nil || v.Checkpoint.Size != 2 {
		t.Errorf("the new trail: %+v, %v", v, err)
	}
}

func TestWhatWasNotVerifiedIsInTheWay(t *testing.T) {
	t.Parallel()
	path, _ := written(t, records(3)...)
	before := files(t, path)
	if _, err := open(t, path).Begin("story"); err == nil || !strings.Contains(err.Error(), "is in the way") {
		t.Errorf("Begin before Inspect: %v", err)
	}
	if diff := cmp.Diff(before, files(t, path)); diff != "" {
		t.Errorf("it was written to (-before +after):\n%s", diff)
	}
}

// What is not one of the program's trails is neither told of nor touched.
func TestATrailFromElsewhereIsNeverRemoved(t *testing.T) {
	t.Parallel()
	rename := func(t *testing.T, path string) {
		for _, suffix := range []string{"", ".key", ".key.pub", ".head"} {
			if err := os.Rename(filepath.Join(path, "story"+suffix), filepath.Join(path, "mine"+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, path string)
		found  int // trails that are intact
		want   string
	}{
		"another's trail": {func(t *testing.T, path string) {
			rename(t, path) // its origin is of another name
		}, 0, "mine is in the way"},
		"a directory": {func(t *testing.T, path string) { write(t, filepath.Join(path, "mine", "tile", "notes"), "") }, 1, "mine is in the way"},
		"a file":      {func(t *testing.T, path string) { write(t, filepath.Join(path, "mine"), "") }, 1, "mine is in the way"},
		"a key":       {func(t *testing.T, path string) { write(t, filepath.Join(path, "mine.key"), "PRIVATE KEY") }, 1, "mine.key is in the way"},
		"a file in a trail": {func(t *testing.T, path string) {
			write(t, filepath.Join(path, "story", "notes"), "")
		}, 1, filepath.Join("story", "notes") + " is no part of a trail"},
		"a file among tiles": {func(t *testing.T, path string) {
			write(t, filepath.Join(path, "story", "tile", "0", "notes"), "")
		}, 1, "notes is no part of a trail"},
		"a link to a trail": {func(t *testing.T, path string) {
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			if err := errors.Join(os.Rename(filepath.Join(path, "story", "log"), elsewhere), os.Symlink(elsewhere, filepath.Join(path, "story", "log"))); err != nil {
				t.Fatal(err)
			}
		}, 1, "log is no part of a trail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, _ := written(t, records(3)...)
			tc.change(t, path)
			before := files(t, path)
			f := open(t, path)
			if intact, changed := inspect(t, f); len(intact) != tc.found || len(changed) > 0 {
				t.Errorf("intact are %v, changed %v; want %d and none", intact, changed, tc.found)
			}
			if _, err := f.Begin("story", "mine"); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "-trail") {
				t.Errorf("Begin: %v; want %q, and to name another folder", err, tc.want)
			}
			if diff := cmp.Diff(before, files(t, path)); diff != "" {
				t.Errorf("something was removed or written (-before +after):\n%s", diff)
			}
		})
	}
}

func TestNothingIsRemovedWhereAnythingIsInTheWay(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	f := open(t, path)
	places, err := f.Begin("first", "second")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		appendTo(t, p.Config(), record(1))
		if err := f.End(p); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(path, "second", "notes"), "")
	inspect(t, f)
	before := files(t, path)
	if _, err := f.Begin("first", "second"); err == nil {
		t.Error("Begin has no error")
	}
	if diff := cmp.Diff(before, files(t, path)); diff != "" {
		t.Errorf("something was removed or written (-before +after):\n%s", diff)
	}
}

// write makes a file with the directories above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderIsOneRunsAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder")
	first, err := trails.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trails.Open(path); !errors.Is(err, audit.ErrLocked) || !strings.Contains(err.Error(), "another run is using "+path) {
		t.Errorf("the second Open: %v; want one that says that another run is using it", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestNamesThatLeadOutOfTheFolderAreRefused(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	for _, name := range []string{"", ".", "..", "/", "a/b", "../a", "a/.."} {
		if places, err := f.Begin(name); err == nil {
			t.Errorf("Begin(%q) = %v; want an error", name, places)
		}
	}
}

// An origin has its own rules; a folder of a scenario can be called anything.
func TestAnyNameOfAFolderCanBeATrail(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	f := open(t, path)
	names := []string{"my policy", "a+b", "100%", "Grüße", "a.key", `quote"d`}
	places, err := f.Begin(names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		appendTo(t, p.Config(), record(1))
		if err := f.End(p); err != nil {
			t.Fatal(err)
		}
	}
	if intact, changed := inspect(t, f); len(intact) != len(names) || len(changed) > 0 {
		t.Errorf("intact are %v, changed %v", intact, changed)
	}
}

func TestALockFileOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"pid 12\n", "writing", "writing before\n", `reading "before"` + "\n"} {
		path := t.TempDir()
		lock := filepath.Join(path, "elevenminutes.lock")
		write(t, lock, text)
		if _, err := trails.Open(path); err == nil || !strings.Contains(err.Error(), "not this program's") {
			t.Errorf("Open beside %q: %v", text, err)
		}
		if got, err := os.ReadFile(lock); err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestTheZeroFolderTakesNoTrail(t *testing.T) {
	t.Parallel()
	var f trails.Folder
	if places, err := f.Begin("x"); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Begin = %v, %v; want audit.ErrClosed", places, err)
	}
	if _, _, err := f.Inspect(t.Context()); err == nil {
		t.Error("Inspect of the zero Folder has no error")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestInspectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path, _ := written(t, records(3)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if intact, changed, err := open(t, path).Inspect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Inspect = %v, %v, %v; want context.Canceled", intact, changed, err)
	}
}

package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// openFile opens a file of records and closes it when the test ends.
func openFile(t testing.TB, path string) *audit.File {
	t.Helper()
	f, err := audit.OpenFile(path)
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

// line returns the line of a minimal record.
func line(t testing.TB, id string) string {
	t.Helper()
	b, err := minimalRecord(id).AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// replayIDs returns the IDs that are replayed, and the error at the end.
func replayIDs(ctx context.Context, replayer audit.Replayer) (ids []string, failure error) {
	for r, err := range replayer.Replay(ctx) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func wantReplay(t *testing.T, replayer audit.Replayer, want ...string) {
	t.Helper()
	got, err := replayIDs(t.Context(), replayer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
}

func appendIDs(t *testing.T, sink audit.Sink, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := sink.Append(t.Context(), minimalRecord(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZeroFileRefuses(t *testing.T) {
	t.Parallel()
	var f audit.File
	if err := f.Append(t.Context(), audittest.Record("id")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if _, err := replayIDs(t.Context(), &f); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Replay: %v", err)
	}
	if err := f.Close(); err != nil || f.Torn() != "" {
		t.Errorf("Close: %v; Torn: %q", err, f.Torn())
	}
}

func TestFileHoldsALineForEachRecordForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	f := openFile(t, path)
	appendIDs(t, f, "a", "b")
	if diff := cmp.Diff(line(t, "a")+line(t, "b"), readFile(t, path)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestFileIsReplayedOnlyWhileItIsOpen(t *testing.T) {
	t.Parallel()
	f := openTemp(t)
	appendIDs(t, f, "a")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := replayIDs(t.Context(), f); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Replay: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

func TestFileThatCannotBeOpenedIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "plain"), "")
	for name, test := range map[string]struct{ path, want string }{
		"no directory": {filepath.Join(dir, "none", "trail"), "no such file"},
		"a directory":  {dir, "is a directory"},
		"below a file": {filepath.Join(dir, "plain", "trail"), "not a directory"},
		"a device":     {os.DevNull, "is not a regular file"},
		"odd name":     {filepath.Join(dir, "nul\x00byte"), "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := audit.OpenFile(test.path)
			if f != nil || err == nil || !strings.HasPrefix(err.Error(), "audit: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want %q", f, err, test.want)
			}
		})
	}
}

func TestFileIsOpenOnlyOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	first := openFile(t, path)
	appendIDs(t, first, "a")
	second, err := audit.OpenFile(path)
	if second != nil || !errors.Is(err, audit.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Fatalf("the second one: %v, %v", second, err)
	}
	appendIDs(t, first, "b")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantReplay(t, openFile(t, path), "a", "b")
}

func TestLastLineCutAnywhereIsSetAside(t *testing.T) {
	t.Parallel()
	kept := line(t, "a") + line(t, "b")
	group := line(t, "c") + line(t, "d") // written at once, never acknowledged
	dir := t.TempDir()
	for cut := range len(group) {
		rest := group[:cut]
		want := []string{"a", "b"}
		if len(rest) >= len(line(t, "c")) {
			want, rest = append(want, "c"), rest[len(line(t, "c")):]
		}
		path := filepath.Join(dir, fmt.Sprint("cut-", cut))
		writeFile(t, path, kept+group[:cut])
		f := openFile(t, path)
		wantReplay(t, f, want...)
		if rest == "" {
			if f.Torn() != "" {
				t.Errorf("cut at %d: Torn() = %q though no line is torn", cut, f.Torn())
			}
			continue
		}
		if f.Torn() != path+".torn-1" || readFile(t, f.Torn()) != rest {
			t.Fatalf("cut at %d: Torn() = %q, want %q in it", cut, f.Torn(), rest)
		}
		appendIDs(t, f, "e")
		wantReplay(t, f, append(want, "e")...)
	}
}

func TestLastLineThatIsNoJSONIsSetAside(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]string{
		"bytes lost":       `{"id":"b","event":"intent","time"` + "\n",
		"zeros":            strings.Repeat("\x00", 40),
		"zeros and an end": strings.Repeat("\x00", 40) + "\n",
		"empty":            "\n",
		"two in one":       strings.TrimSpace(line(t, "b")) + line(t, "c"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			writeFile(t, path, line(t, "a")+last)
			f := openFile(t, path)
			wantReplay(t, f, "a")
			if f.Torn() == "" || readFile(t, f.Torn()) != last || readFile(t, path) != line(t, "a") {
				t.Errorf("Torn() = %q", f.Torn())
			}
		})
	}
}

func TestTornLinesNeverReplaceEarlierOnes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	writeFile(t, path+".torn-1", "of last week")
	for n := 2; n <= 4; n++ {
		torn := fmt.Sprintf(`{"id":"torn %d`, n)
		writeFile(t, path, torn)
		f := openFile(t, path)
		if want := fmt.Sprint(path, ".torn-", n); f.Torn() != want || readFile(t, want) != torn {
			t.Errorf("Torn() = %q, want %q", f.Torn(), want)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := readFile(t, path+".torn-1"); got != "of last week" {
		t.Errorf("the first one is now %q", got)
	}
}

func TestDamageIsRefusedAtOpeningAndNamed(t *testing.T) {
	t.Parallel()
	a, b := line(t, "a"), line(t, "b")
	for name, test := range map[string]struct {
		content string
		line    int
	}{
		"a line in the middle is cut":      {a + b[:20] + "\n" + a, 2},
		"an end of line is lost":           {a[:len(a)-1] + b + a, 1},
		"zeros in the middle":              {a + strings.Repeat("\x00", 20) + "\n" + b, 2},
		"an empty line in the middle":      {a + "\n" + b, 2},
		"text not in UTF-8":                {a + strings.Replace(b, "intent", "int\xe9nt", 1) + a, 2},
		"the last line not in UTF-8":       {a + strings.Replace(b, "intent", "int\xe9nt", 1), 2},
		"another kind of object":           {a + `{"name":"x"}` + "\n", 2},
		"another kind of file":             {"root:x:0:0\ndaemon:x:1:1\n", 1},
		"another file of one line":         {"Debian 12\n", 1},
		"another file without end of line": {"Debian 12", 1},
		"a number at the end":              {a + "1\n", 2},
		"a line too long":                  {a + `{"id":"` + strings.Repeat("x", audit.MaxRecord) + `"}` + "\n", 2},
		"a torn line too long":             {a + `{"id":"` + strings.Repeat("x", audit.MaxRecord), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			writeFile(t, path, test.content)
			f, err := audit.OpenFile(path)
			want := fmt.Sprintf("%s, line %d: ", path, test.line)
			if f != nil || !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, %v; want ErrCorrupt with %q", f, err, want)
			}
			if readFile(t, path) != test.content {
				t.Error("the file was changed")
			}
			if torn, _ := filepath.Glob(path + ".torn*"); torn != nil {
				t.Errorf("something was set aside: %v", torn)
			}
		})
	}
}

func TestReplayRefusesWhatWasNotWrittenByUs(t *testing.T) {
	t.Parallel()
	a, b := line(t, "a"), line(t, "b")
	for name, bad := range map[string]string{
		"unknown field":    `{"id":"b","event":"intent","time":"2017-11-02T22:57:01Z","mood":1}`,
		"another case":     `{"id":"b","Event":"intent","time":"2017-11-02T22:57:01Z"}`,
		"a field twice":    `{"id":"b","id":"c","event":"intent","time":"2017-11-02T22:57:01Z"}`,
		"another order":    `{"id":"b","time":"2017-11-02T22:57:01Z","event":"intent"}`,
		"white space":      strings.Replace(strings.TrimSpace(b), ",", ", ", 1),
		"a time elsewhere": `{"id":"b","event":"intent","time":"2017-11-02T22:57:01+01:00"}`,
		"no event":         `{"id":"b","time":"2017-11-02T22:57:01Z"}`,
		"no ID":            `{"id":"","event":"intent","time":"2017-11-02T22:57:01Z"}`,
		"wrong type":       `{"id":"b","event":1,"time":"2017-11-02T22:57:01Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			writeFile(t, path, a+bad+"\n"+b)
			ids, err := replayIDs(t.Context(), openFile(t, path))
			if diff := cmp.Diff([]string{"a"}, ids); diff != "" {
				t.Errorf("replayed (-want +got):\n%s", diff)
			}
			if !errors.Is(err, audit.ErrCorrupt) || errors.Is(err, audit.ErrNotWritten) || !strings.Contains(err.Error(), path+", line 2: ") {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestFileThatIsNoLongerTheSameIsNoticed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) { remove(t, path) },
		"moved":   func(t *testing.T, path string) { rename(t, path, path+".old") },
		"removed and made anew": func(t *testing.T, path string) {
			content := readFile(t, path)
			remove(t, path)
			writeFile(t, path, content)
		},
		"replaced": func(t *testing.T, path string) {
			writeFile(t, path+".new", readFile(t, path))
			rename(t, path+".new", path)
		},
		"replaced by a directory": func(t *testing.T, path string) {
			remove(t, path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"emptied":    func(t *testing.T, path string) { writeFile(t, path, "") },
		"cut":        func(t *testing.T, path string) { truncate(t, path, 10) },
		"written to": func(t *testing.T, path string) { writeFile(t, path, readFile(t, path)+line(t, "x")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			f := openFile(t, path)
			appendIDs(t, f, "a", "b")
			change(t, path)
			for attempt := range 2 {
				err := f.Append(t.Context(), minimalRecord("c"))
				if !errors.Is(err, audit.ErrReplaced) || !errors.Is(err, audit.ErrFailed) || errors.Is(err, audit.ErrNotWritten) {
					t.Errorf("attempt %d: %v", attempt, err)
				}
			}
			if _, err := replayIDs(t.Context(), f); !errors.Is(err, audit.ErrReplaced) {
				t.Errorf("Replay: %v", err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestReplayNoticesThatTheFileWasCut(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"within a line": len(line(t, "a")) + 5, "between lines": len(line(t, "a"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trail.jsonl")
			f := openFile(t, path)
			appendIDs(t, f, "a", "b")
			truncate(t, path, int64(size))
			ids, err := replayIDs(t.Context(), f)
			if !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), "too early") {
				t.Errorf("replayed %v and ended with %v", ids, err)
			}
		})
	}
}

package story_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/story"
)

var update = flag.Bool("update", false, "write the golden files anew")

// replayed runs a folder of the example's testdata.
func replayed(t *testing.T, folder string) *replay.Result {
	t.Helper()
	s, err := scenario.Load(t.Context(), os.DirFS(filepath.Join("..", "..", "testdata", folder)), folder)
	if err != nil {
		t.Fatal(err)
	}
	return result(t, s)
}

func result(t *testing.T, s *scenario.Scenario) *replay.Result {
	t.Helper()
	folder := t.TempDir()
	r, err := replay.Run(t.Context(), s, trail.Config{
		Dir:         filepath.Join(folder, "trail"),
		Origin:      "elevenminutes.example/test",
		KeyFile:     filepath.Join(folder, "trail.key"),
		TrustedHead: trail.HeadFile(filepath.Join(folder, "trail.head")),
		Room:        trail.MinRoom,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantGolden holds a text against a golden file.
func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}

func TestStoriesAreGolden(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"everyverb", "wrong"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			r := replayed(t, folder)
			var text strings.Builder
			if err := errors.Join(story.Tell(&text, r), story.Summarize(&text, []story.Named{{Name: folder, Result: r}}), story.Differences(&text, r)); err != nil {
				t.Fatal(err)
			}
			wantGolden(t, folder+".txt", text.String())
		})
	}
}

func TestAStoryFitsAPlainTerminal(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"everyverb", "wrong"} {
		var text strings.Builder
		if err := story.Tell(&text, replayed(t, folder)); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(text.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%s: line %d has %d characters: %s", folder, i+1, n, line)
			}
			if strings.ContainsFunc(line, unicode.IsControl) || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: line %d has a control character or ends in blanks: %q", folder, i+1, line)
			}
		}
	}
}

// tickets have random IDs; a story that shows one can't be told twice.
func TestAStoryIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	var texts [2]strings.Builder
	for i := range texts {
		if err := story.Tell(&texts[i], replayed(t, "everyverb")); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(texts[0].String(), texts[1].String()); diff != "" {
		t.Errorf("the second telling differs (-first +second):\n%s", diff)
	}
}

func TestWhatAHandCanWriteDoesNotSpoilAStory(t *testing.T) {
	t.Parallel()
	login := strings.Repeat("long-", 20) + "login"
	s, err := scenario.Load(t.Context(), fstest.MapFS{
		"scenario.txt": {Data: []byte("zone UTC\nstart 2024-01-01T09:00\ntiers ordinary\nkind account.suspend down undo\n")},
		"people.csv":   {Data: []byte("login,person,type,status,last_day\n" + login + ",mia,human,active,none\n")},
		"accounts.csv": {Data: []byte("id,tier,domain\nacct-1,ordinary,en\n")},
		"policy.csv":   {Data: []byte("p, m, request, account.*, *, *, allow\np2, request, *, *, *, *, none, -, -\ng, " + login + ", m, *, -, -\n")},
		"timeline.txt": {Data: []byte("09:00 " + login + ` do a account.suspend acct-1 "line one\nline two \x1b[31m and ` + strings.Repeat("w", 150) + `"` + "\n")},
	}, "by/hand")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := story.Tell(&text, result(t, s)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(text.String(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		t.Errorf("control characters get through: %q", text.String())
	}
	for _, want := range []string{"by/hand\n-------\n", login, `\x1b[31m`, strings.Repeat("w", 150), `line one\nline two`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, text.String())
		}
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAStoryThatCantBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	r := replayed(t, "wrong")
	for name, err := range map[string]error{
		"Tell":        story.Tell(fullDisk{}, r),
		"Summarize":   story.Summarize(fullDisk{}, []story.Named{{Name: "wrong", Result: r}}),
		"Differences": story.Differences(fullDisk{}, r),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v; want the writer's error", name, err)
		}
	}
}

// A folder whose people contradict themselves is told all the same.
func TestAnExposureThatIsNotKnownIsToldSo(t *testing.T) {
	t.Parallel()
	r := replayed(t, "everyverb")
	var known, unknown strings.Builder
	if err := story.Expose(t.Context(), &known, []story.Named{{Name: "all", Result: r}}); err != nil || !strings.Contains(known.String(), "people reached") {
		t.Errorf("%v: %s", err, known.String())
	}
	broken := *r
	other := *r.Scenario
	other.People = nil
	broken.Scenario = &other
	if err := story.Expose(t.Context(), &unknown, []story.Named{{Name: "all", Result: &broken}}); err != nil || !strings.Contains(unknown.String(), "is not known for all") {
		t.Errorf("%v: %s", err, unknown.String())
	}
}

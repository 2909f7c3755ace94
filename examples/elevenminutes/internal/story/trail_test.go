package story_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/story"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// found are changes of each part of a trail.
func found() []*trails.Changed {
	place := trails.Place{Name: "after", Dir: "TRAIL/after"}
	entry := func(i uint64) trails.Entry {
		return trails.Entry{Index: i, Record: &audit.Record{
			Event: audit.EventApproved, Time: time.Date(2017, 11, 2, 19, int(i), 0, 0, time.UTC),
			Actor: audit.Actor{Login: "lead\x1b[31m"}, Target: audit.Target{ID: "account-1"}, Reason: "line one\nline two",
		}}
	}
	torn := trails.Entry{Index: 7, Bytes: []byte("{\"id\":\"\x00" + strings.Repeat("x", 100)), Err: errors.New("not a record\n")}
	return []*trails.Changed{
		{Place: place, File: "TRAIL/after/tile/entries/000.p/9", Part: trails.Entries, Entry: 8, Size: 9, Problem: "is not the one whose hash is in the tree", Around: []trails.Entry{torn, entry(8)}},
		{Place: place, File: "TRAIL/after/tile/entries/000.p/9", Part: trails.Entries, Size: 9, Problem: "can't be verified", Missing: true, Err: errors.New("file is missing")},
		{Place: place, File: "TRAIL/after/tile/0/000.p/9", Part: trails.Hashes, Entry: 1, Size: 9, Problem: "is below a hash that is not the tree's", Around: []trails.Entry{entry(1)}},
		{Place: place, File: "TRAIL/after/checkpoint", Part: trails.Checkpoint, Size: 9, Problem: "and all others are covered by no checkpoint", Err: errors.New("not signed\x1b")},
		{Place: place, File: "TRAIL/after/checkpoint", Part: trails.End, Entry: 4, Size: 9, Problem: "is missing", Err: trail.ErrRolledBack},
		{Place: place, File: "TRAIL/after/checkpoint", Part: trails.History, Size: 1, Problem: "is another one", Err: trail.ErrRewritten},
		{Place: place, File: "TRAIL/after/log/wal-0", Part: trails.Private, Entry: 3, Problem: "is damaged"},
		{Place: place, File: "TRAIL/after.key", Part: trails.Key, Problem: "is missing", Missing: true},
		{Place: place, File: "TRAIL/after.head", Part: trails.Head, Problem: "can't be believed any more"},
		{Place: place, File: "TRAIL/after", Part: trails.Directory, Problem: "is missing", Missing: true},
	}
}

func verified() []trails.Verified {
	return []trails.Verified{
		{Place: trails.Place{Name: "before", Dir: "TRAIL/before"}, Checkpoint: proof.Checkpoint{Size: 1}, Signed: []byte("example.com/before\n1\nROOT\n\n— example.com/before SIGNATURE\n"), VerifierKey: "example.com/before+KEY"},
		{Place: trails.Place{Name: "after", Dir: "TRAIL/after"}, Checkpoint: proof.Checkpoint{Size: 15}, Signed: []byte("example.com/after\n15\nROOT\n\n— example.com/after SIGNATURE\n"), VerifierKey: "example.com/after+KEY", Resumed: true},
	}
}

func TestWhatIsToldOfTrailsIsGolden(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	err := errors.Join(story.Earlier(&text, verified()), story.Earlier(&text, nil), story.Trails(&text, verified()))
	for _, c := range found() {
		text.WriteString("\n")
		err = errors.Join(err, story.Changed(&text, c))
	}
	if err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "trails.txt", text.String())
	for i, line := range strings.Split(text.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("line %d has %d characters: %s", i+1, n, line)
		}
	}
}

func TestWhatIsToldOfTrailsIsAnErrorWhereItCantBeWritten(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"Earlier": story.Earlier(fullDisk{}, verified()),
		"Trails":  story.Trails(fullDisk{}, verified()),
		"Changed": story.Changed(fullDisk{}, found()[0]),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v; want the writer's error", name, err)
		}
	}
}

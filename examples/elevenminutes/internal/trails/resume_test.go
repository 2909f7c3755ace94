package trails_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// killed returns a folder as a run leaves it that is killed after it has
// appended some records. With fewer than none it is killed before it opens its
// trail.
func killed(t *testing.T, n int) (string, trails.Place) {
	t.Helper()
	alive, folder := t.TempDir(), t.TempDir()
	f := open(t, alive)
	places, err := f.Begin("story")
	if err != nil {
		t.Fatal(err)
	}
	if n >= 0 {
		c := places[0].Config()
		c.PublishEvery = time.Hour
		log, err := trail.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		for _, r := range records(n) {
			if err := log.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	copyTo(t, alive, folder) // which is what a kill leaves
	dead := places[0]
	at := func(path string) string { return strings.Replace(path, alive, folder, 1) }
	dead.Dir, dead.Key, dead.Head = at(dead.Dir), at(dead.Key), at(dead.Head)
	return folder, dead
}

func TestARunThatWasKilledIsNoTampering(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"in the middle": 3, "before its first record": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, place := killed(t, n)
			f := open(t, folder)
			intact, changed := inspect(t, f)
			if len(intact) != 1 || len(changed) > 0 {
				t.Fatalf("intact are %v, changed %v; want one that is intact", intact, changed)
			}
			if v := intact[0]; v.Place != place || !v.Resumed || v.Checkpoint.Size != uint64(n) {
				t.Errorf("found %+v", v)
			}
			if _, err := f.Begin("story"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestARunThatWasKilledAtOnceLeavesNothing(t *testing.T) {
	t.Parallel()
	folder, _ := killed(t, -1)
	if intact, changed := inspect(t, open(t, folder)); len(intact) > 0 || len(changed) > 0 {
		t.Errorf("intact are %v, changed %v; want none", intact, changed)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "elevenminutes.lock")); err != nil || len(text) > 0 {
		t.Errorf("it is still noted: %q, %v", text, err)
	}
}

// What a killed run has left can be tampered with as well.
func TestWhatAKilledRunHasLeftIsVerified(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(t *testing.T, p trails.Place)
		want   told
	}{
		"an entry that is not published": {
			func(t *testing.T, p trails.Place) {
				exchange(t, filepath.Join(p.Dir, "log", "wal-0"), `"r1","ticket":"T"`, `"r1","ticket":"U"`)
			},
			told{File: "story/log/wal-0", Part: trails.Private, Entry: 1},
		},
		"the end": {
			func(t *testing.T, p trails.Place) {
				_, older := killed(t, 2)
				for from, to := range map[string]string{older.Dir: p.Dir, older.Key: p.Key, older.Public(): p.Public()} {
					remove(t, to)
					copyTo(t, from, to)
				}
			},
			told{File: "story.head", Part: trails.Head},
		},
		"the key": {
			func(t *testing.T, p trails.Place) { remove(t, p.Key) },
			told{File: "story.key", Part: trails.Key, Missing: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, place := killed(t, 3)
			tc.change(t, place)
			f := open(t, folder)
			intact, changed := inspect(t, f)
			if len(intact) > 0 || len(changed) != 1 {
				t.Fatalf("intact are %v, changed %v; want one that was changed", intact, changed)
			}
			if diff := cmp.Diff(tc.want, tell(t, folder, changed[0])); diff != "" {
				t.Errorf("told of %v (-want +got):\n%s", changed[0], diff)
			}
			if places, err := f.Begin("story"); err == nil {
				t.Errorf("Begin = %v; want it not to write over what was changed", places)
			}
		})
	}
}

// A trail is removed after it was verified; half of one is no tampering.
func TestARemovalThatWasBrokenOffIsFinished(t *testing.T) {
	t.Parallel()
	folder, place := written(t, records(3)...)
	remove(t, filepath.Join(place.Dir, "checkpoint"))
	remove(t, place.Key)
	write(t, filepath.Join(folder, "elevenminutes.lock"), `removing "story"`+"\n")
	f := open(t, folder)
	if intact, changed := inspect(t, f); len(intact) > 0 || len(changed) > 0 {
		t.Errorf("intact are %v, changed %v; want none", intact, changed)
	}
	if diff := cmp.Diff(map[string]string{".": "d---------", "elevenminutes.lock": ""}, files(t, folder)); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

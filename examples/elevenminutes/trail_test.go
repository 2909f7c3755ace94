package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// ran returns a folder in which a run has left the trail of the story before,
// which has four entries.
func ran(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	runProgram(t, "-dir", "before", "-trail", folder).want(t, exitGood, "before  4 entries  "+filepath.Join(folder, "before")+"\n", "")
	return folder
}

// snapshot returns all files of a folder, by path.
func snapshot(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestARunEndsWithCheckpointsThatOthersCanVerify(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := runProgram(t, "-trail", folder)
	for _, name := range []string{"before", "after"} {
		key, err := os.ReadFile(filepath.Join(folder, name+".key.pub"))
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := proof.NewVerifier(strings.TrimSpace(string(key)))
		if err != nil {
			t.Fatal(err)
		}
		_, signed, _ := strings.Cut(o.stdout, "\n\nelevenminutes.example/"+name+"\n")
		signed = "elevenminutes.example/" + name + "\n" + signed
		parts := strings.SplitAfterN(signed, "\n", 6) // origin, size, root, nothing, signature
		printed := strings.Join(parts[:5], "")
		found, err := trail.Verify(t.Context(), os.DirFS(filepath.Join(folder, name)), verifier, trail.VerifyOptions{Head: []byte(printed)})
		if err != nil || string(found.Signed) != printed {
			t.Errorf("%s: the checkpoint that was printed is\n%s\nit was verified: %v\n%s", name, printed, err, found.Signed)
		}
		o.want(t, exitGood, "\n  "+string(key), "")
	}
}

func TestTheNextRunVerifiesTheOneBefore(t *testing.T) {
	t.Parallel()
	folder := ran(t)
	first := snapshot(t, filepath.Join(folder, "before"))
	o := runProgram(t, "-trail", folder)
	o.want(t, exitGood, "The trail of an earlier run is intact, with 4 entries: "+filepath.Join(folder, "before")+"\n\n2 November 2017, told twice", "")
	if second := snapshot(t, filepath.Join(folder, "before")); cmp.Equal(first, second) {
		t.Error("the second run has left the first one's trail")
	}
	// One whose place is not needed stays.
	after := snapshot(t, filepath.Join(folder, "after"))
	runProgram(t, "-dir", "before", "-trail", folder).want(t, exitGood, "with 15 entries: "+filepath.Join(folder, "after")+"\n", "")
	if diff := cmp.Diff(after, snapshot(t, filepath.Join(folder, "after"))); diff != "" {
		t.Errorf("a trail that was not in the way is another one now (-before +after):\n%s", diff)
	}
}

// rewritten writes a trail anew with an entry that says something else, and
// signs all of it with the log's own key.
func rewritten(t *testing.T, folder string) {
	t.Helper()
	place := filepath.Join(folder, "before")
	private, err := os.ReadFile(place + ".key")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(place + ".key.pub")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(private)))
	if err != nil {
		t.Fatal(err)
	}
	forgedDir := filepath.Join(t.TempDir(), "forged")
	forged, err := trail.Open(t.Context(), trail.Config{
		Dir: forgedDir, Origin: signer.Name(), Signer: signer, VerifierKey: strings.TrimSpace(string(public)),
		WithoutTrustedHead: true, Room: trail.MinRoom,
	})
	if err != nil {
		t.Fatal(err)
	}
	truth, err := trail.Open(t.Context(), trails.Place{Dir: place, Key: place + ".key", Head: place + ".head", Origin: signer.Name()}.Config())
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range truth.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Actor.Login == "contractor" {
			r.Actor.Login = "colleague"
		}
		if err := forged.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(truth.Close(), forged.Close(), os.RemoveAll(place), os.CopyFS(place, os.DirFS(forgedDir))); err != nil {
		t.Fatal(err)
	}
}

func TestTheNextRunSaysWhatWasChanged(t *testing.T) {
	t.Parallel()
	exchange := func(file, old, new string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			path := filepath.Join(folder, filepath.FromSlash(file))
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := bytes.Replace(text, []byte(old), []byte(new), 1)
			if old == "" {
				changed[40] ^= 1 // of the second hash
			}
			if bytes.Equal(text, changed) {
				t.Fatalf("%s has no %q", file, old)
			}
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	const bundle, tile = "before/tile/entries/000.p/4", "before/tile/0/000.p/4"
	for name, tc := range map[string]struct {
		change func(t *testing.T, folder string)
		file   string
		want   []string
	}{
		"a byte of an entry": {
			exchange(bundle, `"time":"2017-11-02T22:59`, `"time":"2017-11-02T22:09`), bundle,
			[]string{"entry 0 (of 4, counted from 0) is not the one whose hash is in the tree", `Entry 0 reads now: "intent" at 2017-11-02T22:09:00Z, by "contractor", kind "account.deactivate", target "account-1", ticket "TICKET", reason "closing a report"`},
		},
		"a byte of a hash": {
			exchange(tile, "", ""), tile,
			[]string{"entry 1 (of 4, counted from 0) is below a hash that is not the tree's", `Entry 1 reads now: "outcome" at 2017-11-02T22:59:00Z`},
		},
		"a byte of the checkpoint": {
			exchange("before/checkpoint", "\n4\n", "\n5\n"), "before/checkpoint",
			[]string{"entry 0 (of 4, counted from 0) and all others are covered by no checkpoint"},
		},
		"an entry, and all else with the key": {
			rewritten, "before/checkpoint",
			[]string{"of the 4 entries that the trusted head remembers at least one is another one now", "log is not the one that its trusted head covers", "somebody who has the key has written the trail anew"},
		},
		"the trusted head": {
			func(t *testing.T, folder string) {
				if err := os.Remove(filepath.Join(folder, "before.head")); err != nil {
					t.Fatal(err)
				}
			}, "before.head",
			[]string{"the file is missing", "nobody can tell whether the trail was cut"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := ran(t)
			tc.change(t, folder)
			before := snapshot(t, folder)
			for _, args := range [][]string{{"-trail", folder}, {"-dir", "before", "-write-expect", "-trail", folder}} {
				o := runProgram(t, args...)
				if o.code != exitDiffers || o.stdout != "" {
					t.Errorf("exit code %d, stdout %q; want it to stop before the story", o.code, o.stdout)
				}
				stderr := strings.Join(strings.Fields(plain(o.stderr, folder)), " ") // it is wrapped
				for _, want := range append(tc.want, "The audit trail TRAIL/before was changed.", "File: TRAIL/"+tc.file+" ", "To go on: nothing was written") {
					if !strings.Contains(stderr, want) {
						t.Errorf("stderr lacks %q:\n%s", want, o.stderr)
					}
				}
			}
			if diff := cmp.Diff(before, snapshot(t, folder)); diff != "" {
				t.Errorf("the evidence was written to (-before +after):\n%s", diff)
			}
		})
	}
}

func TestATrailFromElsewhereStays(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	mine := filepath.Join(folder, "after")
	log, err := trail.Open(t.Context(), trail.Config{
		Dir: mine, Origin: "example.com/mine", KeyFile: mine + ".key", TrustedHead: trail.HeadFile(mine + ".head"), Room: trail.MinRoom,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, folder)
	before[filepath.Join(folder, "elevenminutes.lock")] = ""
	o := runProgram(t, "-trail", folder)
	o.want(t, exitNotReady, "", "after is in the way, and no trail of this program; name another folder with -trail")
	if o.stdout != "" {
		t.Errorf("it has begun to tell: %s", o.stdout)
	}
	if diff := cmp.Diff(before, snapshot(t, folder)); diff != "" {
		t.Errorf("it was written to (-before +after):\n%s", diff)
	}
}

func TestTwoRunsDoNotShareAFolder(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	folder, err := trails.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	runProgram(t, "-trail", path).want(t, exitNotReady, "", "another run is using "+path+" at this moment; wait until it is over, or name another folder with -trail")
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "-trail", path).want(t, exitGood, "expectations hold", "")
}

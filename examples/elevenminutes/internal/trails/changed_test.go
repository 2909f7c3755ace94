package trails_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// exchange puts one text in the place of another, once, in a file.
func exchange(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// rewrite writes a trail anew with other records, and signs it with its key.
func rewrite(t *testing.T, p trails.Place, all ...audit.Record) {
	t.Helper()
	private, err := os.ReadFile(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(p.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(private)))
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "forged")
	appendTo(t, trail.Config{
		Dir: forged, Origin: p.Origin, Signer: signer, VerifierKey: strings.TrimSpace(string(public)),
		WithoutTrustedHead: true, Room: trail.MinRoom,
	}, all...)
	remove(t, p.Dir)
	copyTo(t, forged, p.Dir)
}

// copyTo copies a directory or a file, for its owner only.
func copyTo(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// told is what is told of a change.
type told struct {
	File    string // in the folder
	Part    trails.Part
	Entry   uint64
	Size    uint64
	Missing bool
	Reads   []string // the entries around it
}

func tell(t *testing.T, folder string, c *trails.Changed) told {
	t.Helper()
	file, err := filepath.Rel(folder, c.File)
	if err != nil {
		t.Fatal(err)
	}
	got := told{File: filepath.ToSlash(file), Part: c.Part, Entry: c.Entry, Size: c.Size, Missing: c.Missing}
	for _, e := range c.Around {
		text := "no record: " + string(e.Bytes[:min(24, len(e.Bytes))])
		if e.Record != nil {
			text = e.Record.ID + " by " + e.Record.Actor.Login
		}
		if (e.Err == nil) != (e.Record != nil) {
			t.Errorf("entry %d is a record: %v, and its error is %v", e.Index, e.Record != nil, e.Err)
		}
		got.Reads = append(got.Reads, text)
	}
	if !strings.Contains(c.Error(), c.File) || !strings.Contains(c.Error(), c.Problem) || c.Problem == "" {
		t.Errorf("the error is %q", c.Error())
	}
	return got
}

func TestWhatWasChangedIsNamed(t *testing.T) {
	t.Parallel()
	const bundle, tile = "story/tile/entries/000.p/4", "story/tile/0/000.p/4"
	otherKey := func(t *testing.T, p trails.Place) (private, public string) {
		private, public, err := note.GenerateKey(rand.Reader, p.Origin)
		if err != nil {
			t.Fatal(err)
		}
		return private + "\n", public + "\n"
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, folder string, p trails.Place)
		want   told
	}{
		"a byte of an entry": {
			func(t *testing.T, folder string, _ trails.Place) {
				exchange(t, filepath.Join(folder, bundle), `"r2","ticket":"T","event":"approved","time":"2017-11-02T19:00:02Z","actor":{"login":"lead"`, `"r2","ticket":"T","event":"approved","time":"2017-11-02T19:00:02Z","actor":{"login":"dead"`)
			},
			told{File: bundle, Part: trails.Entries, Entry: 2, Size: 4, Reads: []string{"r1 by lead", "r2 by dead", "r3 by lead"}},
		},
		"the first byte of the first entry": {
			func(t *testing.T, folder string, _ trails.Place) {
				exchange(t, filepath.Join(folder, bundle), `{"id":"r0","ticket":"T","event":"approved","time":"2017-11-02T19:00:00Z","actor":{"login":"lead"}}`, `["id":"r0","ticket":"T","event":"approved","time":"2017-11-02T19:00:00Z","actor":{"login":"lead"}}`)
			},
			told{File: bundle, Part: trails.Entries, Entry: 0, Size: 4, Reads: []string{`no record: ["id":"r0","ticket":"T",`, "r1 by lead"}},
		},
		"a byte that makes an entry no record": {
			func(t *testing.T, folder string, _ trails.Place) {
				exchange(t, filepath.Join(folder, bundle), `"r3","ticket":"T","event":"approved","time":"2017-11-02T19:00:03Z","actor":{"login":"lead"}}`, `"r3","ticket":"T","event":"approved","time":"2017-11-02T19:00:03Z","actor":{"login":"lead"]}`)
			},
			told{File: bundle, Part: trails.Entries, Entry: 3, Size: 4, Reads: []string{"r2 by lead", `no record: {"id":"r3","ticket":"T",`}},
		},
		"the length of an entry": {
			func(t *testing.T, folder string, _ trails.Place) { flip(t, filepath.Join(folder, bundle), 0) },
			told{File: bundle, Part: trails.Entries, Entry: 0, Size: 4, Reads: []string{`no record: {"id":"r0","ticket":"T",`}},
		},
		"a hash of the tree": {
			func(t *testing.T, folder string, _ trails.Place) { flip(t, filepath.Join(folder, tile), 3*32+5) },
			told{File: tile, Part: trails.Hashes, Entry: 3, Size: 4, Reads: []string{"r2 by lead", "r3 by lead"}},
		},
		"the size in the checkpoint": {
			func(t *testing.T, folder string, p trails.Place) {
				exchange(t, filepath.Join(p.Dir, "checkpoint"), "\n4\n", "\n3\n")
			},
			told{File: "story/checkpoint", Part: trails.Checkpoint, Size: 4},
		},
		"the signature of the checkpoint": {
			func(t *testing.T, folder string, p trails.Place) { flip(t, filepath.Join(p.Dir, "checkpoint"), 150) },
			told{File: "story/checkpoint", Part: trails.Checkpoint, Size: 4},
		},
		"no checkpoint": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, filepath.Join(p.Dir, "checkpoint")) },
			told{File: "story/checkpoint", Part: trails.Checkpoint, Size: 4, Missing: true},
		},
		"no tiles": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, filepath.Join(p.Dir, "tile")) },
			told{File: tile, Part: trails.Hashes, Size: 4, Missing: true},
		},
		"no entries": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, filepath.Join(folder, bundle)) },
			told{File: bundle, Part: trails.Entries, Size: 4, Missing: true},
		},
		"nothing published": {
			func(t *testing.T, folder string, p trails.Place) {
				remove(t, filepath.Join(p.Dir, "tile"))
				remove(t, filepath.Join(p.Dir, "checkpoint"))
			},
			told{File: "story/checkpoint", Part: trails.Checkpoint, Size: 4, Missing: true},
		},
		"no directory": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, p.Dir) },
			told{File: "story", Part: trails.Directory, Missing: true},
		},
		"a file in the place of the directory": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, p.Dir); write(t, p.Dir, "") },
			told{File: "story", Part: trails.Directory},
		},
		"a link in the place of the directory": {
			func(t *testing.T, folder string, p trails.Place) {
				elsewhere := filepath.Join(t.TempDir(), "elsewhere")
				if err := errors.Join(os.Rename(p.Dir, elsewhere), os.Symlink(elsewhere, p.Dir)); err != nil {
					t.Fatal(err)
				}
			},
			told{File: "story", Part: trails.Directory},
		},
		"no private key": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, p.Key) },
			told{File: "story.key", Part: trails.Key, Missing: true},
		},
		"no public key": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, p.Public()) },
			told{File: "story.key.pub", Part: trails.Key, Missing: true},
		},
		"a byte of the private key": {
			func(t *testing.T, folder string, p trails.Place) { flip(t, p.Key, 70) },
			told{File: "story.key", Part: trails.Key},
		},
		"a byte of the public key": {
			func(t *testing.T, folder string, p trails.Place) { flip(t, p.Public(), 60) },
			told{File: "story.key.pub", Part: trails.Key},
		},
		"the name of the public key": {
			func(t *testing.T, folder string, p trails.Place) {
				private, public, err := note.GenerateKey(rand.Reader, "elevenminutes.example/another")
				if err != nil {
					t.Fatal(err)
				}
				write(t, p.Key, private)
				write(t, p.Public(), public)
			},
			told{File: "story.key.pub", Part: trails.Key},
		},
		"another private key": {
			func(t *testing.T, folder string, p trails.Place) {
				private, _ := otherKey(t, p)
				write(t, p.Key, private)
			},
			told{File: "story.key", Part: trails.Key},
		},
		"other keys": {
			func(t *testing.T, folder string, p trails.Place) {
				private, public := otherKey(t, p)
				write(t, p.Key, private)
				write(t, p.Public(), public)
			},
			told{File: "story.head", Part: trails.Head},
		},
		"no trusted head": {
			func(t *testing.T, folder string, p trails.Place) { remove(t, p.Head) },
			told{File: "story.head", Part: trails.Head, Missing: true},
		},
		"an empty trusted head": {
			func(t *testing.T, folder string, p trails.Place) { write(t, p.Head, "") },
			told{File: "story.head", Part: trails.Head},
		},
		"the newer half of the trusted head": {
			func(t *testing.T, folder string, p trails.Place) {
				text, err := os.ReadFile(p.Head)
				if err != nil {
					t.Fatal(err)
				}
				at := bytes.Index(text, []byte("\n4\n"))
				flip(t, p.Head, at+1)
			},
			told{File: "story.head", Part: trails.Head},
		},
		"an older copy in its place": {
			func(t *testing.T, folder string, p trails.Place) {
				older := filepath.Join(t.TempDir(), "older")
				copyTo(t, p.Dir, older)
				appendTo(t, p.Config(), record(4), record(5))
				remove(t, p.Dir)
				copyTo(t, older, p.Dir)
			},
			told{File: "story/checkpoint", Part: trails.End, Entry: 4, Size: 6},
		},
		"an older checkpoint in its place": {
			func(t *testing.T, folder string, p trails.Place) {
				older := filepath.Join(t.TempDir(), "checkpoint")
				copyTo(t, filepath.Join(p.Dir, "checkpoint"), older)
				appendTo(t, p.Config(), record(4))
				copyTo(t, older, filepath.Join(p.Dir, "checkpoint"))
			},
			told{File: "story/checkpoint", Part: trails.End, Entry: 4, Size: 5},
		},
		"an entry, with all hashes, signed with the key": {
			func(t *testing.T, folder string, p trails.Place) {
				forged := records(4)
				forged[1].Actor.Login = "another"
				rewrite(t, p, forged...)
			},
			told{File: "story/checkpoint", Part: trails.History, Size: 4},
		},
		"an entry that goes on, signed with the key": {
			func(t *testing.T, folder string, p trails.Place) {
				forged := records(9)
				forged[1].Actor.Login = "another"
				rewrite(t, p, forged...)
			},
			told{File: "story/checkpoint", Part: trails.History, Size: 4},
		},
		"the end, cut off and signed with the key": {
			func(t *testing.T, folder string, p trails.Place) { rewrite(t, p, records(3)...) },
			told{File: "story/checkpoint", Part: trails.End, Entry: 3, Size: 4},
		},
		"an entry, with all hashes, that nobody could sign": {
			func(t *testing.T, folder string, p trails.Place) {
				checkpoint := filepath.Join(t.TempDir(), "checkpoint")
				copyTo(t, filepath.Join(p.Dir, "checkpoint"), checkpoint)
				forged := records(4)
				forged[1].Actor.Login = "another"
				rewrite(t, p, forged...)
				copyTo(t, checkpoint, filepath.Join(p.Dir, "checkpoint"))
			},
			told{File: "story/checkpoint", Part: trails.Checkpoint, Size: 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, place := written(t, records(4)...)
			tc.change(t, folder, place)
			before := files(t, folder)
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
			if diff := cmp.Diff(before, files(t, folder)); diff != "" {
				t.Errorf("the evidence was written to (-before +after):\n%s", diff)
			}
		})
	}
}

func TestAnEntryIsFoundInAnyBundle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		at   int // the entry
		want told
	}{
		"the last of a full one":     {"story/tile/entries/000", 255, told{Part: trails.Entries, Entry: 255, Size: 300}},
		"the first of a partial one": {"story/tile/entries/001.p/44", 0, told{Part: trails.Entries, Entry: 256, Size: 300}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, _ := written(t, records(300)...)
			bundle, err := os.ReadFile(filepath.Join(folder, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			start := 0
			for range tc.at {
				start += 2 + int(bundle[start])<<8 + int(bundle[start+1])
			}
			login := start + bytes.Index(bundle[start:], []byte(`"lead"`)) + 1
			bundle[login] = 'd'
			write(t, filepath.Join(folder, tc.file), string(bundle))
			_, changed := inspect(t, open(t, folder))
			if len(changed) != 1 {
				t.Fatalf("changed are %v", changed)
			}
			got := tell(t, folder, changed[0])
			var by []string
			for _, text := range got.Reads {
				_, login, _ := strings.Cut(text, " by ")
				by = append(by, login)
			}
			if diff := cmp.Diff([]string{"lead", "dead", "lead"}, by); diff != "" {
				t.Errorf("around it are (-want +got):\n%s", diff)
			}
			tc.want.File, got.Reads = tc.file, nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// A record that is too long for an entry stands in several.
func TestAPartOfALongRecordIsNoRecord(t *testing.T) {
	t.Parallel()
	long := record(0)
	long.Reason = strings.Repeat("long ", 20_000)
	folder, place := written(t, long, record(1))
	bundle := filepath.Join(place.Dir, "tile", "entries", "000.p", "4")
	exchange(t, bundle, `"r1","ticket":"T"`, `"r1","ticket":"U"`)
	_, changed := inspect(t, open(t, folder))
	if len(changed) != 1 || changed[0].Entry != 3 || len(changed[0].Around) != 2 {
		t.Fatalf("changed are %v", changed)
	}
	if e := changed[0].Around[0]; e.Record != nil || e.Err == nil || !strings.Contains(e.Err.Error(), "0x02") {
		t.Errorf("entry %d is read as %v, %v; want the end of a record in parts", e.Index, e.Record, e.Err)
	}
}

package trail_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

var update = flag.Bool("update", false, "write the golden directory anew")

// goldenDir is a log as version 1 wrote it. It must be readable for ever.
const goldenDir = "testdata/v1"

const goldenOrigin = "example.com/golden"

// goldenKeys are always the same, as text.
func goldenKeys(t *testing.T) (private, public string) {
	t.Helper()
	seed := bytes.Repeat([]byte{11}, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	public, err := note.NewEd25519VerifierKey(goldenOrigin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(public, "+")[1]
	encoded := base64.StdEncoding.EncodeToString(append([]byte{1}, seed...))
	return fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", goldenOrigin, id, encoded), public
}

// goldenRecords fill more than a tile, and one of them is in parts.
func goldenRecords() []audit.Record {
	records := make([]audit.Record, 300)
	for i := range records {
		records[i] = audit.Record{
			ID:     fmt.Sprintf("record-%d", i),
			Ticket: fmt.Sprintf("ticket-%d", i/3),
			Event:  audit.EventOutcome,
			Time:   time.Date(2017, 11, 2, 18, 44, i, 0, time.UTC),
			Actor:  audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
			Target: audit.Target{ID: fmt.Sprintf("account-%d", i%7)},
		}
	}
	records[7] = audittest.Record("record-7")
	records[270].Reason = strings.Repeat("a long story ", 6000)
	return records
}

func goldenConfig(t *testing.T, base string) trail.Config {
	t.Helper()
	private, public := goldenKeys(t)
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return trail.Config{
		Dir:          filepath.Join(base, "trail"),
		Origin:       goldenOrigin,
		Signer:       signer,
		VerifierKey:  public,
		TrustedHead:  trail.HeadFile(filepath.Join(base, "head")),
		Room:         1 << 20, // so that nothing is published before it is asked for
		PublishEvery: 24 * time.Hour,
	}
}

// writeGolden writes the golden log: 20 records in the write-ahead file only,
// as a crash leaves them.
func writeGolden(t *testing.T, base string) {
	t.Helper()
	c := goldenConfig(t, filepath.Join(t.TempDir()))
	l, err := trail.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i, r := range goldenRecords() {
		if err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if i == 279 {
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.CopyFS(base, os.DirFS(filepath.Dir(c.Dir))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wal-0", "wal-1"} {
		path := filepath.Join(base, "trail", "log", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The zeros at the end say nothing; a file that is too short is filled.
		b = bytes.TrimRight(b, "\x00")
		if err := os.WriteFile(path, append(b, make([]byte, 8)...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var updating sync.Once

// updateGolden writes the golden log anew if it is told to.
func updateGolden(t *testing.T) {
	t.Helper()
	updating.Do(func() {
		if !*update {
			return
		}
		if err := os.RemoveAll(goldenDir); err != nil {
			t.Fatal(err)
		}
		writeGolden(t, goldenDir)
	})
}

func TestALogOfVersion1CanBeReadForEver(t *testing.T) {
	t.Parallel()
	updateGolden(t)
	base := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(base, os.DirFS(goldenDir)); err != nil {
		t.Fatal(err)
	}
	_, public := goldenKeys(t)
	verifier, err := proof.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := os.DirFS(filepath.Join(base, "trail"))
	before, err := trail.Verify(t.Context(), dir, verifier, trail.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := trail.Open(t.Context(), goldenConfig(t, base))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got []audit.Record
	for r, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if diff := cmp.Diff(goldenRecords(), got); diff != "" {
		t.Errorf("the golden log's records (-want +got):\n%s", diff)
	}
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := trail.Verify(t.Context(), dir, verifier, trail.VerifyOptions{Head: before.Signed})
	if err != nil || after.Checkpoint.Size <= before.Checkpoint.Size {
		t.Errorf("after opening the log has %d entries, before %d: %v", after.Checkpoint.Size, before.Checkpoint.Size, err)
	}
}

func TestThePublicFormatDoesNotChange(t *testing.T) {
	t.Parallel()
	updateGolden(t)
	base := filepath.Join(t.TempDir(), "written")
	writeGolden(t, base)
	want, got := publicFiles(t, goldenDir), publicFiles(t, base)
	if len(want) < 5 {
		t.Fatalf("the golden log has %d public files", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("public files (-golden +written now):\n%s", diff)
	}
}

// publicFiles returns what a log serves, by name.
func publicFiles(t *testing.T, base string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(filepath.Join(base, "trail"))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "log/") {
			return err
		}
		b, err := fs.ReadFile(root, path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

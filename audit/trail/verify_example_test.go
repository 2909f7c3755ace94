package trail_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

func ExampleVerify() {
	dir, key, err := exampleLog() // the directory of a log, and its public key
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	verifier, err := proof.NewVerifier(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	found, err := trail.Verify(ctx, os.DirFS(dir), verifier, trail.VerifyOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: all %d entries are as they were signed\n", found.Checkpoint.Origin, found.Checkpoint.Size)

	// Somebody makes a suspension out of a warning.
	bundle := filepath.Join(dir, "tile", "entries", "000.p", "2")
	if err := os.WriteFile(bundle, []byte("\x00\x11{\"kind\":\"notify\"}\x00\x12{\"kind\":\"suspend\"}"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	_, err = trail.Verify(ctx, os.DirFS(dir), verifier, trail.VerifyOptions{Head: found.Signed})
	var damage *trail.DamageError
	if errors.As(err, &damage) {
		fmt.Printf("%s: entry %d %s\n", damage.File, damage.Index, damage.Problem)
	}
	// Output:
	// example.com/trail: all 2 entries are as they were signed
	// tile/entries/000.p/2: entry 1 is not the one whose hash is in the tree
}

// exampleLog writes a log of two entries as a trail publishes it.
func exampleLog() (dir, key string, err error) {
	private, key, err := note.GenerateKey(rand.Reader, "example.com/trail")
	if err != nil {
		return "", "", err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return "", "", err
	}
	first, second := []byte(`{"kind":"notify"}`), []byte(`{"kind":"warn"}`)
	a, b := tlog.RecordHash(first), tlog.RecordHash(second)
	root := tlog.NodeHash(a, b)
	checkpoint, err := note.Sign(&note.Note{Text: fmt.Sprintf("example.com/trail\n2\n%v\n", root)}, signer)
	if err != nil {
		return "", "", err
	}
	dir, err = os.MkdirTemp("", "trail")
	if err != nil {
		return "", "", err
	}
	return dir, key, errors.Join(
		exampleFile(checkpoint, dir, "checkpoint"),
		exampleFile(slices.Concat(a[:], b[:]), dir, "tile", "0", "000.p", "2"),
		exampleFile(fmt.Appendf(nil, "\x00%c%s\x00%c%s", len(first), first, len(second), second), dir, "tile", "entries", "000.p", "2"),
	)
}

func exampleFile(data []byte, path ...string) error {
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

package trail_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// keyText is a key as text.
type keyText struct{ private, public string }

func newKeyText(tb testing.TB, name string) keyText {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		tb.Fatal(err)
	}
	return keyText{private, public}
}

func TestALogGoesOnWithAnotherKey(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	keys := []keyText{{}, newKeyText(t, "example.com/trail"), newKeyText(t, "example.com/trail")}
	configs := make([]trail.Config, len(keys))
	for i := range configs {
		c := p.config()
		if i > 0 {
			c.KeyFile = filepath.Join(p.base, "key"+string(rune('0'+i)))
			if err := os.WriteFile(c.KeyFile, []byte(keys[i].private), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		configs[i] = c
	}
	var all []told
	var publics []string
	for i, c := range configs {
		c.FormerKeys = slices.Clone(publics)
		if i > 0 {
			strict := c
			strict.FormerKeys = publics[1:]
			if _, err := trail.Open(t.Context(), strict); err == nil {
				t.Fatalf("key %d: opened though the key before is not known", i)
			}
		}
		l := openWith(t, c)
		for _, one := range all {
			again, err := l.Add(t.Context(), one.record)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(one.receipt, again); diff != "" {
				t.Errorf("key %d: the receipt of %s (-want +got):\n%s", i, one.record.ID, diff)
			}
		}
		publics = append([]string{l.VerifierKey()}, publics...)
		w := newTruth(t, l) // verifies with the newest key alone
		w.add(t, l, briefs(3*i, 3*i+3)...)
		all = append(all, w.told...)
		saveState(t, l, "state")

		v, err := proof.NewVerifier(publics...)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			text, err := l.ProveInclusion(t.Context(), one.receipt.Index)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Record(one.json, text); err != nil {
				t.Errorf("key %d: %s: %v", i, one.record.ID, err)
			}
			old, err := v.Checkpoint(one.receipt.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			text, err = l.ProveConsistency(t.Context(), old.Size)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Consistency(old, text); err != nil {
				t.Errorf("key %d: size %d: %v", i, old.Size, err)
			}
		}
		closeLog(t, l)
		if _, err := trail.Verify(t.Context(), os.DirFS(p.dir()), v, trail.VerifyOptions{Head: all[0].receipt.Checkpoint}); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}

	// Nothing but old receipts needs the former keys once the new one has signed.
	l := openWith(t, configs[2])
	v, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		again, err := l.Add(t.Context(), one.record)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := v.Checkpoint(again.Checkpoint); err != nil || c.Size <= again.Index || again.Index != one.receipt.Index {
			t.Errorf("%s: receipt for %d of a tree of %d: %v", one.record.ID, again.Index, c.Size, err)
		}
	}
}

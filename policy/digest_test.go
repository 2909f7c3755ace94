package policy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/policy"
)

func TestDigestIsOfTheRowsAlone(t *testing.T) {
	t.Parallel()
	want := open(t, base).Digest()
	lines := strings.Split(strings.TrimSpace(base), "\n")
	slices.Reverse(lines)
	for name, text := range map[string]string{
		"other order":            strings.Join(lines, "\n"),
		"comments and spaces":    "# mine\n\n" + strings.ReplaceAll(base, ", ", " ,\t"),
		"quotes and line ends":   strings.ReplaceAll(strings.ReplaceAll(base, "ann", `"ann"`), "\n", "\r\n"),
		"a byte order mark more": "\ufeff" + base,
	} {
		if got := open(t, text).Digest(); got != want {
			t.Errorf("%s: the digest changes", name)
		}
	}
}

func TestDigestChangesWithAnyRow(t *testing.T) {
	t.Parallel()
	seen := map[string]string{open(t, base).Digest(): "base"}
	for _, text := range []string{
		base + "p, mod, cancel, *, *, *, allow\n",
		base + "p, mod, cancel, *, *, *, deny\n",
		base + "g, zoe, mod, *, -, -\n",
		base + "g, zo, emod, *, -, -\n",
		base + "g, zoe, mod, *, 2017-11-02, -\n",
		base + "g, zoe, mod, *, -, 2017-11-02\n",
		strings.Replace(base, "10m, 24h", "10m, 1d", 1),
		strings.Replace(base, "lead|director director", "director lead|director", 1),
		strings.Replace(base, "g, ann, mod, *, -, -\n", "", 1),
	} {
		got := open(t, text).Digest()
		if other, ok := seen[got]; ok {
			t.Errorf("two policies have one digest:\n%s\n%s", text, other)
		}
		seen[got] = text
	}
}

// The digest is stored in records for ever, so its form is held.
func TestDigestIsStable(t *testing.T) {
	t.Parallel()
	const want = "f146c3dc3e8af8e112d6834c454f1d9019781e10eae8ec5b51e90ee5c794c754"
	if got := open(t, base).Digest(); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
}

// What a source calls its rows is no part of the policy.
func TestDigestForgetsSources(t *testing.T) {
	t.Parallel()
	c := config("")
	c.Source = policy.CSV("elsewhere.csv", base)
	a, err := policy.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest() != open(t, base).Digest() {
		t.Error("the digest changes with the source's name")
	}
}

package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"protected", "normal", "account.suspend", "vip", "request"}
	for word, want := range map[string]string{
		"Protected":        "protected", // case alone
		"protcted":         "protected", // left out
		"protectedd":       "protected", // put in
		"prutected":        "protected", // changed
		"portected":        "protected", // swapped
		"prutetced":        "protected", // two at once
		"accout.suspned":   "account.suspend",
		"requset":          "request",
		"vo":               "", // too short to tell
		"VIP":              "vip",
		"abnormals":        "", // three away
		"":                 "",
		"something else":   "",
		"acount.suspendss": "",
	} {
		if got := nearest(word, candidates); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// The distance is that of a plain recursive reading of its definition.
func TestEdits(t *testing.T) {
	t.Parallel()
	var plain func(a, b string) int
	plain = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		n, m := len(a)-1, len(b)-1
		cost := 1
		if a[n] == b[m] {
			cost = 0
		}
		best := min(plain(a[:n], b)+1, plain(a, b[:m])+1, plain(a[:n], b[:m])+cost)
		if n > 0 && m > 0 && a[n] == b[m-1] && a[n-1] == b[m] {
			best = min(best, plain(a[:n-1], b[:m-1])+1)
		}
		return best
	}
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		var b strings.Builder
		for range random.IntN(6) {
			b.WriteByte("abc"[random.IntN(3)])
		}
		return b.String()
	}
	for range 300 {
		a, b := word(), word()
		if got, want := edits(a, b, 10), plain(a, b); got != want {
			t.Errorf("edits(%q, %q) = %d, want %d", a, b, got, want)
		}
	}
}

func TestHintCountsManyNames(t *testing.T) {
	t.Parallel()
	many := newNames(strings.Split("a b c d e f g h i j k l m", " "))
	if got := many.hint("zzz"); got != "there are 13" {
		t.Errorf("hint is %q", got)
	}
}

// Greedy filling gets stuck where matching does not.
func TestFillable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		slots [][]string
		want  bool
	}{
		{"no slots", nil, true},
		{"a slot without candidates", [][]string{{}}, false},
		{"one login for two slots", [][]string{{"a"}, {"a"}}, false},
		{"the first must give way", [][]string{{"a", "b"}, {"a"}}, true},
		{"a chain of giving way", [][]string{{"a", "b"}, {"b", "c"}, {"a"}}, true},
		{"two logins for three slots", [][]string{{"a", "b"}, {"a", "b"}, {"b", "a"}}, false},
		{"a login named twice", [][]string{{"a", "a"}, {"a", "b"}}, true},
	} {
		if got := fillable(tc.slots); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

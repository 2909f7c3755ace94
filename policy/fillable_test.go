package policy_test

import (
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/policy"
)

// Quorums are looked at in each domain by itself.
func TestQuorumsMustBeFilledInEachDomain(t *testing.T) {
	t.Parallel()
	const rows = `p, mod, request, *, *, *, allow
p, lead, approve, *, *, *, allow
g, ann, mod, *, -, -
p2, request, *, *, *, *, none, -, -
`
	for name, tc := range map[string]struct{ rows, want string }{
		"held where it is asked for":     {"p2, request, *, *, en, *, lead, -, 24h\ng, lea, lead, en, -, -\n", ""},
		"held everywhere":                {"p2, request, *, *, en, *, lead, -, 24h\ng, lea, lead, *, -, -\n", ""},
		"held elsewhere":                 {"p2, request, *, *, en, *, lead, -, 24h\ng, lea, lead, de, -, -\n", "nobody can hold the role lead in domain en"},
		"held through a role there":      {"p2, request, *, *, en, *, lead, -, 24h\ng, lea, head, *, -, -\ng, head, lead, en, -, -\n", ""},
		"held through a role elsewhere":  {"p2, request, *, *, en, *, lead, -, 24h\ng, lea, head, de, -, -\ng, head, lead, en, -, -\n", "nobody can hold the role lead in domain en"},
		"enough in one, not in the next": {"p2, request, *, *, *, *, lead lead, -, 24h\ng, lea, lead, de, -, -\ng, lou, lead, *, -, -\ng, zoe, mod, en, -, -\n", "can't be filled by different logins of this policy for account.suspend at tier normal in domain en"},
		"the sum, not each row":          {"p2, request, *, *, en, *, lead, -, 24h\np2, request, *, normal, *, *, lead, -, 24h\ng, lea, lead, *, -, -\n", "(asked for by policy.csv:4, policy.csv:5, policy.csv:6)"},
	} {
		_, err := policy.Load(t.Context(), config(rows+tc.rows))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

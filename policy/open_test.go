package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy"
)

func TestBaseOpens(t *testing.T) {
	t.Parallel()
	open(t, base)
}

// Each row is added to a policy that opens.
func TestOpenRefusesRow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, row, column, value, problem string
	}{
		{"unknown row type", "p4, mod, request", "type", "p4", "is no row type; there are p, p2, p3, g"},
		{"row type in capitals", "P, mod, request, *, *, *, allow", "type", "P", `did you mean "p"?`},
		{"row type that Casbin would call a role definition", "g2, ann, mod", "type", "g2", "no row type"},
		{"no row type", ", mod, request, *, *, *, allow", "type", "", "no row type"},
		{"a column too few", "p, mod, cancel, *, *, allow", "", "", "has 5 columns behind p; it needs 6: role, step, kind, tier, domain, eft"},
		{"a column too many", "p, mod, cancel, *, *, *, allow, now", "", "", "has 7 columns behind p; it needs 6"},
		{"grant without bounds", "g, bob, mod, *", "", "", "has 3 columns behind g; it needs 5: login, role, domain, from, until"},
		{"blank column", "p, mod, cancel, *, , *, allow", "tier", "", "is empty"},
		{"comma in a column", `p, mod, cancel, *, *, "en,de", allow`, "domain", "en,de", "holds a comma"},
		{"control character", "p, mod, cancel, *, *, e\x01n, allow", "domain", "e\x01n", "invisible character (U+0001)"},
		{"invisible character", "p, mod, cancel, *, *, e\u200bn, allow", "domain", "e\u200bn", "invisible character (U+200B)"},
		{"same row twice", "p, mod, undo, *, *, *, allow", "", "", "is the same row as policy.csv:2; remove one"},
		{"same row twice with other spaces", "p,mod ,undo,*,*,*,allow", "", "", "is the same row as policy.csv:2"},

		{"effect in capitals", "p, mod, cancel, *, *, *, Deny", "eft", "Deny", "neither allow nor deny"},
		{"unknown effect", "p, mod, cancel, *, *, *, permit", "eft", "permit", "neither allow nor deny"},
		{"effect with a comment behind it", "p, mod, cancel, *, *, *, deny # for now", "eft", "deny # for now", "neither allow nor deny"},
		{"unknown step", "p, mod, cancle, *, *, *, allow", "step", "cancle", `did you mean "cancel"?`},
		{"every step allowed", "p, lead, *, *, *, *, allow", "step", "*", "would allow bypass too"},
		{"bypass for all kinds", "p, lead, bypass, *, normal, *, allow", "kind", "*", "wildcard for bypass"},
		{"bypass for all tiers", "p, lead, bypass, account.suspend, *, *, allow", "tier", "*", "wildcard for bypass"},
		{"label that allows", "p, @leaving, request, *, *, *, allow", "role", "@leaving", "labels never grant"},
		{"unknown label", "p, @leavin, request, *, *, *, deny", "role", "@leavin", `did you mean "leaving"?`},
		{"role for everybody", "p, *, cancel, *, *, *, allow", "role", "*", "is no role"},
		{"role with a bar", "p, mod|lead, cancel, *, *, *, allow", "role", "mod|lead", "is no role"},
		{"role with a space", "p, mod lead, cancel, *, *, *, allow", "role", "mod lead", "is no role"},
		{"role called none", "p, none, cancel, *, *, *, deny", "role", "none", "is no role"},
		{"role too long", "p, " + strings.Repeat("r", 257) + ", cancel, *, *, *, allow", "role", strings.Repeat("r", 257), "has 257 bytes"},

		{"unknown kind", "p, mod, cancel, account.suspent, *, *, allow", "kind", "account.suspent", `did you mean "account.suspend"?`},
		{"kind that is far from any", "p, mod, cancel, ban, *, *, allow", "kind", "ban", "there are account.suspend, account.limit, post.remove"},
		{"prefix that matches no kind", "p, mod, cancel, acount.*, *, *, allow", "kind", "acount.*", "matches no registered kind"},
		{"prefix without a dot", "p, mod, cancel, account*, *, *, allow", "kind", "account*", "is no pattern"},
		{"pattern in the middle", "p, mod, cancel, *.suspend, *, *, allow", "kind", "*.suspend", "is no pattern"},
		{"pattern twice", "p, mod, cancel, account.*.*, *, *, allow", "kind", "account.*.*", "is no pattern"},
		{"nothing as a kind", "p, mod, cancel, -, *, *, allow", "kind", "-", "is not registered"},
		{"the library's prefix as a kind", "p, mod, cancel, interlock., *, *, allow", "kind", "interlock.", "is not registered"},
		{"right to what freezes are recorded as", "p, lead, freeze, interlock.freeze, *, *, allow", "kind", "interlock.freeze", "is never asked about"},
		{"requirement of what freezes are recorded as", "p2, freeze, interlock.freeze, *, *, *, none, -, -", "kind", "interlock.freeze", "is never asked about"},
		{"limit of freezes by the kind that is frozen", "p3, person, account.*, *, *, freeze.requests, 1, 1h, refuse", "kind", "account.*", "is charged as interlock.freeze"},
		{"unknown tier", "p, mod, cancel, *, protcted, *, allow", "tier", "protcted", `did you mean "protected"?`},
		{"pattern as a tier", "p, mod, cancel, *, prot*, *, allow", "tier", "prot*", "is no tier"},
		{"nothing as a domain", "p, mod, cancel, *, *, -, allow", "domain", "-", "is no domain"},
		{"pattern as a domain", "p, mod, cancel, *, *, en*, allow", "domain", "en*", "is no domain"},
		{"domain too long", "p, mod, cancel, *, *, " + strings.Repeat("d", 257) + ", allow", "domain", strings.Repeat("d", 257), "has 257 bytes"},

		{"login for everybody", "g, *, mod, *, -, -", "login", "*", "names nobody"},
		{"label as a login", "g, @contractor, mod, *, -, -", "login", "@contractor", "labels never grant"},
		{"blank login", "g, , mod, *, -, -", "login", "", "is empty"},
		{"login too long", "g, " + strings.Repeat("l", 257) + ", mod, *, -, -", "login", strings.Repeat("l", 257), "has 257 bytes"},
		{"blank role", "g, bob, , *, -, -", "role", "", "is empty"},
		{"label as a granted role", "g, bob, @contractor, *, -, -", "role", "@contractor", "is a label"},
		{"until before from", "g, bob, mod, *, 2017-11-02, 2017-11-01", "until", "2017-11-01", "is not after from (2017-11-02)"},
		{"until at from", "g, bob, mod, *, 2017-11-02, 2017-11-02T00:00:00Z", "until", "2017-11-02T00:00:00Z", "is not after from"},
		{"date in another order", "g, bob, mod, *, 02.11.2017, -", "from", "02.11.2017", "is no moment"},
		{"time without a zone", "g, bob, mod, *, 2017-11-02T10:00:00, -", "from", "2017-11-02T10:00:00", "is no moment"},
		{"day that does not exist", "g, bob, mod, *, 2017-02-30, -", "from", "2017-02-30", "is no moment"},
		{"the year 1", "g, bob, mod, *, -, 0001-01-01", "until", "0001-01-01", "is not between the years 1970 and 2261"},
		{"the year 9999", "g, bob, mod, *, -, 9999-12-31", "until", "9999-12-31", "is not between the years"},

		{"requirement of a step that needs none", "p2, approve, *, *, *, *, none, -, -", "step", "approve", "is no step that needs anything"},
		{"requirement of every step", "p2, *, *, *, *, *, none, -, -", "step", "*", "is no step that needs anything"},
		{"unknown condition", "p2, request, *, *, *, weekend, none, -, -", "when", "weekend", "is no condition"},
		{"condition without a bound", "p2, request, *, *, *, duration, none, -, -", "when", "duration", "is no duration"},
		{"condition that compares the other way", "p2, request, *, *, *, reach<5, none, -, -", "when", "reach<5", "is no condition"},
		{"condition with an empty part", "p2, request, *, *, *, permanent&, none, -, -", "when", "", "is no condition"},
		{"condition with an unknown label", "p2, request, *, *, *, @contracter, none, -, -", "when", "@contracter", `did you mean "contractor"?`},
		{"condition of age outside undo", "p2, request, *, *, *, age>24h, none, -, -", "when", "age>24h", "only rows for undo"},
		{"reach that is no number", "p2, request, *, *, *, reach>1e6, none, -, -", "when", "reach>1e6", `"1e6" is no whole number`},
		{"reach that overflows", "p2, request, *, *, *, reach>9223372036854775808, none, -, -", "when", "reach>9223372036854775808", "is no whole number"},
		{"negative batch", "p2, request, *, *, *, batch>-1, none, -, -", "when", "batch>-1", "is no whole number"},
		{"negative duration", "p2, request, *, *, *, duration>-1h, none, -, -", "when", "duration>-1h", "has a sign"},
		{"quorum of nobody but by omission", "p2, request, *, *, *, *, -, -, -", "quorum", "-", `"-" is no role`},
		{"quorum of nobody or somebody", "p2, request, *, *, *, *, none|lead, -, 24h", "quorum", "none|lead", `"none" is no role`},
		{"quorum of nobody and somebody", "p2, request, *, *, *, *, none lead, -, 24h", "quorum", "none lead", `"none" is no role`},
		{"quorum of zero", "p2, request, *, *, *, *, 0, -, 24h", "quorum", "0", "nobody is granted the role 0"},
		{"quorum with a bar at its end", "p2, request, *, *, *, *, lead|, -, 24h", "quorum", "lead|", "a role on both sides"},
		{"quorum of a label", "p2, request, *, *, *, *, @contractor, -, 24h", "quorum", "@contractor", "labels never grant"},
		{"quorum of too many roles", "p2, request, *, *, *, *, a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q, -, 24h", "quorum", "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q", "has a slot of 17 roles"},
		{"quorum that names a role twice in a slot", "p2, request, *, *, *, *, lead|lead, -, 24h", "quorum", "lead|lead", "names lead twice"},
		{"quorum of too many", "p2, request, *, *, *, *, " + strings.Repeat("lead ", 17) + ", -, 24h", "quorum", strings.TrimSpace(strings.Repeat("lead ", 17)), "has 17 slots"},
		{"quorum without a deadline", "p2, request, *, *, *, *, lead, -, -", "deadline", "-", "is missing"},
		{"hold without a deadline", "p2, request, *, *, *, *, none, 10m, -", "deadline", "-", "is missing"},
		{"deadline that is not longer than the hold", "p2, request, *, *, *, *, none, 24h, 1d", "deadline", "1d", "is not longer than the hold (24h0m0s)"},
		{"hold of zero", "p2, request, *, *, *, *, none, 0s, 24h", "hold", "0s", "is zero"},
		{"negative hold", "p2, request, *, *, *, *, none, -10m, 24h", "hold", "-10m", "has a sign"},
		{"hold before a bypass", "p2, bypass, *, *, *, *, none, 10m, 24h", "hold", "10m", "does not wait"},
		{"hold without a unit", "p2, request, *, *, *, *, none, 10, 24h", "hold", "10", "is no duration"},
		{"deadline that overflows", "p2, request, *, *, *, *, lead, -, 2562048h", "deadline", "2562048h", "too long"},
		{"deadline that overflows in days", "p2, request, *, *, *, *, lead, -, 106752d", "deadline", "106752d", "too long"},
		{"deadline that overflows together", "p2, request, *, *, *, *, lead, -, 106751d24h", "deadline", "106751d24h", "too long"},
		{"deadline in days with a sign inside", "p2, request, *, *, *, *, lead, -, 2d-1h", "deadline", "2d-1h", "has a sign"},
		{"deadline in fractions of a day", "p2, request, *, *, *, *, lead, -, 1.5d", "deadline", "1.5d", "is no duration"},
		{"role in a quorum that nobody is granted", "p2, request, *, *, *, *, leed, -, 24h", "quorum", "leed", `nobody is granted the role leed; add a g row; did you mean "lead"?`},
		{"role in a quorum that may not approve", "p2, request, *, protected, *, *, mod, -, 24h", "quorum", "mod", "the role mod may not approve account.suspend at tier protected"},
		{"rows that add up to more than there are logins", "p2, request, *, protected, *, permanent, director, -, 24h", "quorum", "lead or director, director, director", "can't be filled by different logins"},
		{"rows of which one ends before the other's hold is over", "p2, request, *, protected, *, permanent, none, -, 5m", "deadline", "5m0s", "is not longer than the hold of 10m0s (policy.csv:8)"},

		{"limit for nothing known", "p3, persons, *, *, *, requests, 1, 1h, refuse", "per", "persons", `did you mean "person"?`},
		{"unknown unit", "p3, all, *, *, *, request, 1, 1h, refuse", "unit", "request", `did you mean "requests"?`},
		{"unit of a step without a budget", "p3, all, *, *, *, read.requests, 1, 1h, refuse", "unit", "read.requests", "is no unit"},
		{"unit of requests by another name", "p3, all, *, *, *, request.requests, 1, 1h, refuse", "unit", "request.requests", "is no unit"},
		{"unit that rejections never have", "p3, all, *, *, *, reject.open, 1, -, refuse", "unit", "reject.open", "never counts anything"},
		{"amount of zero", "p3, all, *, *, *, requests, 0, 1h, refuse", "amount", "0", "is no whole number from 1"},
		{"negative amount", "p3, all, *, *, *, requests, -5, 1h, refuse", "amount", "-5", "is no whole number from 1"},
		{"amount that is not a number", "p3, all, *, *, *, requests, NaN, 1h, refuse", "amount", "NaN", "is no whole number from 1"},
		{"amount without end", "p3, all, *, *, *, requests, Inf, 1h, refuse", "amount", "Inf", "is no whole number from 1"},
		{"amount that overflows a float", "p3, all, *, *, *, reach, 1e400, 1h, refuse", "amount", "1e400", "is no whole number from 1"},
		{"amount that overflows", "p3, all, *, *, *, reach, 9223372036854775808, 1h, refuse", "amount", "9223372036854775808", "is no whole number from 1"},
		{"amount that a bucket can't count", "p3, all, *, *, *, reach, 9007199254740993, 1h, refuse", "amount", "9007199254740993", "is no whole number from 1 to 9007199254740992"},
		{"window of zero", "p3, all, *, *, *, requests, 1, 0h, refuse", "window", "0h", "is zero"},
		{"negative window", "p3, all, *, *, *, requests, 1, -1h, refuse", "window", "-1h", "has a sign"},
		{"window that nobody lives to see the end of", "p3, all, *, *, *, requests, 1, 36501d, refuse", "window", "36501d", "longer than 100 years"},
		{"limit without a window", "p3, all, *, *, *, requests, 1, -, refuse", "window", "-", "does not fit the unit"},
		{"open limit with a window", "p3, all, *, *, *, open, 1, 1h, refuse", "window", "1h", "does not fit the unit"},
		{"limit that nobody keeps", "p3, all, *, *, *, requests, 1, 1h, none", "over", "none", "would make the limit no limit"},
		{"limit over nothing", "p3, all, *, *, *, requests, 1, 1h, -", "over", "-", "is no role"},
		{"limit with a role that nobody is granted", "p3, all, *, *, *, requests, 1, 1h, boss", "over", "boss", "nobody is granted the role boss"},
		{"limit with more approvals than there are logins", "p3, all, *, protected, *, actions, 1, 1h, director", "over", "lead or director, director, director", "can't be filled by different logins"},
		{"same limit with another over", "p3, person, *, *, *, requests, 10, 1h, lead", "over", "lead", "is all that differs from policy.csv:9"},

		{"request that nothing is stated for", "p, mod, unfreeze, *, normal, *, allow", "step", "unfreeze", "no p2 row says what it needs for account.suspend at tier normal in any domain that no row names"},
		{"bypass that nothing is stated for", "p, lead, bypass, account.suspend, normal, *, allow", "step", "bypass", "no p2 row says what it needs for account.suspend at tier normal"},
		{"role that has itself", "g, mod, mod, *, -, -", "role", "mod", "roles go in a circle: mod has mod (policy.csv:15)"},
		{"login named like a role", "g, intern, mod, *, -, -\np, intern, cancel, *, *, *, deny", "login", "intern", "is the name of a role that nobody is granted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, err := policy.Open(t.Context(), config(base+tc.row+"\n"))
			if err == nil || a != nil {
				t.Fatalf("Open = %v, %v; want a refusal", a, err)
			}
			got := *rowErrors(t, err)[0]
			if !strings.Contains(got.Problem, tc.problem) {
				t.Errorf("the problem is %q; want it to say %q", got.Problem, tc.problem)
			}
			got.Problem = ""
			source := lastLine(base)
			want := policy.RowError{Source: source, Column: tc.column, Value: tc.value}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("row error (-want +got):\n%s%v", diff, err)
			}
			if !strings.Contains(err.Error(), source) || !strings.HasPrefix(err.Error(), "policy: ") || strings.Count(err.Error(), "policy: ") != 1 {
				t.Errorf("the error does not name the row or the package: %v", err)
			}
		})
	}
}

func TestOpenRefusesRolesInACircle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, rows, want string }{
		{"of two", "g, mod, lead, *, -, -\n", "policy.csv:14: role \"mod\": roles go in a circle: lead has mod has lead (policy.csv:14, policy.csv:15); remove one of the rows"},
		{"that no moment and no domain closes", "g, mod, lead, en, 2017-11-02, 2017-11-03\n", "lead has mod has lead (policy.csv:14, policy.csv:15)"},
		{"behind a way into it", "g, lou, x, *, -, -\ng, x, y, *, -, -\ng, y, z, *, -, -\ng, z, y, *, -, -\n", "y has z has y (policy.csv:17, policy.csv:18)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Open(t.Context(), config(base+tc.rows))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open: %v; want it to say %q", err, tc.want)
			}
		})
	}
}

// Policies that are wrong as a whole.
func TestOpenRefusesPolicy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "policy: the policy is empty: policy.csv has no rows"},
		{"comments only", "# p, mod, request, *, *, *, allow\n\n", "the policy is empty"},
		{"no row that allows", "p, mod, request, *, *, *, deny\ng, ann, mod, *, -, -\n", "policy.csv: the policy allows nothing"},
		{"conditional requirement only", "p, mod, request, *, normal, *, allow\np2, request, *, *, *, permanent, none, -, -\n", "policy.csv:1: step \"request\": is allowed, but no p2 row says what it needs for account.suspend at tier normal in any domain that no row names and 2 more; add one whose when is *"},
		{"requirement of another tier only", "p, mod, request, account.limit, *, *, allow\np2, request, *, normal, *, *, none, -, -\n", "for account.limit at tier protected"},
		{"requirement of another domain only", "p, mod, request, account.limit, normal, *, allow\np2, request, *, *, en, *, none, -, -\n", "in any domain that no row names"},
		{"requirement of another step only", "p, mod, request, account.limit, normal, en, allow\np2, undo, *, *, *, *, none, -, -\n", "for account.limit at tier normal in domain en"},
		{"unfreeze of everything without a requirement for everything", "p, mod, unfreeze, *, *, *, allow\np2, unfreeze, account.*, *, *, *, none, -, -\np2, unfreeze, post.*, *, *, *, none, -, -\n", "for every kind at tier normal"},
		{"the library's own kind without a requirement", "p, mod, request, interlock.policy, *, en, allow\np2, request, account.*, *, *, *, none, -, -\n", "for interlock.policy at tier normal"},
		{"approver in another domain", "p, lead, approve, *, *, *, allow\np, lead, request, *, *, *, allow\np2, request, *, *, en, *, lead, -, 24h\np2, request, *, *, *, *, none, -, -\ng, lea, lead, de, -, -\n", "nobody can hold the role lead in domain en"},
		{"approver through grants that never hold together", "p, lead, approve, *, *, *, allow\np2, request, *, *, *, *, lead, -, 24h\ng, lea, senior, *, -, 2017-01-01\ng, senior, lead, *, 2017-01-01, -\n", "nobody can hold the role lead in any domain that no row names"},
		{"approver who is denied it", "p, lead, approve, *, *, *, allow\np, lead, *, account.limit, *, *, deny\np2, request, *, *, *, *, lead, -, 24h\ng, lea, lead, *, -, -\n", "the role lead may not approve account.limit at tier normal"},
		{"two slots and one login with both roles", "p, a, approve, *, *, *, allow\np, b, approve, *, *, *, allow\np2, request, *, *, *, *, a b, -, 24h\ng, lea, a, *, -, -\ng, lea, b, *, -, -\n", "can't be filled by different logins"},
		{"unreadable and wrong rows", "p, \"mod, request\np, mod\np, mod, request, *, *, *, Allow\n", "the policy has 3 errors:\n\tpolicy.csv:1: the line is not CSV: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Open(t.Context(), config(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open: %v; want it to say %q", err, tc.want)
			}
		})
	}
}

func TestOpenReportsAllRowsTogether(t *testing.T) {
	t.Parallel()
	_, err := policy.Open(t.Context(), config(base+"p, mod, cancel, *, protcted, e*, Allow\np9\n\xff\n"))
	var got []string
	for _, row := range rowErrors(t, err) {
		got = append(got, row.Source+" "+row.Column)
	}
	// What can't be read comes first.
	want := []string{"policy.csv:17 ", "policy.csv:15 eft", "policy.csv:15 tier", "policy.csv:15 domain", "policy.csv:16 type"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	var row *policy.RowError
	if !errors.As(err, &row) || row.Source != "policy.csv:17" {
		t.Errorf("errors.As finds %v, want the first row error", row)
	}
}

// A quorum that can't be filled anywhere is one mistake, not one for each kind,
// tier and domain.
func TestOpenReportsEachQuorumOnce(t *testing.T) {
	t.Parallel()
	_, err := policy.Open(t.Context(), config(base+"p2, request, *, *, *, permanent, director director, 2h, 3h\np2, undo, *, *, *, *, none, 3h, 4h\np2, undo, *, *, *, age>1h, none, -, 1h\np, ann, read, *, *, fr, deny\np, ann, read, *, *, de, deny\ng, anna, ann, *, -, -\n"))
	var got []string
	for _, row := range rowErrors(t, err) {
		got = append(got, row.Source+" "+row.Column)
	}
	if diff := cmp.Diff([]string{"policy.csv:15 quorum", "policy.csv:17 deadline"}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s%v", diff, err)
	}
}

func TestErrorOfManyRowsIsCut(t *testing.T) {
	t.Parallel()
	_, err := policy.Open(t.Context(), config(strings.Repeat("x\n", 1000)))
	if n := len(rowErrors(t, err)); n != 1000 {
		t.Errorf("%d errors are listed, want 1000", n)
	}
	if text := err.Error(); strings.Count(text, "\n") != 101 || !strings.HasSuffix(text, "and 900 more") {
		t.Errorf("the text has %d lines and ends with %q", strings.Count(text, "\n")+1, text[len(text)-40:])
	}
}

func TestLongValuesAreCutInErrors(t *testing.T) {
	t.Parallel()
	_, err := policy.Open(t.Context(), config(base+"p, "+strings.Repeat("r", 5000)+", cancel, *, *, *, allow\n"))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenRefusesConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*policy.Config)
		want   string
	}{
		{"zero", func(c *policy.Config) { *c = policy.Config{} }, "policy: Config.Source is missing"},
		{"no source", func(c *policy.Config) { c.Source = nil }, "policy: Config.Source is missing"},
		{"typed nil source", func(c *policy.Config) { c.Source = (*source)(nil) }, "policy: Config.Source is missing"},
		{"no kinds", func(c *policy.Config) { c.Kinds = nil }, "policy: Config.Kinds is empty"},
		{"no tiers", func(c *policy.Config) { c.Tiers = []string{} }, "policy: Config.Tiers is empty"},
		{"empty kind", func(c *policy.Config) { c.Kinds = append(c.Kinds, "") }, `policy: Config.Kinds: "" is empty`},
		{"pattern as a kind", func(c *policy.Config) { c.Kinds = append(c.Kinds, "*") }, `policy: Config.Kinds: "*" means something else`},
		{"the library's own kind", func(c *policy.Config) { c.Kinds = append(c.Kinds, "interlock.x") }, `policy: Config.Kinds has "interlock.x"`},
		{"kind twice", func(c *policy.Config) { c.Kinds = append(c.Kinds, c.Kinds[0]) }, `policy: Config.Kinds: "account.suspend" is named twice`},
		{"tier with a comma", func(c *policy.Config) { c.Tiers = []string{"a,b"} }, `policy: Config.Tiers: "a,b" holds a comma`},
		{"tier that is too long", func(c *policy.Config) { c.Tiers = []string{strings.Repeat("t", 257)} }, "has 257 bytes"},
		{"label with its @", func(c *policy.Config) { c.Labels = []string{"@leaving"} }, `policy: Config.Labels: "@leaving" means something else`},
		{"domain that means none", func(c *policy.Config) { c.Domains = []string{"-"} }, `policy: Config.Domains: "-" means something else`},
		{"negative staleness", func(c *policy.Config) { c.MaxStaleness = -time.Second }, "policy: Config.MaxStaleness is -1s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := config(base)
			tc.change(&c)
			a, err := policy.Open(t.Context(), c)
			if a != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open = %v, %v; want it to say %q", a, err, tc.want)
			}
		})
	}
}

func TestRowsMayNameConfiguredDomainsOnly(t *testing.T) {
	t.Parallel()
	c := config(base + "g, bob, mod, fr, -, -\n")
	c.Domains = []string{"en", "de"}
	_, err := policy.Open(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), `policy.csv:15: domain "fr": is no domain; there are en, de`) {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenCopiesConfig(t *testing.T) {
	t.Parallel()
	c := config(base)
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Kinds[0], c.Tiers[0] = "x", "y"
	if err := a.Reload(t.Context()); err != nil {
		t.Errorf("Reload: %v", err)
	}
}

package policy_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTrapNamesThatCollide(t *testing.T) {
	t.Parallel()
	one, _ := casbin.GetCacheKey("ann$$x", "y")
	two, _ := casbin.GetCacheKey("ann", "x$$y")
	caught(t, one == two, "cache keys of different requests are alike")
	text := basicModel(effectPolicy, "", allowAndDeny, basicMatcher)
	e := plain(t, text)
	e.EnableAutoSave(false)
	first, _ := e.AddPolicy("ann", "x,y", "z", "deny")
	second, err := e.AddPolicy("ann,x", "y", "z", "deny")
	caught(t, first && !second && err == nil, "a deny row is not added, since it is joined like another")

	// Names with $$ stay apart; names with commas do not get in.
	c := threeColumns(text, "p, ann$$x, y, normal, allow\np, ann, account.suspend, normal, allow\n")
	c.Kinds = []string{"y", "x$$y", "account.suspend"}
	a := openModel(t, c)
	if !modelAllows(t, a, ask("ann$$x", kind("y"))) || modelAllows(t, a, ask("ann", kind("x$$y"))) {
		t.Error("names that are joined alike are taken for each other")
	}
	comma := []string{"p", "ann", "x,y", "z", "deny"}
	c.Source = policy.Adapter("rows", adapterOf([]string{"p", "ann", "y", "normal", "allow"}, comma))
	refusedAsModel(t, c, "holds a comma")
	if d, _ := a.Decide(t.Context(), ask("ann,x", kind("y"))); d.Allowed {
		t.Error("a login with a comma is allowed")
	}
	refusedAsPolicy(t, base+`g, "ann,x", mod, *, -, -`, "holds a comma")
	// Of a policy: TestNamesThatAreJoinedAlikeStayApart.
}

func TestTrapOrderAfterRemoval(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "g = _, _", "e = priority(p.eft) || deny", roleMatcher)
	e := plain(t, text,
		[]string{"p", "eve", "account.limit", "normal", "allow"},
		[]string{"p", "ann", "account.suspend", "normal", "deny"},
		[]string{"p", "mod", "account.suspend", "normal", "allow"},
		[]string{"g", "ann", "mod"})
	e.EnableAutoSave(false)
	before := enforce(t, e, "ann", "account.suspend", "normal")
	if _, err := e.RemovePolicy("eve", "account.limit", "normal", "allow"); err != nil {
		t.Fatal(err)
	}
	caught(t, !before && enforce(t, e, "ann", "account.suspend", "normal"), "taking away another row puts the last one first")

	s := new(source)
	const rest = "p, ann, account.suspend, normal, deny\np, mod, account.suspend, normal, allow\ng, ann, mod\n"
	s.setText("p, eve, account.limit, normal, allow\n" + rest)
	c := threeColumns(text, "")
	c.Source = s
	a := openModel(t, c)
	first := modelAllows(t, a, ask("ann"))
	s.setText(rest)
	if err := a.Reload(t.Context()); err != nil || first || modelAllows(t, a, ask("ann")) {
		t.Errorf("the row that denies is not the first any more: %v", err)
	}
	// Explicit priority: sorted afresh by each load.
	explicit := basicModel("p = priority, sub, obj, act, eft", "g = _, _", "e = priority(p.eft) || deny", roleMatcher)
	sorted := openModel(t, threeColumns(explicit, "p, 10, mod, account.suspend, normal, allow\np, 9, ann, account.suspend, normal, deny\ng, ann, mod\n"))
	if modelAllows(t, sorted, ask("ann")) {
		t.Error("rows are sorted by their digits")
	}
	for _, number := range []string{"1.5", "first", "+1", "01"} {
		refusedAsModel(t, threeColumns(explicit, "p, "+number+", mod, account.suspend, normal, allow\n"), "is no whole number")
	}
	// A policy has no order: one deny row is stronger than all that allow.
	flipped := strings.Replace(base, "g, ann, mod, *, -, -\n", "", 1)
	for _, text := range []string{"p, mod, request, account.suspend, *, *, deny\n" + flipped, flipped + "p, mod, request, account.suspend, *, *, deny\n"} {
		if allowed(t, open(t, text+"g, ann, mod, *, -, -\n"), ask("ann")) {
			t.Error("the order of rows decides")
		}
	}
}

func TestTrapEffectsThatAreMisspelt(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "g = _, _", allowAndDeny, roleMatcher)
	good := []string{"p", "mod", "account.suspend", "normal", "allow"}
	for _, effect := range []string{"Deny", "deny ", " deny", "DENY", "", "allow,deny", "denied"} {
		rows := [][]string{good, {"p", "ann", "account.suspend", "normal", effect}, {"g", "ann", "mod"}}
		caught(t, enforce(t, plain(t, text, rows...), "ann", "account.suspend", "normal"), "the effect "+effect+" is ignored")
		c := threeColumns(text, "")
		c.Source = policy.Adapter("rows", adapterOf(rows...))
		refusedAsModel(t, c, "rows:p[2]: eft")
		own := config("")
		own.Source = policy.Adapter("rows", adapterOf(append([][]string{{"p", "mod", "request", "*", "*", "*", effect}}, [][]string{{"p", "lead", "request", "*", "*", "*", "allow"}}...)...))
		if _, err := policy.Open(t.Context(), own); err == nil || !strings.Contains(err.Error(), "rows:p[1]: eft") {
			t.Errorf("Open with effect %q: %v", effect, err)
		}
	}
	for _, column := range []string{"effect", "Eft", "eff"} {
		text := basicModel("p = sub, obj, act, "+column, "g = _, _", allowAndDeny, roleMatcher)
		rows := [][]string{good, {"p", "ann", "account.suspend", "normal", "deny"}, {"g", "ann", "mod"}}
		caught(t, enforce(t, plain(t, text, rows...), "ann", "account.suspend", "normal"), "rows that deny in the column "+column+" allow")
		c := threeColumns(text, "")
		c.Source = policy.Adapter("rows", adapterOf(rows...))
		refusedAsModel(t, c, "no column eft")
		c.Model = basicModel("p = sub, obj, act, "+column, "g = _, _", someAllow, roleMatcher)
		refusedAsModel(t, c, "is no denial here")
	}
}

func TestTrapLiveSlices(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "", allowAndDeny, basicMatcher)
	row := []string{"p", "ann", "account.suspend", "normal", "deny"}
	e := plain(t, text, row)
	_, explained, err := e.EnforceEx("ann", "account.suspend", "normal")
	if err != nil {
		t.Fatal(err)
	}
	explained[3] = "allow"
	caught(t, enforce(t, e, "ann", "account.suspend", "normal"), "writing to an explanation edits the policy")

	// Neither an answer, nor the rows, nor what was passed edits a model.
	c := threeColumns(text, "")
	fields := []string{"ann", "account.suspend", "normal", "deny"}
	c.Source = liveRows{{Type: "p", Fields: fields, Source: "one"}, {Type: "p", Fields: []string{"bob", "account.suspend", "normal", "allow"}, Source: "two"}}
	steps, need := c.Steps, moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: 1}
	c.Requirement = func(context.Context, moderation.Question) (moderation.Requirement, error) { return need, nil }
	a := openModel(t, c)
	fields[3], steps[0] = "allow", moderation.StepBypass
	a.Rows()[0].Fields[3] = "allow"
	for _, login := range []string{"ann", "bob"} {
		d, err := a.Decide(t.Context(), ask(login))
		if err != nil || d.Allowed != (login == "bob") || len(d.Rules) != 1 {
			t.Fatalf("%s: %+v, %v", login, d, err)
		}
		d.Rules[0] = moderation.Rule{Source: "spoiled"}
		for i := range d.Requirement.Quorum.Slots {
			d.Requirement.Quorum.Slots[i][0] = "anybody"
		}
		if again, _ := a.Decide(t.Context(), ask(login)); again.Rules[0].Source == "spoiled" || again.Allowed && again.Requirement.Quorum.Slots[0][0] != "lead" {
			t.Errorf("writing to an answer changes the next: %+v", again)
		}
	}
	// Of a policy: TestWritingToAnAnswerChangesNoPolicy.
}

func TestTrapRowThatFailsAll(t *testing.T) {
	t.Parallel()
	good := []string{"p", "ann", "account.suspend", "normal"}
	for name, tc := range map[string]struct {
		matcher string
		bad     []string
		want    string
	}{
		"a short row":        {basicMatcher, []string{"p", "bob", "account.suspend"}, "has 2 columns behind p"},
		"a bad regexMatch":   {"m = r.sub == p.sub && r.obj == p.obj && regexMatch(r.act, p.act)", []string{"p", "bob", "account.suspend", "nor("}, "can't be read"},
		"a bad keyMatch2":    {"m = r.sub == p.sub && r.obj == p.obj && keyMatch2(r.act, p.act)", []string{"p", "bob", "account.suspend", "/(["}, "can't be read"},
		"a bad keyMatch4":    {"m = r.sub == p.sub && r.obj == p.obj && keyMatch4(r.act, p.act)", []string{"p", "bob", "account.suspend", "["}, "can't be read"},
		"a bad globMatch":    {"m = r.sub == p.sub && r.obj == p.obj && globMatch(r.act, p.act)", []string{"p", "bob", "account.suspend", "[a"}, "can't be read"},
		"a bad ipMatch":      {"m = r.obj == p.obj && r.act == p.act && ipMatch(r.sub, p.sub)", []string{"p", "10.0.0", "account.suspend", "normal"}, "can't be read"},
		"a bad expression":   {"m = r.obj == p.obj && r.act == p.act && eval(p.sub)", []string{"p", "r.sub ==", "account.suspend", "normal"}, "can't be read"},
		"an unknown request": {"m = r.obj == p.obj && r.act == p.act && eval(p.sub)", []string{"p", "r.subject == 'ann'", "account.suspend", "normal"}, "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := append([]string(nil), good...)
			switch {
			case strings.Contains(tc.matcher, "eval"):
				row[1] = "r.sub == 'ann'"
			case strings.Contains(tc.matcher, "ipMatch"):
				row[1] = "192.0.2.7"
			case strings.Contains(tc.matcher, "keyMatch2"):
				row[3] = "/:tier"
			}
			text := basicModel(basicPolicy, "", someAllow, tc.matcher)
			// Whoever comes behind the bad row gets an error, not an answer.
			_, err := plain(t, text, tc.bad, row).Enforce(tc.bad[1], "account.suspend", "normal")
			caught(t, err != nil, name+" fails the request")
			c := threeColumns(text, "")
			c.Source = policy.Adapter("rows", adapterOf(row, tc.bad))
			refusedAsModel(t, c, tc.want)
			refusedAsModel(t, c, "rows:p[2]")
			c.Source = policy.Adapter("rows", adapterOf(row))
			if _, err := policy.OpenModel(t.Context(), c); err != nil {
				t.Errorf("without the bad row: %v", err)
			}
		})
	}
	refusedAsPolicy(t, base+"p, mod, request, account.suspend\n", lastLine(base))
}

// An adapter that hides what it can't load would lose a row that denies.
func TestTrapAdapterThatHidesErrors(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "", allowAndDeny, basicMatcher)
	c := threeColumns(text, "")
	c.Source = policy.Adapter("rows", stringadapter.NewAdapter("p, ann, account.suspend, normal, allow\np, ann, account.suspend, deny"))
	refusedAsModel(t, c, "hides errors")
}

package scenario_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

func TestLinesAreRead(t *testing.T) {
	t.Parallel()
	duration := func(d time.Duration) *time.Duration { return &d }
	const spam = `08:01 mod do spam account.suspend @plain for=1h "spam"` + "\n"
	for name, tc := range map[string]struct {
		before string
		line   string
		want   scenario.Event
	}{
		"do": {line: `08:02 mod do s-1 account.suspend @mayor for=36h tier=protected case="C 7" key=k param.note="a \"b\"" param.lang=en "why"`,
			want: scenario.Event{Verb: scenario.Do, Actor: "mod", Name: "s-1", Kind: "account.suspend", Target: "@mayor", Duration: 36 * time.Hour,
				Tier: "protected", Case: "C 7", Key: "k", Parameters: map[string]string{"note": `a "b"`, "lang": "en"}, Reason: "why"}},
		"the key is the name, unless it is given": {line: `08:02 mod do s-1 account.warn acct-1 "why"`,
			want: scenario.Event{Verb: scenario.Do, Actor: "mod", Name: "s-1", Kind: "account.warn", Target: "acct-1", Key: "s-1", Reason: "why"}},
		"do for ever": {line: `08:02 mod do s-1 account.suspend @plain for=permanent ""`,
			want: scenario.Event{Verb: scenario.Do, Actor: "mod", Name: "s-1", Kind: "account.suspend", Target: "@plain", Duration: moderation.Permanent, Key: "s-1"}},
		"do again": {before: spam, line: `08:02 mod do spam`,
			want: scenario.Event{Verb: scenario.Do, Actor: "mod", Name: "spam", Again: true, Kind: "account.suspend", Target: "@plain", Duration: time.Hour, Key: "spam", Reason: "spam"}},
		"names in quotes are taken as they are": {line: `08:02 "mallory" do s-1 "account.erase" "@nobody" tier="secret" "why"`,
			want: scenario.Event{Verb: scenario.Do, Actor: "mallory", Name: "s-1", Kind: "account.erase", Target: "@nobody", Tier: "secret", Key: "s-1", Reason: "why"}},
		"explain": {line: `08:02 mod explain account.suspend @plain for=2d12h "why"`,
			want: scenario.Event{Verb: scenario.Explain, Actor: "mod", Kind: "account.suspend", Target: "@plain", Duration: 60 * time.Hour, Reason: "why"}},
		"approve":            {before: spam, line: `08:02 lead approve spam`, want: scenario.Event{Verb: scenario.Approve, Actor: "lead", Ticket: "spam"}},
		"approve another":    {before: spam, line: `08:02 lead approve spam shown=spam "ok"`, want: scenario.Event{Verb: scenario.Approve, Actor: "lead", Ticket: "spam", Shown: "spam", Reason: "ok"}},
		"approve an ID":      {line: `08:02 lead approve "ABC"`, want: scenario.Event{Verb: scenario.Approve, Actor: "lead", Ticket: "ABC", IsID: true}},
		"reject":             {before: spam, line: `08:02 lead reject spam "no"`, want: scenario.Event{Verb: scenario.Reject, Actor: "lead", Ticket: "spam", Reason: "no"}},
		"cancel":             {before: spam, line: `08:02 mod cancel spam "no"`, want: scenario.Event{Verb: scenario.Cancel, Actor: "mod", Ticket: "spam", Reason: "no"}},
		"undo":               {before: spam, line: `08:02 mod undo spam case=A "no"`, want: scenario.Event{Verb: scenario.Undo, Actor: "mod", Ticket: "spam", Name: "undo-spam", Key: "undo-spam", Case: "A", Reason: "no"}},
		"undo by a name":     {before: spam, line: `08:02 mod undo spam as=back key=k "no"`, want: scenario.Event{Verb: scenario.Undo, Actor: "mod", Ticket: "spam", Name: "back", Key: "k", Reason: "no"}},
		"freeze":             {line: `08:02 lead freeze f actor=mod kind=account.warn tier=ordinary domain=en for=1h "odd"`, want: scenario.Event{Verb: scenario.Freeze, Actor: "lead", Name: "f", Key: "f", Duration: time.Hour, Scope: moderation.Scope{Actor: "mod", Kind: "account.warn", Tier: "ordinary", Domain: "en"}, Reason: "odd"}},
		"freeze all":         {line: `08:02 lead freeze f all for=1h "odd"`, want: scenario.Event{Verb: scenario.Freeze, Actor: "lead", Name: "f", Key: "f", Duration: time.Hour, Scope: moderation.Scope{All: true}, Reason: "odd"}},
		"unfreeze":           {before: "08:01 lead freeze f all for=1h \"odd\"\n", line: `08:02 mod unfreeze f "well"`, want: scenario.Event{Verb: scenario.Unfreeze, Actor: "mod", Ticket: "f", Name: "unfreeze-f", Key: "unfreeze-f", Reason: "well"}},
		"resolve":            {before: spam, line: `08:02 lead resolve spam not_applied "asked"`, want: scenario.Event{Verb: scenario.Resolve, Actor: "lead", Ticket: "spam", Found: moderation.ProbeNotApplied, Reason: "asked"}},
		"revoke":             {line: `08:02 lead revoke mia "stolen"`, want: scenario.Event{Verb: scenario.Revoke, Actor: "lead", Person: "mia", Reason: "stolen"}},
		"ticket":             {before: spam, line: `08:02 lead ticket spam`, want: scenario.Event{Verb: scenario.Ticket, Actor: "lead", Ticket: "spam"}},
		"tickets":            {line: `08:02 lead tickets status=held,pending person=mia account=@plain kind=account.warn limit=3`, want: scenario.Event{Verb: scenario.Tickets, Actor: "lead", Target: "@plain", Query: moderation.Query{Status: []moderation.Status{"held", "pending"}, Person: "mia", Kind: "account.warn", Limit: 3}}},
		"advance":            {before: spam, line: `08:02 host advance spam`, want: scenario.Event{Verb: scenario.Advance, Actor: "host", Ticket: "spam"}},
		"handler":            {line: `08:02 host handler account.warn hangs`, want: scenario.Event{Verb: scenario.Handler, Actor: "host", Kind: "account.warn", Behaviour: scenario.Hangs, Call: moderation.CallApply}},
		"handler of an undo": {line: `08:02 host handler account.suspend loses-answer call=undo times=2`, want: scenario.Event{Verb: scenario.Handler, Actor: "host", Kind: "account.suspend", Behaviour: scenario.LosesAnswer, Call: moderation.CallUndo, Times: 2}},
		"person": {line: `08:02 host person lead status=departed last_day=2024-03-29`,
			want: scenario.Event{Verb: scenario.Person, Actor: "host", Login: "lead", Changes: []string{"status=departed", "last_day=2024-03-29"},
				NewActor: &moderation.Actor{Login: "lead", Person: "liv", Type: "human", Status: "departed", LastDay: moderation.LastDayAt(berlin(t, "2024-03-30T00:00:00"))}}},
		"person gone": {line: `08:02 host person lead removed`, want: scenario.Event{Verb: scenario.Person, Actor: "host", Login: "lead", Removed: true, Changes: []string{"removed"}}},
		"person new": {line: `08:02 host person "new" person=nora type=service status=active last_day=2024-04-01T12:00 labels="on-call" owners="mia liv"`,
			want: scenario.Event{Verb: scenario.Person, Actor: "host", Login: "new", Changes: []string{"person=nora", "type=service", "status=active", "last_day=2024-04-01T12:00", "labels=on-call", "owners=mia liv"},
				NewActor: &moderation.Actor{Login: "new", Person: "nora", Type: "service", Status: "active", LastDay: moderation.LastDayAt(berlin(t, "2024-04-01T12:00:00")), Labels: []string{"on-call"}, Owners: []string{"mia", "liv"}}}},
		"account by its handle": {line: `08:02 host account @plain tier=protected`,
			want: scenario.Event{Verb: scenario.Accounts, Actor: "host", Target: "acct-1", Changes: []string{"tier=protected"},
				Account: &scenario.Account{Target: moderation.Target{ID: "acct-1", Tier: "protected", Domain: "en", Reach: 10}, Handles: []string{"@plain", "@simple"}}}},
		"account that takes a handle": {line: `08:02 host account acct-2 handles=@plain`,
			want: scenario.Event{Verb: scenario.Accounts, Actor: "host", Target: "acct-2", Changes: []string{"handles=@plain"},
				Account: &scenario.Account{Target: moderation.Target{ID: "acct-2", Tier: "protected", Domain: "en", Reach: 2000}, Handles: []string{"@plain"}}}},
		"policy":         {line: `08:02 host policy policy.csv`, want: scenario.Event{Verb: scenario.Policy, Actor: "host", File: "policy.csv"}},
		"trail":          {line: `08:02 host trail fails`, want: scenario.Event{Verb: scenario.Trail, Actor: "host", Broken: true}},
		"directory":      {line: `08:02 host directory works`, want: scenario.Event{Verb: scenario.Directory, Actor: "host"}},
		"restart":        {line: `08:02 host restart`, want: scenario.Event{Verb: scenario.Restart, Actor: "host"}},
		"expect account": {line: `08:02 expect account @plain down downtime=90s`, want: scenario.Event{Verb: scenario.ExpectAccount, Target: "@plain", Down: true, Downtime: duration(90 * time.Second)}},
		"expect ticket":  {before: spam, line: `expect ticket spam timed_out`, want: scenario.Event{Verb: scenario.ExpectTicket, Ticket: "spam", Status: "timed_out"}},
		"a # in quotes, and one that is a comment": {line: `08:02 lead revoke mia "#1" # "two"`,
			want: scenario.Event{Verb: scenario.Revoke, Actor: "lead", Person: "mia", Reason: "#1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := lines(t, tc.before+tc.line)
			got := all[len(all)-1]
			if diff := cmp.Diff(&tc.want, got.Event, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if got.Text != tc.line || got.Number != 1+strings.Count(tc.before, "\n") {
				t.Errorf("line %d %q; want %q", got.Number, got.Text, tc.line)
			}
		})
	}
}

func TestLaterLinesKnowWhatEarlierOnesChanged(t *testing.T) {
	t.Parallel()
	all := lines(t, `08:01 host person "new" person=nora type=human status=active last_day=none
08:02 new revoke nora "by its bare name"
08:03 host person new labels=on-call
08:04 host account "acct-9" handles=@fresh tier=ordinary domain=en
08:05 mod do fresh account.warn @fresh "by its bare name"
`)
	if a := all[2].Event.NewActor; a.Person != "nora" || len(a.Labels) != 1 {
		t.Errorf("a second change starts from %+v; want what the first left", a)
	}
}

func TestHandlesMoveFromAccountToAccount(t *testing.T) {
	t.Parallel()
	all := lines(t, `08:01 host account acct-2 handles="@mayor @plain"
08:02 host account acct-1 tier=protected
08:03 mod do x account.warn @plain "whose is it"
`)
	if diff := cmp.Diff([]string{"@simple"}, all[1].Event.Account.Handles); diff != "" {
		t.Errorf("the handles that acct-1 has left (-want +got):\n%s", diff)
	}
	_, err := load(t, map[string]string{scenario.TimelineFile: "08:01 host account acct-2 handles=@cityhall\n08:02 mod do x account.warn @mayor \"gone\"\n"})
	if err == nil || !strings.Contains(err.Error(), `timeline.txt:2:29: "@mayor" is no account`) {
		t.Errorf("a handle that was given up is still known: %v", err)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ lines, want string }{
		"the start":                  {"expect account @plain up", "2024-03-30T08:00:00"},
		"a clock time":               {"18:59 expect account @plain up", "2024-03-30T18:59:00"},
		"with seconds":               {"18:59:30 expect account @plain up", "2024-03-30T18:59:30"},
		"another day":                {"2024-04-02T07:00 expect account @plain up", "2024-04-02T07:00:00"},
		"a clock time on that day":   {"2024-04-02T07:00 expect account @plain up\n07:05 expect account @plain up", "2024-04-02T07:05:00"},
		"a step":                     {"18:59 expect account @plain up\n+90s expect account @plain up", "2024-03-30T19:00:30"},
		"a step of days":             {"18:59 expect account @plain up\n+2d expect account @plain up", "2024-04-01T19:59:00"}, // one hour was skipped
		"the same moment":            {"18:59 expect account @plain up\n18:59 expect account @plain up", "2024-03-30T18:59:00"},
		"without one: as before":     {"18:59 expect account @plain up\nexpect account @plain up", "2024-03-30T18:59:00"},
		"a sentence: as before":      {"18:59 expect account @plain up\n> And then.", "2024-03-30T18:59:00"},
		"after the clock was turned": {"2024-03-31T03:30 expect account @plain up", "2024-03-31T03:30:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := lines(t, tc.lines)
			if got, want := all[len(all)-1].At, berlin(t, tc.want); !got.Equal(want) {
				t.Errorf("at %v; want %v", got, want)
			}
		})
	}
}

func TestExpectationsAreRead(t *testing.T) {
	t.Parallel()
	hour, two := time.Hour, 2
	for text, want := range map[string]scenario.Expectation{
		"done":                                  {Outcome: "done"},
		"done held":                             {Outcome: "done", Status: "held"},
		"done count=2":                          {Outcome: "done", Count: &two},
		"pending policy.csv:3":                  {Outcome: "pending", Sources: []string{"policy.csv:3"}},
		"refused":                               {Outcome: "refused"},
		"refused limited policy.csv:7 retry=1h": {Outcome: "refused", Code: "limited", Sources: []string{"policy.csv:7"}, Retry: &hour},
		"timed_out":                             {Outcome: "timed_out"},
		"error":                                 {Outcome: "error"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			want.Text = text
			line := `08:02 mod revoke mia "x -> y"   -> ` + text
			got := lines(t, line+"  # certainly")[0]
			if diff := cmp.Diff(&want, got.Want); diff != "" {
				t.Errorf("expectation (-want +got):\n%s", diff)
			}
			if line[got.Arrow:] != "-> "+text {
				t.Errorf("the arrow is thought to be before %q", line[got.Arrow:])
			}
		})
	}
}

// A code that the library has and the timeline can't expect would be a gap.
func TestEveryCodeOfTheLibraryCanBeExpected(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../moderation/code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if _, err := load(t, map[string]string{scenario.TimelineFile: `08:02 mod revoke mia "x" -> refused ` + code}); err != nil {
			t.Error(err)
		}
		return true
	})
	if found < 20 {
		t.Errorf("only %d codes were found", found)
	}
}

func TestAWholeFolderIsRead(t *testing.T) {
	t.Parallel()
	s, err := load(t, map[string]string{"other.csv": good["policy.csv"], scenario.TimelineFile: "\ufeff> Hello,\tworld.\r\n\r\n08:02 host policy other.csv -> done\r\n"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"> Hello,\tworld.", "", "08:02 host policy other.csv -> done"}, s.Timeline); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if s.Lines[0].Story != "Hello,\tworld." || s.Lines[0].Event != nil {
		t.Errorf("the first line is %+v; want a sentence", s.Lines[0])
	}
	if diff := cmp.Diff(map[string]string{"policy.csv": good["policy.csv"], "other.csv": good["policy.csv"]}, s.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	set := s.Settings
	if set.Title != "A morning" || !set.Start.Equal(berlin(t, "2024-03-30T08:00:00")) {
		t.Errorf("title %q, start %v", set.Title, set.Start)
	}
	if diff := cmp.Diff([]scenario.Kind{{Name: "account.suspend", Down: true, Undo: true, Timed: true}, {Name: "account.warn"}}, set.Kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"ordinary", "protected"}, {"on-call"}}, [][]string{set.Tiers, set.Labels}); diff != "" {
		t.Errorf("tiers and labels (-want +got):\n%s", diff)
	}
	if end, ok := s.People[1].LastDay.End(); !ok || !end.Equal(berlin(t, "2025-01-01T00:00:00")) {
		t.Errorf("the last day of lead ends at %v, %v", end, ok)
	}
	if s.Accounts[0].Name() != "@plain" || s.Accounts[1].Target.Reach != 2000 {
		t.Errorf("accounts %+v", s.Accounts)
	}
}

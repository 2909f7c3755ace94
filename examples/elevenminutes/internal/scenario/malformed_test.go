package scenario_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// Every fault names its file, line and column, what is wrong and what is
// allowed, and the whole text is held here: it is what a team reads.
func TestMalformedFoldersAreToldWhereAndWhy(t *testing.T) {
	t.Parallel()
	timeline := func(text string) func(*testing.T) map[string]string {
		return func(*testing.T) map[string]string { return map[string]string{scenario.TimelineFile: text} }
	}
	change := func(file, old, text string) func(*testing.T) map[string]string {
		return func(t *testing.T) map[string]string { return changed(t, file, old, text) }
	}
	whole := func(file, text string) func(*testing.T) map[string]string {
		return func(*testing.T) map[string]string { return map[string]string{file: text} }
	}
	const (
		do      = `NAME KIND ACCOUNT [for=] [tier=] [case=] [key=] [param.NAME=] "reason"`
		verbs   = `(do, explain, approve, reject, cancel, undo, freeze, unfreeze, resolve, revoke, ticket, tickets)`
		first   = `08:01 mod do spam account.suspend @plain for=1h "spam"` + "\n"
		quoting = "; in quotes it is taken as it is"
	)
	for name, tc := range map[string]struct {
		files func(*testing.T) map[string]string
		want  []string
	}{
		// The folder.
		"a missing file":  {whole("people.csv", "-"), []string{`morning/people.csv: can't be read: file does not exist`}},
		"an empty table":  {whole("people.csv", ""), []string{`morning/people.csv: is empty; it needs a header line`}},
		"only a header":   {whole("accounts.csv", "id,tier,domain\n"), []string{`morning/accounts.csv: has no account in it`}},
		"only nobody":     {whole("people.csv", "login,person,type,status,last_day\n"), []string{`morning/people.csv: has nobody in it`}},
		"a table in code": {whole("people.csv", "login\xff"), []string{`morning/people.csv: is not valid UTF-8`}},

		// scenario.txt.
		"no settings": {whole("scenario.txt", ""), []string{
			`morning/scenario.txt: zone is missing; add a line with zone and a time zone such as America/New_York`,
			`morning/scenario.txt: start is missing; add a line with start and a date and time such as 2017-11-02T18:45`,
			`morning/scenario.txt: kind is missing; add a line with kind and a dotted name and then any of down, undo, timed, idempotent, probe`,
			`morning/scenario.txt: tiers is missing; add a line with tiers and the tiers, the least protected first`,
		}},
		"a misspelt setting": {change("scenario.txt", "labels on-call", "lables on-call"), []string{
			`morning/scenario.txt:5:1: "lables" is no setting; did you mean "labels"? (kind, labels, lately, max-freeze, notice, questions, resolve-grace, start, tiers, title, zone)`}},
		"a setting twice": {change("scenario.txt", "labels on-call", "tiers a"), []string{`morning/scenario.txt:5:1: tiers is set twice, here and in line 4`}},
		"a setting without a value": {change("scenario.txt", "labels on-call", "notice"), []string{
			`morning/scenario.txt:5:1: notice has no value; it wants a duration`}},
		"a word too many": {change("scenario.txt", "labels on-call", "notice 7d sharp"), []string{
			`morning/scenario.txt:5:11: "sharp" is one word too many; notice wants a duration`}},
		"no duration": {change("scenario.txt", "labels on-call", "notice soon"), []string{
			`morning/scenario.txt:5:8: "soon" is no duration; write it as 90s, 15m, 2h30m or 7d; notice wants a duration`}},
		"no time at all": {change("scenario.txt", "labels on-call", "notice 0s"), []string{
			`morning/scenario.txt:5:8: "0s" is no time at all; notice wants a duration`}},
		"no number": {change("scenario.txt", "labels on-call", "questions many"), []string{
			`morning/scenario.txt:5:11: "many" is no number above zero; questions wants a number`}},
		"an unknown zone": {change("scenario.txt", "Europe/Berlin", "Europe/Atlantis"), []string{
			`morning/scenario.txt:2:8: "Europe/Atlantis" is no time zone that is known here; zone wants a time zone such as America/New_York`}},
		"the machine's own zone": {change("scenario.txt", "Europe/Berlin", "Local"), []string{
			`morning/scenario.txt:2:8: "Local" is no time zone that is known here; zone wants a time zone such as America/New_York`}},
		"the start before the zone": {whole("scenario.txt", "start 2024-03-30T08:00\nzone UTC\ntiers a\nkind a.b\n"), []string{
			`morning/scenario.txt:1:1: start comes before zone, in which it is told; put the zone first`}},
		"a start that the clock skips": {change("scenario.txt", "2024-03-30T08:00", "2024-03-31T02:30"), []string{
			`morning/scenario.txt:3:8: 2024-03-31T02:30 does not exist in Europe/Berlin: the clock skips it; start wants a date and time such as 2017-11-02T18:45`}},
		"a kind without dots": {change("scenario.txt", "account.warn", "warn"), []string{
			`morning/scenario.txt:7:8: "warn" can't be the name of a kind; write it as account.suspend; kind wants a dotted name and then any of down, undo, timed, idempotent, probe`}},
		"the library's own kind": {change("scenario.txt", "account.warn", "interlock.freeze"), []string{
			`morning/scenario.txt:7:8: "interlock.freeze" can't be the name of a kind; write it as account.suspend; kind wants a dotted name and then any of down, undo, timed, idempotent, probe`}},
		"a kind twice": {change("scenario.txt", "account.warn", "account.suspend"), []string{
			`morning/scenario.txt:7:8: kind account.suspend is there already; kind wants a dotted name and then any of down, undo, timed, idempotent, probe`}},
		"a kind that can't be ended": {change("scenario.txt", "account.warn", "account.warn timed"), []string{
			`morning/scenario.txt:7:8: kind account.warn is timed but has no undo to end it with; kind wants a dotted name and then any of down, undo, timed, idempotent, probe`}},
		"a misspelt property": {change("scenario.txt", "account.warn", "account.warn unod"), []string{
			`morning/scenario.txt:7:21: "unod" is no property of a kind; did you mean "undo"? (down, undo, timed, idempotent, probe); kind wants a dotted name and then any of down, undo, timed, idempotent, probe`}},
		"a tier twice": {change("scenario.txt", "ordinary protected", "ordinary ordinary"), []string{
			`morning/scenario.txt:4:17: tier "ordinary" is named twice; tiers wants the tiers, the least protected first`}},
		"a tier for all": {change("scenario.txt", "ordinary protected", "ordinary *"), []string{
			`morning/scenario.txt:4:17: "*" can't be the name of a tier; tiers wants the tiers, the least protected first`}},
		"a label with its at": {change("scenario.txt", "labels on-call", "labels @on-call"), []string{
			`morning/scenario.txt:5:8: "@on-call" can't be the name of a label; labels wants labels without their @`}},
		"an open quote in the title": {change("scenario.txt", `"A morning"`, `"A morning`), []string{
			`morning/scenario.txt:1:8: the quote that begins here is not closed; end it with "`}},

		// people.csv and accounts.csv.
		"a misspelt column": {change("people.csv", "last_day", "lastday"), []string{
			`morning/people.csv:1:26: "lastday" is no column; did you mean "last_day"? (login, person, type, status, last_day, labels, owners)`,
			`morning/people.csv:1: the column last_day is missing; the header needs login,person,type,status,last_day[,labels][,owners]`}},
		"a column twice": {change("people.csv", "last_day,labels", "last_day,person"), []string{
			`morning/people.csv:1:35: the column person is there twice`}},
		"a short row": {change("people.csv", "active,none,on-call", "active,none"), []string{
			`morning/people.csv:2: has 5 columns; the header has 6 (login,person,type,status,last_day,labels)`}},
		"a broken quote": {change("people.csv", "mia", `"mia`), []string{
			`morning/people.csv:3:35: is not CSV from here on: extraneous or missing " in quoted-field`}},
		"much wrong with one person": {change("people.csv", "mod,mia,human,active,none,on-call", "host,,humam,Active,soon,busy"), []string{
			`morning/people.csv:2:1: login: "host" can't be a login`,
			`morning/people.csv:2:6: person: is empty; name the human behind the login`,
			`morning/people.csv:2:7: type: "humam" is no type of actor; did you mean "human"? (human, service)`,
			`morning/people.csv:2:13: status: "Active" is no status of an actor; did you mean "active"? (active, suspended, departed)`,
			`morning/people.csv:2:20: last_day: "soon" is no last day; write none, 2017-11-02 (to that day's end) or 2017-11-02T18:00`,
			`morning/people.csv:2:25: labels: "busy" is no label (on-call); scenario.txt lists them`}},
		"a login twice": {change("people.csv", "lead,", "mod,"), []string{`morning/people.csv:3:1: the login "mod" is there already`}},
		"an invisible letter": {change("people.csv", "mod,", "mo\u200bd,"), []string{
			"morning/people.csv:2:1: login: actor \"mo\\u200bd\": Actor.Login …"}},
		"an unknown tier": {change("accounts.csv", "ordinary", "oridnary"), []string{
			`morning/accounts.csv:2:23: tier: "oridnary" is no tier; did you mean "ordinary"? (ordinary, protected); scenario.txt lists them`}},
		"a reach in words": {change("accounts.csv", "10", "many"), []string{`morning/accounts.csv:2:35: reach: "many" is no number of people`}},
		"a handle of two":  {change("accounts.csv", "@mayor", "@plain"), []string{`morning/accounts.csv:3:8: handles: "@plain" stands for "acct-1" already`}},
		"an ID of two":     {change("accounts.csv", "acct-2", "acct-1"), []string{`morning/accounts.csv:3:1: id: "acct-1" stands for "acct-1" already`}},
		"no domain": {change("accounts.csv", ",en,10", ",,10"), []string{
			`morning/accounts.csv:2:1: id: target "acct-1": Target.Domain …`}},

		// policy.csv; what stands behind … is the library's.
		"a policy with two errors": {change("policy.csv", "account.*, *, *, allow", "acount.*, *, *, alow"), []string{
			`morning/policy.csv:1: …`, `morning/policy.csv:1: …`}},

		// timeline.txt.
		"an empty timeline":     {timeline("# nothing\n"), []string{`morning/timeline.txt: says nothing; write at least one line, such as: 18:59 LOGIN do ` + do}},
		"no time":               {timeline(`mod do spam account.suspend @plain for=1h "spam"`), []string{`morning/timeline.txt:1:1: a line begins with its time, written as 18:59, 18:59:30, 2017-11-02T18:59 or +90s`}},
		"a time that goes back": {timeline("09:00 expect account @plain up\n08:59 expect account @plain up"), []string{`morning/timeline.txt:2:1: 08:59 is before 09:00:00 of the line before; a day later is written as 2024-03-31T08:59`}},
		"a time that happens twice": {timeline("2024-10-27T02:30 expect account @plain up"), []string{
			`morning/timeline.txt:1:1: 2024-10-27T02:30 happens twice in Europe/Berlin; step there with +`}},
		"a step back":        {timeline("+-5m expect account @plain up"), []string{`morning/timeline.txt:1:1: "-5m" is out of range; from zero to a hundred years is allowed`}},
		"a time alone":       {timeline("08:01"), []string{`morning/timeline.txt:1:6: who does something is missing: a login, host or expect`}},
		"no such time":       {timeline("25:01 expect account @plain up"), []string{`morning/timeline.txt:1:1: "25:01" is no moment; write it as 18:59, 18:59:30, 2017-11-02T18:59 or +90s`}},
		"an arrow alone":     {timeline("-> done"), []string{`morning/timeline.txt:1:8: a line begins with its time, written as 18:59, 18:59:30, 2017-11-02T18:59 or +90s`}},
		"a login alone":      {timeline("08:01 mod"), []string{`morning/timeline.txt:1:10: the verb is missing ` + verbs}},
		"a misspelt login":   {timeline(`08:01 mdo revoke mia "x"`), []string{`morning/timeline.txt:1:7: "mdo" is no login; did you mean "mod"? (lead, mod, host, expect)`}},
		"a field as a login": {timeline(`08:01 a=b revoke mia "x"`), []string{`morning/timeline.txt:1:7: a=b is not who does something; a login, host or expect is wanted here`}},
		"a misspelt verb":    {timeline(`08:01 mod aprove spam`), []string{`morning/timeline.txt:1:11: "aprove" is no verb here; did you mean "approve"? ` + verbs}},
		"a verb of others":   {timeline(`08:01 host approve spam`), []string{`morning/timeline.txt:1:12: "approve" is no verb here (advance, handler, person, account, policy, trail, directory, restart)`}},
		"a misspelt kind": {timeline(`08:01 mod do spam account.suspned @plain "spam"`), []string{
			`morning/timeline.txt:1:19: "account.suspned" is no kind; did you mean "account.suspend"? (account.suspend, account.warn)` + quoting}},
		"a misspelt account": {timeline(`08:01 mod do spam account.suspend @plian "spam"`), []string{
			`morning/timeline.txt:1:35: "@plian" is no account; did you mean "@plain"? (@mayor, @plain, @simple, acct-1, acct-2)` + quoting}},
		"a ticket before its time": {timeline(`08:01 lead approve spam`), []string{
			`morning/timeline.txt:1:20: "spam" is no ticket (a name that an earlier line gave); there is none yet`}},
		"a misspelt ticket": {timeline(first + `08:02 lead approve sapm`), []string{
			`morning/timeline.txt:2:20: "sapm" is no ticket (a name that an earlier line gave); did you mean "spam"? (spam)`}},
		"a name that is taken": {timeline(first + `08:02 lead do spam account.warn @plain "x"`), []string{
			`morning/timeline.txt:2:15: the name spam is taken by line 1; choose another`}},
		"a name that is taken for something else": {timeline(first + `08:02 mod freeze spam all for=1h "x"`), []string{
			`morning/timeline.txt:2:18: the name spam is taken by line 1; choose another`}},
		"somebody else asks again": {timeline(first + `08:02 lead do spam`), []string{
			`morning/timeline.txt:2:15: mod asked for spam, in line 1; only the same login can ask again`}},
		"a name that is none": {timeline(`08:01 mod do @spam account.warn @plain "x"`), []string{
			`morning/timeline.txt:1:14: "@spam" can't be the name of a ticket; use letters, digits, dots, - and _`}},
		"a missing account": {timeline(`08:01 mod do spam account.suspend "spam"`), []string{
			`morning/timeline.txt:1:41: the reason is missing, in quotes ("" for none): do ` + do}},
		"a missing kind":    {timeline(`08:01 mod do spam for=1h "spam"`), []string{`morning/timeline.txt:1:19: KIND is wanted here: do ` + do}},
		"a missing operand": {timeline(`08:01 host handler account.warn`), []string{`morning/timeline.txt:1:32: BEHAVIOUR is missing: handler KIND BEHAVIOUR [call=] [times=]`}},
		"a missing reason":  {timeline(`08:01 mod do spam account.warn @plain`), []string{`morning/timeline.txt:1:38: the reason is missing, in quotes ("" for none): do ` + do}},
		"a reason without quotes": {timeline(`08:01 mod do spam account.warn @plain spam`), []string{
			`morning/timeline.txt:1:39: "spam" is one word too many (a reason stands in quotes): do ` + do,
			`morning/timeline.txt:1:43: the reason is missing, in quotes ("" for none): do ` + do}},
		"two reasons":       {timeline(`08:01 mod revoke mia "x" "y"`), []string{`morning/timeline.txt:1:26: the reason is given twice`}},
		"a reason too many": {timeline(first + `08:02 mod ticket spam "x"`), []string{`morning/timeline.txt:2:23: "x" is one word too many: ticket TICKET`}},
		"a misspelt field": {timeline(`08:01 mod do spam account.suspend @plain fro=1h "x"`), []string{
			`morning/timeline.txt:1:42: "fro" is no field of do; did you mean "for"? (for, tier, case, key, param)`}},
		"a field twice":        {timeline(`08:01 mod do spam account.suspend @plain for=1h for=2h "x"`), []string{`morning/timeline.txt:1:49: for is given twice`}},
		"a duration in words":  {timeline(`08:01 mod do spam account.suspend @plain for=ever "x"`), []string{`morning/timeline.txt:1:42: "ever" is no duration; write it as 90s, 15m, 2h30m or 7d, or as permanent`}},
		"a parameter unnamed":  {timeline(`08:01 mod do spam account.warn @plain param=1 "x"`), []string{`morning/timeline.txt:1:39: "param" is no field of do; did you mean "param"? (for, tier, case, key, param)`}},
		"an unknown result":    {timeline(first + `08:02 lead resolve spam aplied "x"`), []string{`morning/timeline.txt:2:25: "aplied" is no applied|not_applied; did you mean "applied"? (applied, not_applied)`}},
		"an unknown status":    {timeline(first + `08:02 lead tickets status=pending,hold`), []string{`morning/timeline.txt:2:20: "hold" is no status of a ticket; did you mean "held"? (pending, held, executing, executed, unknown, rejected, cancelled, timed_out, refused, failed, undone, ended)`}},
		"an unknown behaviour": {timeline(`08:01 host handler account.warn hang`), []string{`morning/timeline.txt:1:33: "hang" is no behaviour; did you mean "hangs"? (works, not-applied, fails, loses-answer, hangs, panics)`}},
		"an unknown call":      {timeline(`08:01 host handler account.warn hangs call=aply`), []string{`morning/timeline.txt:1:39: "aply" is no call of a handler; did you mean "apply"? (apply, undo)`}},
		"no times":             {timeline(`08:01 host handler account.warn hangs times=0`), []string{`morning/timeline.txt:1:39: "0" is no number above zero`}},
		"an unknown policy":    {timeline(`08:01 host policy strict.csv`), []string{`morning/timeline.txt:1:19: "strict.csv" is no policy of this folder (policy.csv)`}},
		"up or down":           {timeline(`expect account @plain off`), []string{`morning/timeline.txt:1:23: "off" is no up|down (up, down)`}},
		"a change to nothing":  {timeline(`08:01 host person mod`), []string{`morning/timeline.txt:1:22: nothing is changed; write column=value`}},
		"a wrong change":       {timeline(`08:01 host person mod status=away`), []string{`morning/timeline.txt:1:34: status: "away" is no status of an actor (active, suspended, departed)`}},
		"a removal with a change": {timeline(`08:01 host person mod status=active removed`), []string{
			`morning/timeline.txt:1:44: a login that is removed has no columns to change`}},
		"a newcomer without a person": {timeline(`08:01 host person "new" type=human status=active last_day=none`), []string{
			`morning/timeline.txt:1:63: person: is empty; name the human behind the login`}},
		"a handle that is an ID": {timeline(`08:01 host account @plain handles=acct-2`), []string{`morning/timeline.txt:1:41: handles: "acct-2" is another account's ID`}},

		// Expectations.
		"nothing behind the arrow":  {timeline(`08:01 mod revoke mia "x" ->`), []string{`morning/timeline.txt:1:28: nothing stands behind ->; it wants one of done, refused, error, pending, held, executing, unknown, rejected, cancelled, timed_out, failed, undone, ended`}},
		"a misspelt outcome":        {timeline(`08:01 mod revoke mia "x" -> dnoe`), []string{`morning/timeline.txt:1:29: "dnoe" is no outcome of revoke; did you mean "done"? (done, refused, error, pending, held, executing, unknown, rejected, cancelled, timed_out, failed, undone and 1 more)`}},
		"an outcome of others":      {timeline(`08:01 mod explain account.warn @plain "x" -> done`), []string{`morning/timeline.txt:1:46: "done" is no outcome of explain (allowed, refused, error)`}},
		"a misspelt code":           {timeline(`08:01 mod revoke mia "x" -> refused dennied`), []string{`morning/timeline.txt:1:37: "dennied" is no code of a refusal; did you mean "denied"? (invalid, unknown_kind, irreversible, key_reused, wrong_digest, no_such_ticket, denied, no_rule, unknown_actor, inactive_actor, past_last_day, leaving and 41 more), nor a row such as policy.csv:7`}},
		"a code behind an outcome":  {timeline(`08:01 mod revoke mia "x" -> pending denied`), []string{`morning/timeline.txt:1:37: "denied" can't stand behind pending; rows such as policy.csv:7 can`}},
		"an unknown expected field": {timeline(`08:01 mod revoke mia "x" -> refused after=1h`), []string{`morning/timeline.txt:1:37: "after" is no field of an expectation (retry, count)`}},
		"an answer of a look":       {timeline(`expect account @plain up -> done`), []string{`morning/timeline.txt:1:26: what is looked at has no answer; write what is expected without ->`}},
		"an answer of the host":     {timeline(`08:01 host trail fails -> done`), []string{`morning/timeline.txt:1:24: host trail has no answer to expect`}},

		// Words.
		"an open quote":           {timeline(`08:01 mod revoke mia "x`), []string{`morning/timeline.txt:1:22: the quote that begins here is not closed; end it with "`}},
		"a bad escape":            {timeline(`08:01 mod revoke mia "\x"`), []string{`morning/timeline.txt:1:22: "\x" is not well quoted; write " as \" and \ as \\`}},
		"a quote in a word":       {timeline(`08:01 mod revoke mi"a "x"`), []string{`morning/timeline.txt:1:18: mi"a has a quote in its middle; quote the whole word, or the whole value behind =`}},
		"words that touch":        {timeline(`08:01 mod revoke mia "x""y"`), []string{`morning/timeline.txt:1:22: "x" must be followed by a space`}},
		"half a letter":           {timeline("08:01 mod revoke \xff"), []string{`morning/timeline.txt:1:18: is not valid UTF-8 from here on`}},
		"a control character":     {timeline("08:01 mod re\x1bvoke mia"), []string{`morning/timeline.txt:1:13: has a control character (U+001B); write it inside quotes, as Go does`}},
		"half a letter in a word": {timeline("08:01 mod revoke m\"\x97ia"), []string{`morning/timeline.txt:1:20: is not valid UTF-8 from here on`}},
		"a control character in quotes": {timeline("08:01 mod revoke mia \"\a\""), []string{
			`morning/timeline.txt:1:23: has a control character (U+0007); write it inside quotes, as Go does`}},
		"a story with colours": {timeline("> \x1b[31mred"), []string{`morning/timeline.txt:1: has a character that can't be printed`}},

		// All at once.
		"three files at once": {func(t *testing.T) map[string]string {
			return map[string]string{
				"people.csv":   strings.Replace(good["people.csv"], "human", "men", 1),
				"accounts.csv": strings.Replace(good["accounts.csv"], "protected", "sacred", 1),
				"policy.csv":   strings.Replace(good["policy.csv"], "allow", "alow", 1),
			}
		}, []string{
			`morning/people.csv:2:9: type: "men" is no type of actor (human, service)`,
			`morning/accounts.csv:3:15: tier: "sacred" is no tier (ordinary, protected); scenario.txt lists them`,
			`morning/policy.csv:1: …`,
		}},
		"four lines at once": {timeline("08:01 mod x\n08:02 mod y\n\n> fine\n08:03 nobody z"), []string{
			`morning/timeline.txt:1:11: "x" is no verb here ` + verbs,
			`morning/timeline.txt:2:11: "y" is no verb here ` + verbs,
			`morning/timeline.txt:5:7: "nobody" is no login (lead, mod, host, expect)`,
			`morning/timeline.txt:5:14: "z" is no verb here ` + verbs,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := load(t, tc.files(t))
			var faults scenario.Faults
			if s != nil || !errors.As(err, &faults) {
				t.Fatalf("Load = %v, %v; want Faults", s, err)
			}
			got := strings.Split(err.Error(), "\n")
			for i, line := range got { // what the library says is not ours to hold
				if i < len(tc.want) && strings.HasSuffix(tc.want[i], "…") && strings.HasPrefix(line, strings.TrimSuffix(tc.want[i], "…")) {
					got[i] = tc.want[i]
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFolderIsNotReadWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := scenario.Load(ctx, folderWith(nil), "morning"); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v, %v; want context.Canceled", s, err)
	}
}

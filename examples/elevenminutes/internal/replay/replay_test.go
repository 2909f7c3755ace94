package replay_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// read loads a folder of the example.
func read(t *testing.T, folder string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(t.Context(), os.DirFS(filepath.Join("..", "..", folder)), filepath.Base(folder))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// small is a scenario around a timeline of its own: one moderator who needs
// nobody on ordinary accounts, and a lead on protected ones.
func small(t *testing.T, timeline string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(t.Context(), fstest.MapFS{
		"scenario.txt": {Data: []byte("zone UTC\nstart 2024-01-01T09:00\ntiers ordinary protected\nkind account.suspend down undo timed\nkind account.limit undo timed probe\n")},
		"people.csv":   {Data: []byte("login,person,type,status,last_day\nmod,mia,human,active,none\nlead,liv,human,active,none\n")},
		"accounts.csv": {Data: []byte("id,handles,tier,domain\nacct-1,@plain,ordinary,en\nacct-2,@mayor,protected,en\n")},
		"policy.csv": {Data: []byte(`p, moderation, request, account.*, *, *, allow
p, moderation, undo, account.*, *, *, allow
p, leads, approve, *, *, *, allow
p, leads, resolve, *, *, *, allow
p2, request, account.*, ordinary, *, *, none, -, -
p2, request, account.*, protected, *, *, leads, 10m, 1h
p2, undo, account.*, *, *, *, none, -, -
p3, person, account.*, *, *, actions, 2, 1h, refuse
g, mod, moderation, *, -, -
g, lead, leads, *, -, -
`)},
		"timeline.txt": {Data: []byte(timeline)},
	}, "small")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *scenario.Scenario) *replay.Result {
	t.Helper()
	r, _ := runIn(t, s)
	return r
}

// holds fails the test for each expectation of a timeline that does not hold.
func holds(t *testing.T, r *replay.Result) {
	t.Helper()
	for _, f := range r.Failures {
		t.Errorf("line %d: %s\nwant %s, got %s %s", f.Line, f.Text, f.Want, f.Got, f.Whole)
	}
}

func TestTheFoldersComeTrue(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"before", "after", "testdata/everyverb"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			r, records := runIn(t, read(t, folder))
			holds(t, r)
			if n := recordsIn(t, records); n != r.Records || n == 0 {
				t.Errorf("the trail has %d records; %d were counted", n, r.Records)
			}
		})
	}
}

func TestElevenMinutesBeforeAndNoneAfter(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]time.Duration{"before": 11 * time.Minute, "after": 0} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			account := run(t, read(t, folder)).Accounts[0]
			if account.Name != "@realDonaldTrump" || account.Down || account.Downtime != want {
				t.Errorf("%s was down for %v, and is down: %v; want %v", account.Name, account.Downtime, account.Down, want)
			}
		})
	}
}

// A scenario that does not use a verb would not notice when it breaks.
func TestEveryVerbIsUsed(t *testing.T) {
	t.Parallel()
	used := make(map[string]bool)
	for _, line := range read(t, "testdata/everyverb").Lines {
		if line.Event != nil {
			used[string(line.Event.Verb)] = true
		}
	}
	for _, form := range scenario.Usage() {
		form, _, _ = strings.Cut(form, "\n")
		words := strings.Fields(strings.NewReplacer("TIME LOGIN ", "", "TIME host ", "", "[TIME] ", "").Replace(form))
		verb := words[0]
		if verb == "expect" {
			verb += " " + words[1]
		}
		if verb != ">" && verb != "#" && !used[verb] {
			t.Errorf("the scenario lacks the verb %q", verb)
		}
	}
}

// Each expectation is exchanged for one that can't hold; each must be found,
// and no other line.
func TestEveryExpectationCanFail(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"before", "after", "testdata/everyverb"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			s := read(t, folder)
			var want []int
			for _, line := range s.Lines {
				if spoil(line) {
					want = append(want, line.Number)
				}
			}
			var got []int
			for _, f := range run(t, s).Failures {
				got = append(got, f.Line)
			}
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
				t.Errorf("%d lines were spoilt; those that failed (-want +got):\n%s", len(want), diff)
			}
		})
	}
}

// spoil makes a line expect something else; false where it expects nothing.
func spoil(line scenario.Line) bool {
	switch {
	case line.Event == nil:
		return false
	case line.Event.Verb == scenario.ExpectAccount && line.Event.Downtime != nil:
		*line.Event.Downtime += time.Second
	case line.Event.Verb == scenario.ExpectAccount:
		line.Event.Down = !line.Event.Down
	case line.Event.Verb == scenario.ExpectTicket:
		line.Event.Status = moderation.StatusExecuting
	case line.Want == nil:
		return false
	case len(line.Want.Sources) > 0:
		line.Want.Sources[len(line.Want.Sources)-1] += "0"
	case line.Want.Count != nil:
		*line.Want.Count++
	case line.Want.Status != "":
		line.Want.Status = moderation.StatusExecuting
	case line.Want.Code != "":
		line.Want.Code = "spoilt"
	case line.Want.Outcome == scenario.Refused:
		line.Want.Outcome = scenario.Done
	default:
		line.Want.Outcome = scenario.Refused
	}
	return true
}

func TestWrongExpectationsAreToldInFull(t *testing.T) {
	t.Parallel()
	type told struct {
		Line      int
		Want, Got string
		Why       string
	}
	var got []told
	for _, f := range run(t, read(t, "testdata/wrong")).Failures {
		got = append(got, told{f.Line, f.Want, f.Got, strings.Join(f.Why, "; ")})
		if f.File != "wrong/timeline.txt" || f.Text == "" {
			t.Errorf("failure %+v; want its file and line's text", f)
		}
		if strings.HasPrefix(f.Got, "refused") && !strings.HasPrefix(f.Whole, "moderation: ") {
			t.Errorf("line %d: the whole answer is %q", f.Line, f.Whole)
		}
	}
	const noTicket = "no ticket: what was asked for was refused before it got one"
	want := []told{
		{1, "refused", "allowed", "outcome: got allowed, want refused"},
		{2, "done", "held", "outcome: got held, want done"},
		{3, "down", "up", ""},
		{4, "refused denied", "refused limited policy.csv:7", "code: got limited, want denied"},
		{5, "refused limited policy.csv:1", "refused limited policy.csv:7", "rows: got policy.csv:7, want policy.csv:1"},
		{6, "refused limited retry=1h", "refused limited policy.csv:7", "retry: got 59m0s, want 1h0m0s"},
		{7, "executed", noTicket, ""},
		{8, "pending", "refused no_rule", "outcome: got refused, want pending"},
		{9, "done executed", "done held", "status of the ticket: got held, want executed"},
		{10, "done count=2", "done count=1", "count: got 1, want 2"},
		{11, "down, and was down for 6m0s in all", "down, and was down for 5m0s in all", ""},
		{12, "held", "executed", ""},
		{13, "up", "no such account", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestTicketsGoOnAtTheirExactMoments(t *testing.T) {
	t.Parallel()
	r := run(t, small(t, `09:00 mod do city account.suspend @mayor for=30m "x"  -> pending
09:05 lead approve city  -> done held
09:14:59 expect ticket city held
09:15 expect ticket city executed
09:44:59 expect ticket city executed
2024-01-02T12:00 expect ticket city ended
      expect account @mayor up downtime=30m
`))
	holds(t, r)
	var moments []string
	for _, e := range r.Entries {
		if e.Due != nil {
			moments = append(moments, fmt.Sprintf("%s %s %s", e.Time.Format("15:04:05"), e.Ticket, e.Due.After.Status))
		}
	}
	if diff := cmp.Diff([]string{"09:15:00 city executed", "09:45:00 city ended"}, moments); diff != "" {
		t.Errorf("what only time did (-want +got):\n%s", diff)
	}
}

func TestAnApprovalThatIsTheLastOneExecutesAtOnceWhereThereIsNoHold(t *testing.T) {
	t.Parallel()
	s := small(t, `09:00 mod do city account.suspend @mayor for=30m "x"  -> pending
09:05 lead approve city  -> done
      expect ticket city executed
`)
	s.Policies["policy.csv"] = strings.Replace(s.Policies["policy.csv"], "leads, 10m, 1h", "leads, -, 1h", 1)
	holds(t, run(t, s))
}

func TestWhatTheLastLineMakesDueFollows(t *testing.T) {
	t.Parallel()
	s := small(t, `09:00 mod do city account.suspend @mayor for=30m "x"  -> pending
09:05 lead approve city  -> done
`)
	s.Policies["policy.csv"] = strings.Replace(s.Policies["policy.csv"], "leads, 10m, 1h", "leads, -, 1h", 1)
	r := run(t, s)
	holds(t, r)
	if city := r.Accounts[1]; city.Name != "@mayor" || !city.Down {
		t.Errorf("after the last approval %s is down: %v", city.Name, city.Down)
	}
}

func TestALateTicketIsLookedAtAtEachLineAndToldOnce(t *testing.T) {
	t.Parallel()
	r := run(t, small(t, `09:00 mod do spam account.suspend @plain for=30m "x"  -> done
09:10 host trail fails
09:40 expect account @plain down
09:45 expect account @plain down
09:46 host trail works
11:00 expect account @plain up downtime=46m
      expect ticket spam ended
`))
	holds(t, r)
	told := 0
	for _, e := range r.Entries {
		if e.Due != nil && e.Answer.Outcome != scenario.Done {
			told++
		}
	}
	if told != 1 {
		t.Errorf("that the trail fails was told %d times by the clock; want once", told)
	}
}

func TestALateTicketTimesOutAtItsDeadline(t *testing.T) {
	t.Parallel()
	r := run(t, small(t, `09:00 mod do city account.suspend @mayor for=30m "x"  -> pending
09:05 lead approve city  -> done held
09:10 host directory fails
11:00 expect ticket city timed_out
`))
	holds(t, r)
	last := r.Entries[len(r.Entries)-2]
	if got := last.Time.Format("15:04"); last.Due == nil || last.Due.After.Status != moderation.StatusTimedOut || got != "10:00" {
		t.Errorf("before the last line, at %s: %+v; want the deadline at 10:00", got, last.Due)
	}
}

func TestTheSettingsReachTheGuard(t *testing.T) {
	t.Parallel()
	ask := `+0s mod explain account.suspend @plain for=1h "x"` + "\n"
	for name, tc := range map[string]struct {
		timeline string
		set      func(*scenario.Settings)
		policy   string
	}{
		"notice": {"09:00 host person mod last_day=2024-01-11\n" + `09:01 mod do spam account.suspend @plain for=1h "x" -> done`,
			func(s *scenario.Settings) { s.Notice = 7 * 24 * time.Hour }, "p, @leaving, request, *, *, *, deny\n"},
		"max-freeze": {`09:00 lead freeze f all for=13h "x" -> refused invalid`, func(s *scenario.Settings) { s.MaxFreeze = 12 * time.Hour }, ""},
		"questions": {ask + ask + strings.TrimSpace(ask) + " -> refused too_many_questions",
			func(s *scenario.Settings) { s.Questions = 2 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, set := range []bool{false, true} {
				s := small(t, tc.timeline)
				s.Policies["policy.csv"] += tc.policy
				if set {
					tc.set(&s.Settings)
				}
				if got := len(run(t, s).Failures) == 0; got != set {
					t.Errorf("with the setting: %v, the expectations hold: %v", set, got)
				}
			}
		})
	}
}

func TestAHandlerThatHangsIsUnknownUntilItIsResolved(t *testing.T) {
	t.Parallel()
	s := small(t, `09:00 host handler account.suspend hangs times=1
09:01 mod do spam account.suspend @plain for=1h "x"  -> unknown
09:01:30 lead resolve spam not_applied "asked"  -> refused too_early
09:03 lead resolve spam not_applied "asked"  -> done failed
09:04 host handler account.limit hangs times=1
+0s   mod do soft account.limit @plain for=1h "x"  -> unknown
09:10 expect ticket soft failed
`)
	synctest.Test(t, func(t *testing.T) { holds(t, run(t, s)) })
}

func TestFillWritesTheAnswers(t *testing.T) {
	t.Parallel()
	r := run(t, small(t, `# a comment
> A sentence.
09:00 mod do spam account.suspend @plain for=1h "x -> y"   # why not
09:01 lead do no account.suspend @plain for=1h "x" -> done

09:02 mod do city account.suspend @mayor for=30m "x"
09:03 lead approve city -> refused
      expect account @plain down
09:04 host handler account.suspend fails
`))
	want := `# a comment
> A sentence.
09:00 mod do spam account.suspend @plain for=1h "x -> y"  -> done
09:01 lead do no account.suspend @plain for=1h "x"  -> refused no_rule

09:02 mod do city account.suspend @mayor for=30m "x"  -> pending
09:03 lead approve city  -> done held
      expect account @plain down
09:04 host handler account.suspend fails
`
	filled := replay.Fill(r)
	if diff := cmp.Diff(want, filled); diff != "" {
		t.Errorf("filled in (-want +got):\n%s", diff)
	}
	again := run(t, small(t, filled))
	holds(t, again)
	if diff := cmp.Diff(want, replay.Fill(again)); diff != "" {
		t.Errorf("filled in again (-want +got):\n%s", diff)
	}
}

func TestTheEveryverbTimelineIsWhatFillWrites(t *testing.T) {
	t.Parallel()
	s := read(t, "testdata/everyverb")
	if diff := cmp.Diff(strings.Join(s.Timeline, "\n")+"\n", replay.Fill(run(t, s))); diff != "" {
		t.Errorf("filled in (-want +got):\n%s", diff)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := small(t, `09:00 mod do spam account.suspend @plain for=1h "x"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := replay.Run(ctx, s, trailIn(t.TempDir())); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, %v; want context.Canceled", r, err)
	}
}

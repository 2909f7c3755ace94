package policy_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// restartLimits have all units, and keys of each sort.
const restartLimits = `p3, person, *, *, *, requests, 40, 1h, refuse
p3, person, *, *, *, requests, 70, 24h, refuse
p3, actor, *, *, *, open, 20, -, refuse
p3, all, *, *, *, reach, 100000000, 24h, lead
p3, tier, *, *, *, actions, 50, 1h, refuse
p3, domain, *, *, *, actions, 60, 1h, refuse
p3, kind, *, *, *, actions, 70, 1h, refuse
p3, target, *, *, *, undo.requests, 3, 1h, refuse
p3, person, *, *, *, reject.requests, 5, 1h, refuse
`

// process is a guard over a trail in a file, which a test ends and starts again.
type process struct {
	*rig
	file  *audit.File
	ahead *atomic.Int64 // of noon
}

func startProcess(t *testing.T, path string, ahead *atomic.Int64) *process {
	t.Helper()
	file, err := audit.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{file: file, ahead: ahead}
	p.rig = newSeam(t, restartLimits, nil, func(c *moderation.Config) {
		c.Audit, c.ForgetOnExit = file, false
		c.Now = func() time.Time { return noon.Add(time.Duration(ahead.Load())) }
		actors, targets := []moderation.Actor(nil), []moderation.Target(nil)
		for _, n := range []string{"ann", "bob", "lea", "lou", "dan"} {
			actors = append(actors, moderation.Actor{Login: n, Person: "p-" + n, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
		}
		for i := range 30 {
			targets = append(targets, moderation.Target{ID: fmt.Sprint("t", i), Tier: "normal", Domain: "en", Reach: int64(i)})
		}
		targets = append(targets, moderation.Target{ID: "star", Tier: "protected", Domain: "en", Reach: 40_000_000})
		if c.Directory, err = moderation.NewMapDirectory(actors, targets); err != nil {
			t.Fatal(err)
		}
	})
	return p
}

// left is what every limit has left, by rule and key, for anybody.
func (p *process) left(t *testing.T) map[string]int64 {
	t.Helper()
	left := make(map[string]int64)
	at := noon.Add(time.Duration(p.ahead.Load()))
	for _, who := range []string{"ann", "bob", "lea"} {
		for _, target := range []string{"t0", "t1", "t2", "star"} {
			for _, step := range []moderation.Step{moderation.StepRequest, moderation.StepUndo, moderation.StepReject} {
				for _, moment := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
					for _, tier := range []string{"normal", "protected"} {
						u := peek(t, p.limiter, moderation.Charge{At: moment, Step: step, Ticket: "a look", Person: "p-" + who, Actor: who,
							Kind: "account.suspend", Target: target, Tier: tier, Domain: "en", Count: 1, Time: at})
						for _, l := range u.Limits {
							left[fmt.Sprint(l.Rule.Source, " ", l.Key)] = l.Left
						}
					}
				}
			}
		}
	}
	return left
}

// A crash refills nothing: a new process over the same file has exactly as much
// left of each limit as the one that died.
func TestRestartRefillsNothing(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	p := startProcess(t, path, &ahead)
	fresh := p.left(t)

	var done, waiting []moderation.Ticket
	do := func(who, kind, target string) (moderation.Ticket, error) {
		ahead.Add(int64(7 * time.Second))
		return p.Do(t.Context(), act(who, kind, target, fmt.Sprint(who, kind, target, ahead.Load())))
	}
	for i := range 12 {
		tk, err := do([]string{"ann", "bob"}[i%2], "account.suspend", fmt.Sprint("t", i))
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, tk)
	}
	for i := range 6 {
		tk, err := do("ann", "account.limit", fmt.Sprint("t", i))
		if !errors.Is(err, moderation.ErrPending) {
			t.Fatal(err)
		}
		waiting = append(waiting, tk)
	}
	if _, err := do("ann", "account.suspend", "star"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Undo(t.Context(), moderation.UndoRequest{Ticket: done[0].ID, Actor: "bob", Reason: "appeal", Key: "u"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reject(t.Context(), moderation.ReviewRequest{Ticket: waiting[0].ID, Actor: "lea", Digest: waiting[0].Digest, Reason: "no"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(t.Context(), moderation.ReviewRequest{Ticket: waiting[1].ID, Actor: "lea", Digest: waiting[1].Digest}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Advance(t.Context(), waiting[1].ID); err != nil {
		t.Fatal(err)
	}
	p.apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", errors.New("lost") }
	if _, err := do("bob", "account.suspend", "t20"); err == nil {
		t.Fatal("a handler that failed is reported as done")
	}

	for restart := range 3 {
		before := p.left(t)
		if restart == 0 {
			wantDrawn(t, fresh, before)
		}
		if err := p.file.Close(); err != nil { // the guard is not closed: it crashed
			t.Fatal(err)
		}
		p = startProcess(t, path, &ahead)
		if diff := cmp.Diff(before, p.left(t)); diff != "" {
			t.Fatalf("restart %d: left (-before +after):\n%s", restart, diff)
		}
		// What was open still is, and what it counts is given free once.
		tk := waiting[2+restart]
		if _, err := p.Cancel(t.Context(), moderation.CancelRequest{Ticket: tk.ID, Actor: "ann", Reason: "no need"}); err != nil {
			t.Fatal(err)
		}
		ahead.Add(int64(time.Minute))
	}
	if err := p.file.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantDrawn checks that the limits which the story draws on were drawn on, so
// that a restart has something to restore.
func wantDrawn(t *testing.T, fresh, left map[string]int64) {
	t.Helper()
	drawn := 0
	for name := range fresh {
		if left[name] < fresh[name] {
			drawn++
		}
	}
	if drawn < 10 {
		t.Errorf("%d of %d limits were drawn on:\n%s", drawn, len(fresh), cmp.Diff(fresh, left))
	}
	const all, paidBack = "policy.csv:17 all", 60 * 100_000_000 / 86_400 // in a minute
	if reach := fresh[all] - left[all]; reach < 40_000_000-paidBack {
		t.Errorf("an account of 40,000,000 followers weighs %d", reach)
	}
}

package policy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
)

const bypassRows = `p, lead, bypass, account.*, normal, *, allow
p2, bypass, *, *, *, *, lead, -, 4h
p3, person, *, *, *, bypass.requests, 2, 1h, director
p3, person, *, *, *, requests, 1, 1h, refuse
`

func bypass(who, kind, target, key string) moderation.BypassRequest {
	return moderation.BypassRequest{Action: act(who, kind, target, key), Incident: "incident-7"}
}

// A bypass is bounded by a budget of its own, whatever is left of the others; a
// quorum that could let a request pass lets no bypass pass.
func TestBypassHasABudgetOfItsOwn(t *testing.T) {
	t.Parallel()
	g := newSeam(t, bypassRows, nil)
	for i, key := range []string{"a", "b", "c"} {
		b, err := g.Bypass(t.Context(), bypass("lea", "account.limit", []string{"t1", "t2", "t3"}[i], key))
		if i == 2 {
			wantRefusal(t, err, moderation.CodeLimited)
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]moderation.Slot{{"lead"}}, b.Open); d != "" {
			t.Errorf("who must ratify it (-want +got):\n%s", d)
		}
		if _, err := g.Ratify(t.Context(), moderation.ReviewRequest{Ticket: b.ID, Actor: "lou", Digest: b.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	if n := g.n.Load(); n != 2 {
		t.Errorf("%d handler calls, want 2", n)
	}
}

func TestBypassIsAllowedOnlyWhereARowNamesIt(t *testing.T) {
	t.Parallel()
	g := newSeam(t, bypassRows, nil)
	_, err := g.Bypass(t.Context(), bypass("ann", "account.suspend", "t1", "a")) // who may request it
	wantRefusal(t, err, moderation.CodeNoRule)
	_, err = g.Bypass(t.Context(), bypass("lea", "post.remove", "t1", "b"))
	wantRefusal(t, err, moderation.CodeNoRule)
	if n := g.n.Load(); n != 0 {
		t.Errorf("%d handler calls", n)
	}
}

func wantRefusal(t *testing.T, err error, want moderation.Code) {
	t.Helper()
	var r *moderation.Refusal
	if !errors.As(err, &r) || r.Code != want {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
}

package policy_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// edited is a limiter whose policy a test edits.
type edited struct {
	*policy.Limiter
	t    *testing.T
	edit func(rows string)
}

func newEdited(t *testing.T, rows string) *edited {
	t.Helper()
	a, s := openSource(t, few+rows, 0)
	l, err := policy.NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	return &edited{l, t, func(rows string) {
		t.Helper()
		s.setText(few + rows)
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}}
}

// left is what the first limit of a unit has left for a person.
func (l *edited) left(person string, at time.Time, change ...func(*moderation.Charge)) int64 {
	l.t.Helper()
	change = append(change, ticket("no ticket yet"))
	u := peek(l.t, l, charge(person, 1, at, change...))
	if !u.Allowed {
		return u.Limits[0].Left
	}
	return u.Limits[0].Left + u.Limits[0].Charged
}

// An edit of a limit refills nothing.
func TestEditedLimitGoesOnFromWhatWasDrawn(t *testing.T) {
	t.Parallel()
	const row = "p3, person, *, *, *, requests, %s, refuse\n"
	rows := func(limits ...string) (text string) {
		for _, l := range limits {
			text += fmt.Sprintf(row, l)
		}
		return text
	}
	for _, tc := range []struct {
		name          string
		before, after string
		draw          int           // from 10 an hour
		later         time.Duration // after which it is looked at
		left          int64         // of the first row
		wait          time.Duration // for one, where none is left
	}{
		{"same row", rows("10, 1h"), rows("10, 1h"), 4, 0, 6, 0},
		{"same row elsewhere", rows("10, 1h"), "# moved\n\n" + rows("10, 1h"), 4, 0, 6, 0},
		{"other over", rows("10, 1h"), "p3, person, *, *, *, requests, 10, 1h, lead\n", 4, 0, 6, 0},
		{"more", rows("10, 1h"), rows("20, 1h"), 4, 0, 16, 0},
		{"less", rows("10, 1h"), rows("5, 1h"), 4, 0, 1, 0},
		{"less than was drawn", rows("10, 1h"), rows("2, 1h"), 4, 0, 0, 90 * time.Minute},
		{"longer window", rows("10, 1h"), rows("10, 2h"), 4, 0, 6, 0},
		{"shorter window", rows("10, 1h"), rows("10, 10m"), 4, 0, 6, 0},
		{"both", rows("10, 1h"), rows("11, 61m"), 4, 0, 7, 0},
		{"more, later: what was drawn is paid back at the slower rate", rows("10, 1h"), rows("60, 1h"), 10, 30 * time.Minute, 55, 0},
		{"less, later: what was drawn is paid back at the slower rate", rows("10, 1h"), rows("5, 1h"), 5, 12 * time.Minute, 1, 0},
		{"much later", rows("10, 1h"), rows("7, 1h"), 10, 3 * time.Hour, 7, 0},
		{"one of two edited: of the one with its window", rows("10, 1h", "50, 24h"), rows("9, 1h", "50, 24h"), 8, 0, 1, 0},
		{"one of two edited, with its window: of the one that is gone", rows("10, 1h", "50, 24h"), rows("9, 2h", "50, 24h"), 8, 0, 1, 0},
		{"one of two that stay moved", rows("10, 1h", "50, 24h"), rows("50, 24h", "10, 1h"), 8, 0, 42, 0},
		{"one removed", rows("50, 24h", "10, 1h"), rows("10, 1h"), 8, 0, 2, 0},
		{"one added", rows("10, 1h"), rows("50, 24h", "10, 1h"), 8, 0, 42, 0},
		{"one added that holds less than was drawn: empty, and no worse", rows("10, 1h"), rows("3, 6h", "10, 1h"), 8, 0, 0, 2 * time.Hour},
		{"two for one", rows("10, 1h"), rows("6, 1h", "8, 2h"), 5, 0, 1, 0},
		{"other kinds: another limit", rows("10, 1h"), "p3, person, account.*, *, *, requests, 10, 1h, refuse\n", 4, 0, 10, 0},
		{"for each actor: another limit", rows("10, 1h"), "p3, actor, *, *, *, requests, 10, 1h, refuse\n", 4, 0, 10, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newEdited(t, tc.before)
			if u := take(t, l, charge("ann", tc.draw, noon)); !u.Allowed {
				t.Fatal(u)
			}
			l.edit(tc.after)
			at := noon.Add(tc.later)
			if got := l.left("ann", at); got != tc.left {
				t.Errorf("%d are left, want %d", got, tc.left)
			}
			if got := l.left("bob", at); got < tc.left || got == 0 {
				t.Errorf("%d are left for somebody who drew nothing", got)
			}
			u := take(t, l, charge("ann", 1, at))
			if u.Allowed != (tc.left > 0) || u.RetryAfter != tc.wait {
				t.Errorf("usage is %+v, want a wait of %v", u, tc.wait)
			}
		})
	}
}

// Two edits refill as little as one, whether or not something is charged in
// between, and so does an edit that is taken back.
func TestSeveralEditsRefillNothing(t *testing.T) {
	t.Parallel()
	const row = "p3, person, *, *, *, requests, %d, 1h, refuse\n"
	for _, between := range []bool{false, true} {
		l := newEdited(t, fmt.Sprintf(row, 10))
		take(t, l, charge("ann", 8, noon))
		left := int64(2)
		for _, amount := range []int64{20, 9, 10} {
			l.edit(fmt.Sprintf(row, amount))
			if between {
				take(t, l, charge("ann", 1, noon))
				left--
			}
			if got := l.left("ann", noon); got != max(left+amount-10, 0) {
				t.Errorf("charged in between %v, %d an hour: %d are left, want %d", between, amount, got, max(left+amount-10, 0))
			}
		}
	}
	l := newEdited(t, fmt.Sprintf(row, 10))
	take(t, l, charge("ann", 8, noon))
	l.edit("p3, actor, *, *, *, requests, 10, 1h, refuse\n")
	l.edit(fmt.Sprintf(row, 10))
	if got := l.left("ann", noon); got != 2 {
		t.Errorf("removed and put back: %d are left, want 2", got)
	}
}

// What is full by the row that was is not forgotten while it is not by the row
// that is.
func TestSweepGoesByTheEditedLimit(t *testing.T) {
	t.Parallel()
	l := newEdited(t, "p3, person, *, *, *, requests, 1000000, 1h, refuse\n")
	take(t, l, charge("ann", 1_000_000, noon))
	l.edit("p3, person, *, *, *, requests, 1000000, 10h, refuse\n")
	later := noon.Add(2 * time.Hour)
	for range 10_000 {
		take(t, l, charge("bob", 1, later))
	}
	if got := l.left("ann", later); got != 200_000 {
		t.Errorf("%d are left, want 200,000", got)
	}
}

// A look at an edited limit changes nothing, not even one from the future.
func TestPeekAtEditedLimitChangesNothing(t *testing.T) {
	t.Parallel()
	l := newEdited(t, "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	take(t, l, charge("ann", 8, noon))
	l.edit("p3, person, *, *, *, requests, 9, 1h, refuse\n")
	for range 2 {
		peek(t, l, charge("ann", 1, noon.AddDate(1, 0, 0)))
		if got := l.left("ann", noon); got != 1 {
			t.Errorf("%d are left, want 1", got)
		}
	}
}

// A limit of open tickets that comes by an edit counts those that are open.
func TestEditedOpenLimitCountsTicketsThatAreOpen(t *testing.T) {
	t.Parallel()
	const any, protected, undo = "p3, person, *, *, *, open, 5, -, refuse\n", "p3, all, *, protected, *, open, 5, -, refuse\n", "p3, person, *, *, *, undo.open, 5, -, refuse\n"
	for _, tc := range []struct{ name, before, after string }{
		{"first limit of all", "", any},
		{"other amount", "p3, person, *, *, *, open, 9, -, refuse\n", any},
		{"in addition", "p3, actor, *, *, *, open, 9, -, refuse\n", any + "p3, actor, *, *, *, open, 9, -, refuse\n"},
		{"two on one meter", "", any + "p3, person, *, *, *, open, 7, -, lead\n"},
	} {
		l := newEdited(t, tc.before)
		for _, id := range []string{"a", "b", "c"} {
			take(t, l, charge("ann", 1, noon, ticket(id)))
		}
		take(t, l, charge("bob", 1, noon, ticket("d"), func(c *moderation.Charge) { c.Tier = "protected" }))
		take(t, l, charge("ann", 1, noon, ticket("e"), func(c *moderation.Charge) { c.Step = moderation.StepUndo }))
		take(t, l, charge("ann", 1, noon, ticket("c"), func(c *moderation.Charge) { c.Step = moderation.StepReject }))
		peek(t, l, charge("ann", 1, noon, ticket("peeked")))
		if err := l.Release(t.Context(), charge("ann", 1, noon, ticket("a"))); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second edit changes nothing
			l.edit(tc.after)
			if ann, bob := l.left("ann", noon), l.left("bob", noon); ann != 3 || bob != 4 {
				t.Errorf("%s: room for %d and %d more, want 3 and 4", tc.name, ann, bob)
			}
		}
		if err := l.Release(t.Context(), charge("ann", 1, noon, ticket("b"))); err != nil {
			t.Fatal(err)
		}
		if ann := l.left("ann", noon); ann != 4 {
			t.Errorf("%s: room for %d more when another is over, want 4", tc.name, ann)
		}
		l.edit(protected)
		if got := l.left("bob", noon, func(c *moderation.Charge) { c.Tier = "protected" }); got != 4 {
			t.Errorf("%s: room for %d more of the tier, want 4", tc.name, got)
		}
		l.edit(undo)
		if got := l.left("ann", noon, func(c *moderation.Charge) { c.Step = moderation.StepUndo }); got != 4 {
			t.Errorf("%s: room for %d more that undo, want 4", tc.name, got)
		}
		l.edit(tc.after)
		if ann := l.left("ann", noon); ann != 4 {
			t.Errorf("%s: room for %d more when the limit is back, want 4", tc.name, ann)
		}
	}
}

// While edits come and go, every ticket is counted once and given free once.
func TestOpenLimitsDuringEdits(t *testing.T) {
	t.Parallel()
	l := newEdited(t, "")
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 1500 {
				id := fmt.Sprint(g, "-", i)
				if u := take(t, l, charge("ann", 1, noon, ticket(id))); !u.Allowed {
					t.Errorf("%+v", u)
				}
				if i%3 == 0 {
					continue // stays open
				}
				if err := l.Release(t.Context(), charge("ann", 1, noon, ticket(id))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() {
		group.Wait()
		close(over)
	}()
	const counting = "p3, person, *, *, *, open, 5000, -, refuse\n"
	for ended := false; !ended; {
		l.edit("")
		l.edit(counting)
		select {
		case <-over:
			ended = true
		default:
		}
	}
	if got := l.left("ann", noon); got != 5000-2000 {
		t.Errorf("%d tickets are counted, want 2000", 5000-got)
	}
}

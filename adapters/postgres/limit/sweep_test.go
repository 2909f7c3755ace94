package limit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

const countBuckets = "SELECT count(*) FROM interlock.bucket WHERE meter <> ''"

// Full buckets are forgotten little by little while others are charged, those
// that are not full are kept, and so is the number of rows.
func TestFullBucketsAreForgottenAndOthersKept(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, requests, 1000000, 1h, refuse\np3, target, *, *, *, open, 300, -, refuse\n")
	c := &clock{now: noon}
	r.SetMoment(c.time)
	take(t, r, charge("bob", 1_000_000, ticket("bob")))
	r.exec(fmt.Sprintf(`INSERT INTO interlock.bucket (meter, value, at, amounts, windows, held)
		SELECT 'person, *, *, *, requests', 'person' || n, %d, '{1000000}', '{3600000000000}', '{999999}' FROM generate_series(1, 3000) n`, noon.UnixNano()))
	c.advance(30 * time.Minute)
	for range 2 { // little by little
		for i := range 64 {
			take(t, r, charge("ann", 1, ticket(fmt.Sprint(r.number(countBuckets), i))))
		}
	}
	if n := r.number(countBuckets); n > 2600 || n < 1900 {
		t.Errorf("%d buckets are left after two sweeps", n)
	}
	for range 6 {
		r.Sweep(t.Context())
	}
	if n := r.number(countBuckets); n > 4 {
		t.Errorf("%d buckets are left, want those of bob, ann and their target", n)
	}
	if got := r.left(charge("bob", 1, ticket("z"))); got != 500_000 {
		t.Errorf("bob has %d left, want 500,000", got)
	}
	c.advance(-25 * time.Minute)
	take(t, r, charge("person7", 1_000_000, ticket("back")))
	c.advance(25 * time.Minute)
	if got := r.left(charge("person7", 1, ticket("z"))); got != 0 {
		t.Errorf("a clock that went back and on again gave %d", got)
	}
}

// What is full by the row that was is not forgotten while it is not by the row
// that is.
func TestSweepGoesByTheEditedLimit(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	c := &clock{now: noon}
	r.SetMoment(c.time)
	take(t, r, charge("ann", 10))
	r.edit("p3, person, *, *, *, requests, 10, 10h, refuse\n")
	c.advance(2 * time.Hour)
	r.Sweep(t.Context())
	if got := r.left(charge("ann", 1)); got != 2 {
		t.Errorf("%d are left, want 2", got)
	}
	c.advance(9 * time.Hour)
	r.Sweep(t.Context())
	if n := r.number(countBuckets); n != 0 {
		t.Errorf("%d buckets that are full", n)
	}
}

func TestAChargeIsForgottenAfterItsTime(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	c := &clock{now: noon}
	r.SetMoment(c.time)
	for _, tc := range []struct {
		later time.Duration
		paid  int64
	}{{0, 1}, {23 * time.Hour, 0}, {2 * time.Hour, 1}} {
		c.advance(tc.later)
		r.Sweep(t.Context())
		if u := take(t, r, charge("ann", 1, ticket("t"))); !u.Allowed || u.Limits[0].Charged != tc.paid {
			t.Errorf("%v later: %+v, want %d charged", tc.later, u, tc.paid)
		}
	}
}

// tickets is a store with tickets of some status.
type tickets map[string]moderation.Status

func (s tickets) Ticket(_ context.Context, id string) (moderation.Ticket, error) {
	switch status, ok := s[id]; {
	case !ok:
		return moderation.Ticket{}, moderation.ErrNoTicket
	case status == "":
		return moderation.Ticket{}, errors.New("it rains")
	default:
		return moderation.Ticket{ID: id, Status: status}, nil
	}
}

func (s tickets) Commit(context.Context, moderation.Change) error { return errors.New("not here") }
func (s tickets) Head(context.Context, string) (moderation.Head, error) {
	return moderation.Head{}, errors.New("not here")
}
func (s tickets) Tickets(context.Context, moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(func(moderation.Ticket, error) bool) {}
}

// What a replica that died did not release is released, and nothing else.
func TestReleaseFinishedReleasesWhatNobodyDid(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, open, 20, -, refuse\n")
	c := &clock{now: noon}
	r.SetMoment(c.time)
	s := tickets{"a": moderation.StatusPending, "b": moderation.StatusRejected, "c": moderation.StatusExecuting, "d": moderation.StatusExecuted, "e": moderation.StatusUnknown, "f": moderation.StatusHeld}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "b#normal#en", "never committed"} {
		take(t, r, charge("ann", 1, ticket(id)))
	}
	if n, err := r.ReleaseFinished(t.Context(), s); n != 0 || err != nil {
		t.Errorf("just charged: %d were released, %v", n, err)
	}
	c.advance(time.Hour)
	take(t, r, charge("ann", 1, ticket("new")))
	if n, err := r.ReleaseFinished(t.Context(), s); n != 4 || err != nil {
		t.Errorf("%d were released, %v; want 4", n, err)
	}
	if got := r.left(charge("ann", 1, ticket("z"))); got != 15 {
		t.Errorf("room for %d, want 15", got)
	}
	if _, err := r.ReleaseFinished(t.Context(), tickets{"a": ""}); err == nil {
		t.Error("a store that does not answer is no error")
	}
	if got := r.left(charge("ann", 1, ticket("z"))); got != 15 {
		t.Errorf("a store that does not answer gave room: %d", got)
	}
	if _, err := r.ReleaseFinished(t.Context(), (*nilStore)(nil)); err == nil {
		t.Error("a typed nil is a store")
	}
}

type nilStore struct{ tickets }

// The database's own clock fills the buckets, whatever the guard's says.
func TestTheDatabasesClockFillsTheBuckets(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, requests, 1000, 200s, refuse\n")
	take(t, r, charge("ann", 1000))
	u := take(t, r, charge("ann", 5, func(c *moderation.Charge) { c.Time = noon.AddDate(20, 0, 0) }))
	if u.Allowed || u.RetryAfter > time.Second || u.RetryAfter < 100*time.Millisecond {
		t.Fatalf("usage is %+v, want a wait of a second at most", u)
	}
	r.exec(fmt.Sprintf("SELECT pg_sleep(%v)", u.RetryAfter.Seconds()))
	if u := take(t, r, charge("ann", 5, func(c *moderation.Charge) { c.Time = noon.AddDate(-20, 0, 0) })); !u.Allowed {
		t.Errorf("after the wait: %+v", u)
	}
}

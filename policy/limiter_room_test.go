package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func sized(t testing.TB, rows string, size int) *policy.Limiter {
	t.Helper()
	l, err := policy.NewLimiterSize(open(t, few+rows), size)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A limiter without room for another bucket refuses who needs one; it forgets
// nothing that was drawn, and goes on for all that it knows.
func TestLimiterWithoutRoomForgetsNobodyAndRefusesOthers(t *testing.T) {
	t.Parallel()
	l := sized(t, "p3, person, *, *, *, requests, 2, 1h, refuse\np3, all, *, *, *, requests, 1000, 1h, refuse\n", 4)
	people := []string{"ann", "bob", "cat"} // and one bucket for all
	for _, p := range people {
		if u := take(t, l, charge(p, 1, noon)); !u.Allowed {
			t.Fatal(u)
		}
	}
	for range 100 {
		calls := map[string]func(moderation.Charge) (moderation.Usage, error){
			"Take": func(c moderation.Charge) (moderation.Usage, error) { return l.Take(t.Context(), c) },
			"Peek": func(c moderation.Charge) (moderation.Usage, error) { return l.Peek(t.Context(), c) },
			"Restore": func(c moderation.Charge) (moderation.Usage, error) {
				return moderation.Usage{}, l.Restore(t.Context(), c)
			},
		}
		for name, call := range calls {
			u, err := call(charge("dan", 1, noon, ticket("t")))
			if err == nil || u.Allowed || !strings.Contains(err.Error(), "holds 4 buckets that are not full, as many as it has room for") {
				t.Fatalf("%s without room: %+v, %v", name, u, err)
			}
		}
	}
	for _, p := range people {
		if u := take(t, l, charge(p, 1, noon)); !u.Allowed || u.Limits[0].Left != 0 {
			t.Errorf("%s, who is known: %+v", p, u)
		}
		if u := take(t, l, charge(p, 1, noon)); u.Allowed {
			t.Errorf("%s was forgotten: %+v", p, u)
		}
	}
	if l.Len() != 4 {
		t.Errorf("%d buckets", l.Len())
	}
	// In an hour all are full, and there is room again.
	u := take(t, l, charge("dan", 1, noon.Add(time.Hour)))
	if !u.Allowed || u.Limits[1].Left != 999 {
		t.Errorf("with room again: %+v", u)
	}
}

// What is full is forgotten in all of the limiter, though only one person goes on
// being charged, and what is not full is kept.
func TestLimiterForgetsWhatIsFull(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 1000000, 1h, refuse\n")
	for i := range 20_000 {
		take(t, l, charge(fmt.Sprint("person", i), 1, noon))
	}
	take(t, l, charge("bob", 1_000_000, noon))
	for i := range 2_000 {
		peek(t, l, charge("ann", 1, noon.Add(time.Hour))) // forgets nothing
		if l.Len() < 20_001 {
			t.Fatalf("%d buckets after %d looks", l.Len(), i)
		}
	}
	later := noon.Add(30 * time.Minute)
	for range 20_000 {
		take(t, l, charge("ann", 1, later))
	}
	if l.Len() != 2 {
		t.Errorf("%d buckets, want those of ann and bob", l.Len())
	}
	if u := peek(t, l, charge("bob", 1, later)); u.Limits[0].Left != 499_999 {
		t.Errorf("%+v; want half to be back", u)
	}
}

// What is restored finds whatever room there is.
func TestRestoreMakesRoom(t *testing.T) {
	t.Parallel()
	l := sized(t, "p3, person, *, *, *, requests, 2, 1h, refuse\n", 100)
	for i := range 1000 {
		c := charge(fmt.Sprint("person", i), 1, noon.Add(time.Duration(i)*20*time.Second))
		if err := l.Restore(t.Context(), c); err != nil {
			t.Fatal(i, err)
		}
	}
	if n := l.Len(); n > 100 || n < 90 {
		t.Errorf("%d buckets, want as many as are not full, and up to 100", n)
	}
}

// The room is not exceeded by those who come at the same moment.
func TestRoomIsNotExceeded(t *testing.T) {
	t.Parallel()
	l := sized(t, "p3, person, *, *, *, requests, 2, 1h, refuse\np3, actor, *, *, *, requests, 2, 1h, refuse\n", 50)
	var allowed atomic.Int64
	var group sync.WaitGroup
	for g := range 20 {
		group.Go(func() {
			for i := range 20 {
				if u, err := l.Take(t.Context(), charge(fmt.Sprint(g, "-", i), 1, noon)); err == nil && u.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if allowed.Load() != 25 || l.Len() != 50 {
		t.Errorf("%d were allowed and %d buckets are held, want 25 and 50", allowed.Load(), l.Len())
	}
}

// Tickets that a limit counts are not forgotten either; where none does, they
// need no room.
func TestRoomForUnfinishedTickets(t *testing.T) {
	t.Parallel()
	l := sized(t, "p3, all, *, *, *, open, 100, -, refuse\n", 3)
	for i := range 3 {
		take(t, l, charge("ann", 1, noon, ticket(fmt.Sprint(i))))
	}
	for _, call := range []func() (moderation.Usage, error){
		func() (moderation.Usage, error) { return l.Take(t.Context(), charge("ann", 1, noon, ticket("more"))) },
		func() (moderation.Usage, error) { return l.Peek(t.Context(), charge("ann", 1, noon, ticket("more"))) },
		func() (moderation.Usage, error) {
			return moderation.Usage{}, l.Restore(t.Context(), charge("ann", 1, noon, ticket("more")))
		},
	} {
		if u, err := call(); err == nil || u.Allowed || !strings.Contains(err.Error(), "knows of 3 unfinished tickets, as many as it has room for") {
			t.Errorf("without room: %+v, %v", u, err)
		}
	}
	if u := take(t, l, charge("ann", 1, noon, ticket("1"))); !u.Allowed {
		t.Errorf("a ticket that is known: %+v", u)
	}
	for range 2 { // the second time it is known no more
		if err := l.Release(t.Context(), charge("ann", 1, noon, ticket("1"))); err != nil {
			t.Fatal(err)
		}
	}
	if u := take(t, l, charge("ann", 1, noon, ticket("more"))); !u.Allowed || u.Limits[0].Left != 97 {
		t.Errorf("when one is over: %+v", u)
	}
	if u, err := l.Take(t.Context(), charge("ann", 1, noon, ticket("another"))); err == nil {
		t.Errorf("room for two was given free by one: %+v", u)
	}

	l = sized(t, "p3, all, *, *, *, requests, 100, 1h, refuse\n", 1)
	for i := range 10 {
		if u := take(t, l, charge("ann", 1, noon, ticket(fmt.Sprint(i)))); !u.Allowed {
			t.Errorf("a ticket that no limit counts: %+v", u)
		}
	}
}

// What was refused, or only looked at, takes no room.
func TestRefusalsTakeNoRoom(t *testing.T) {
	t.Parallel()
	l := sized(t, "p3, person, *, *, *, requests, 2, 1h, refuse\np3, person, *, *, *, open, 2, -, refuse\n", 2)
	for i := range 50 {
		take(t, l, charge(fmt.Sprint("big", i), 3, noon, ticket(fmt.Sprint(i))))
		peek(t, l, charge(fmt.Sprint("small", i), 1, noon, ticket(fmt.Sprint(i))))
	}
	if u := take(t, l, charge("ann", 1, noon, ticket("t"))); !u.Allowed || l.Len() != 2 {
		t.Errorf("%+v, and %d buckets", u, l.Len())
	}
}

func TestNewLimiterSizeRefusesWhatIsNoSize(t *testing.T) {
	t.Parallel()
	a := open(t, few)
	for _, size := range []int{-1, 0, 1<<30 + 1} {
		if l, err := policy.NewLimiterSize(a, size); l != nil || err == nil || !strings.Contains(err.Error(), fmt.Sprint(size)) {
			t.Errorf("NewLimiterSize(%d): %v", size, err)
		}
	}
	if _, err := policy.NewLimiterSize(nil, 1); err == nil {
		t.Error("NewLimiterSize of no authorizer: no error")
	}
	if n := (*policy.Limiter)(nil).Len() + new(policy.Limiter).Len(); n != 0 {
		t.Errorf("nil and zero limiters hold %d buckets", n)
	}
}

// A million keys (fewer under the race detector) cost at most 192 bytes each,
// text included. No other test runs meanwhile.
func TestKeyCostsAtMost192Bytes(t *testing.T) {
	if bytes := bytesPerKey(t, policy.Rush); bytes > 192 {
		t.Errorf("a key costs %.1f bytes of %d", bytes, policy.Rush)
	}
}

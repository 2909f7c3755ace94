package policy_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/elevenminutes/interlock/moderation"
)

// The trap: rate.Limiter goes back to an earlier time that it is given, and
// then fills again for the time that it has filled for before.
func TestBucketDoesNotFillTwice(t *testing.T) {
	t.Parallel()
	later := noon.Add(30 * time.Minute)
	trapped := rate.NewLimiter(rate.Every(6*time.Minute), 10) // 10 an hour
	trapped.AllowN(noon, 10)
	trapped.AllowN(later, 1)
	trapped.AllowN(noon, 1)
	if got := trapped.TokensAt(later); got < 7.9 {
		t.Fatalf("rate.Limiter holds %v: it does not fill twice any more, so this test shows nothing", got)
	}

	l := limiter(t, "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	take(t, l, charge("ann", 10, noon))
	take(t, l, charge("ann", 1, later))
	if u := take(t, l, charge("ann", 1, noon)); !u.Allowed || u.Limits[0].Left != 3 {
		t.Errorf("at an earlier time: %+v; want it taken as at the later one, 3 left", u)
	}
	if u := peek(t, l, charge("ann", 4, later)); u.Allowed || u.Limits[0].Left != 3 {
		t.Errorf("at the later time again: %+v; want 3 left", u)
	}
}

// A clock that goes back gives no room, and retry-after reckons with it.
func TestRetryAfterWhenTheClockWentBack(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 1, 1h, refuse\n")
	take(t, l, charge("ann", 1, noon))
	u := take(t, l, charge("ann", 1, noon.Add(-24*time.Hour)))
	if u.Allowed || u.RetryAfter != 25*time.Hour {
		t.Errorf("usage is %+v, want a wait of 25h", u)
	}
}

// At now+RetryAfter the same charge passes; a nanosecond before it does not.
func TestRetryAfterIsExact(t *testing.T) {
	t.Parallel()
	n := seed(t)
	random := rand.New(rand.NewPCG(n, 1))
	amounts := []int64{1, 2, 3, 7, 10, 97, 1000, 12_345, 1_000_000, 40_000_000, 1 << 40, 1 << 53}
	windows := []time.Duration{1, 999, time.Microsecond, time.Millisecond, time.Second, 7 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 30 * 24 * time.Hour, 5 * 365 * 24 * time.Hour}
	var refused int
	for range 120 {
		one, two := amounts[random.IntN(len(amounts))], amounts[random.IntN(len(amounts))]
		window := windows[random.IntN(len(windows))]
		l := limiter(t, fmt.Sprintf("p3, person, *, *, *, reach, %d, %v, refuse\np3, all, *, *, *, reach, %d, %v, refuse\n",
			one, window, two, windows[random.IntN(len(windows))]))
		now := noon
		for range 12 {
			c := charge("ann", 1, now, executed(1+random.Int64N(min(one, two))))
			u := take(t, l, c)
			if u.Allowed {
				now = now.Add(time.Duration(random.Int64N(int64(window)/4 + 1)))
				continue
			}
			refused++
			c.Time = now.Add(u.RetryAfter - 1)
			if early := peek(t, l, c); early.Allowed || u.RetryAfter <= 0 || u.Never {
				t.Fatalf("amounts %d and %d, window %v, charge %+v: a nanosecond before %v it passes: %+v", one, two, window, c, u.RetryAfter, u)
			}
			c.Time = now.Add(u.RetryAfter)
			if late := take(t, l, c); !late.Allowed {
				t.Fatalf("amounts %d and %d, window %v, charge %+v: after %v it does not pass: %+v", one, two, window, c, u.RetryAfter, late)
			}
			now = c.Time
		}
	}
	if refused < 100 {
		t.Errorf("only %d charges were refused: the test shows little", refused)
	}
}

// Whatever the clock does, no more is taken than the burst and what time adds.
func TestNoMoreThanTheRate(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seed(t), 2))
	for range 20 {
		amount, window := 1+random.Int64N(50), time.Duration(1+random.Int64N(int64(time.Hour)))
		l := limiter(t, fmt.Sprintf("p3, person, *, *, *, requests, %d, %v, refuse\n", amount, window))
		var taken int64
		now, earliest, latest := noon, noon, noon
		for range 400 {
			now = now.Add(time.Duration(random.Int64N(int64(window)/8+2) - int64(window)/20))
			if now.After(latest) {
				latest = now
			}
			if now.Before(earliest) {
				earliest = now
			}
			// Charges of others make full buckets be forgotten.
			take(t, l, charge(fmt.Sprint("other", random.IntN(50)), 1, now))
			if n := 1 + random.IntN(int(amount)); take(t, l, charge("ann", n, now)).Allowed {
				taken += int64(n)
			}
		}
		if most := float64(amount) * (1 + latest.Sub(earliest).Seconds()/window.Seconds()); float64(taken) > most+1e-6 {
			t.Fatalf("%d were taken in %v where %d in %v allow %v", taken, latest.Sub(earliest), amount, window, most)
		}
	}
}

func TestRestoreGoesBelowEmpty(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	for _, n := range []int{10, 5, 25} {
		if err := l.Restore(t.Context(), charge("ann", n, noon)); err != nil {
			t.Fatal(err)
		}
	}
	// 40 of 10 an hour: empty for three hours more, and then one is there after six minutes.
	u := take(t, l, charge("ann", 1, noon))
	if u.Allowed || u.RetryAfter != 3*time.Hour+6*time.Minute || u.Limits[0].Left != 0 {
		t.Errorf("usage is %+v, want a wait of 3h6m and nothing left", u)
	}
	if u := take(t, l, charge("ann", 10, noon.Add(4*time.Hour))); !u.Allowed {
		t.Errorf("four hours later: %+v", u)
	}
	take(t, l, charge("ann", 10, noon.AddDate(0, 0, 9)))
	if u := take(t, l, charge("ann", 1, noon.AddDate(0, 0, 9))); u.Allowed {
		t.Errorf("nine days later it holds more than the limit: %+v", u)
	}
}

// A debt that no time we know of pays is never.
func TestRestoreBeyondAnyWait(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, reach, 1, 36500d, refuse\n")
	for range 4 {
		if err := l.Restore(t.Context(), charge("ann", 1, noon, executed(1<<62))); err != nil {
			t.Fatal(err)
		}
	}
	if u := take(t, l, charge("ann", 1, noon, executed(1))); u.Allowed || !u.Never || u.RetryAfter != 0 {
		t.Errorf("usage is %+v, want never", u)
	}
	if u := take(t, l, charge("ann", 1, noon, executed(0))); !u.Allowed {
		t.Errorf("what reaches nobody is refused: %+v", u)
	}
}

// What was let over a limit is restored as it was drawn.
func TestRestoreOfOverrun(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 10, 1h, lead\np3, all, *, *, *, requests, 100, 1h, refuse\n")
	for range 3 {
		if err := l.Restore(t.Context(), charge("ann", 6, noon, overrun)); err != nil {
			t.Fatal(err)
		}
	}
	u := take(t, l, charge("ann", 1, noon))
	if u.Allowed || u.RetryAfter != 6*time.Minute || u.Limits[1].Left != 82 {
		t.Errorf("usage is %+v, want a wait of 6m and 82 left of all", u)
	}
}

// What a crash forgot is there again.
func TestRestoreMakesTheSameLimiter(t *testing.T) {
	t.Parallel()
	rows := "p3, person, *, *, *, requests, 7, 1h, refuse\np3, all, *, *, *, open, 5, -, refuse\n"
	before, after := limiter(t, rows), limiter(t, rows)
	now := noon
	for i := range 30 {
		now = now.Add(11 * time.Minute)
		c := charge("ann", 1+i%3, now, ticket(fmt.Sprint(i)))
		if u := take(t, before, c); u.Allowed {
			if err := after.Restore(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				for _, l := range []moderation.Releaser{before, after} {
					if err := l.Release(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	c := charge("ann", 5, now, ticket("next"))
	if x, y := peek(t, before, c), peek(t, after, c); fmt.Sprint(x) != fmt.Sprint(y) {
		t.Errorf("restored: %+v; it was %+v", y, x)
	}
}

package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unique"

	"golang.org/x/time/rate"
)

// A bucket reckons as rate.Limiter does, which is the judge: what it gives that
// would give, what it refuses that does not hold, and what is left is the same.
// Times only go on, since rate.Limiter fills twice when they go back.
func TestBucketReckonsAsRateLimiter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	var given, refused, overdrawn int
	for range 300 {
		amount := 1 + random.Int64N(1<<uint(1+random.IntN(53)))
		window := time.Duration(1 + random.Int64N(1<<uint(1+random.IntN(60))))
		s := shape{meter: meter{unit: unitRequests, per: perAll}, amount: amount, window: window}
		r := &rates{meter: unique.Make(s.meter), prefix: perAll, list: []fillRate{newFillRate(&s)}}
		now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
		b := newBucket(0, perAll, r, now.UnixNano())
		judge := rate.NewLimiter(rate.Limit(float64(amount)/window.Seconds()), int(amount))
		for range 60 {
			now = now.Add(time.Duration(random.Int64N(int64(min(window, 1<<55))/4 + 1)))
			at, n := now.UnixNano(), 1+random.Int64N(amount)
			left := b.level(r, 0, at-b.at)
			if want := judge.TokensAt(now); !near(left, want) {
				t.Fatalf("%d in %v: %v are left, rate.Limiter has %v", amount, window, left, want)
			}
			switch {
			case random.IntN(8) == 0: // as a restart does
				overdrawn++
				burst := judge.Burst()
				judge.SetBurstAt(now, int(max(n, amount)))
				judge.ReserveN(now, int(n))
				judge.SetBurstAt(now, burst)
			case math.Floor(left) < float64(n):
				refused++
				if want := judge.TokensAt(now); want >= float64(n)+1e-6*float64(n) {
					t.Fatalf("%d in %v: %d are refused, of which rate.Limiter has %v", amount, window, n, want)
				}
				continue
			default:
				given++
				if !judge.AllowN(now, int(n)) {
					t.Fatalf("%d in %v: %d are given, which rate.Limiter refuses", amount, window, n)
				}
			}
			b.advance(r, at)
			b.draw(0, n)
		}
	}
	if given < 1000 || refused < 1000 || overdrawn < 1000 {
		t.Errorf("%d given, %d refused, %d overdrawn: the test shows little", given, refused, overdrawn)
	}
}

// near allows for machines that round a sum and a product at once.
func near(x, y float64) bool { return math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y), 1) }

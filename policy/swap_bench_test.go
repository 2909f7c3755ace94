package policy

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// prepared is a source that holds one of two versions, read before.
type prepared struct {
	versions [2][]Row
	turn     int
}

func (p *prepared) Load(context.Context) ([]Row, error) {
	p.turn++
	return p.versions[p.turn%2], nil
}

// stallReader asks without pause, and keeps the longest time from one answer to
// the next.
type stallReader struct {
	longest atomic.Int64 // between any two answers
	across  atomic.Int64 // between the two answers around a swap
	swaps   atomic.Int64 // raised just after each swap
	answers atomic.Int64
	stop    chan struct{}
	stopped chan struct{}
}

func readWithoutPause(b *testing.B, a *Authorizer) *stallReader {
	r := &stallReader{stop: make(chan struct{}), stopped: make(chan struct{})}
	q := moderation.Question{
		Step: moderation.StepRequest, Actor: moderation.Actor{Login: "user77"}, Kind: "account.suspend",
		Target: moderation.Target{Tier: "normal", Domain: "en"}, Duration: time.Hour, Count: 1,
		Time: time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
	}
	go func() {
		defer close(r.stopped)
		last, swaps := time.Now(), int64(0)
		for {
			select {
			case <-r.stop:
				return
			default:
			}
			if d, err := a.Decide(context.Background(), q); err != nil || !d.Allowed {
				b.Errorf("decision is %+v, %v", d, err)
				return
			}
			now := time.Now()
			pause := int64(now.Sub(last))
			r.longest.Store(max(r.longest.Load(), pause))
			if n := r.swaps.Load(); n != swaps {
				r.across.Store(max(r.across.Load(), pause))
				swaps = n
			}
			r.answers.Add(1)
			last = now
		}
	}()
	return r
}

// swapPause is how long the reader goes on after each swap: it is what is measured,
// in real time, and nothing is decided by it.
const swapPause = 5 * time.Millisecond

// BenchmarkSwap measures the longest pause that a reader sees between the two
// answers around a swap (swap-stall-ns), and between any two (max-stall-ns), while
// versions take force: swap=none is the same reader alone (what
// the machine, the scheduler and the collector do to it); swap=pointer puts
// compiled versions in force in turn; swap=reload reads, compiles and swaps
// while the reader goes on. With a million users a reload takes seconds: run it
// with -benchtime 3x.
func BenchmarkSwap(b *testing.B) {
	for _, users := range []int{1_000, 1_000_000} {
		b.Run("users="+strconv.Itoa(users), func(b *testing.B) { benchmarkSwap(b, users) })
	}
}

func benchmarkSwap(b *testing.B, users int) {
	source := new(prepared)
	for i := range source.versions {
		source.versions[i] = []Row{
			{Type: "p", Fields: []string{"mod", "request", "account.suspend", "*", "*", "allow"}},
			{Type: "p2", Fields: []string{"request", "*", "*", "*", "*", "none", "-", "-"}},
			{Type: "g", Fields: []string{fmt.Sprintf("extra%d", i), "mod", "*", "-", "-"}},
		}
		for u := range users {
			source.versions[i] = append(source.versions[i], Row{Type: "g", Fields: []string{"user" + strconv.Itoa(u), "mod", "*", "-", "-"}})
		}
	}
	a, err := Open(context.Background(), Config{Source: source, Kinds: []string{"account.suspend"}, Tiers: []string{"normal"}})
	if err != nil {
		b.Fatal(err)
	}
	var versions [2]*version
	for i := range versions {
		if err := a.Reload(context.Background()); err != nil {
			b.Fatal(err)
		}
		versions[i] = a.current.Load()
	}
	turn := 0
	for _, swap := range []struct {
		name string
		do   func() error
	}{
		{"none", func() error { return nil }},
		{"pointer", func() error { turn++; a.current.Store(versions[turn%2]); return nil }},
		{"reload", func() error { return a.Reload(context.Background()) }},
	} {
		b.Run("swap="+swap.name, func(b *testing.B) {
			r := readWithoutPause(b, a)
			for b.Loop() {
				before := r.answers.Load()
				if err := swap.do(); err != nil {
					b.Fatal(err)
				}
				r.swaps.Add(1)
				time.Sleep(swapPause)
				for r.answers.Load() < before+2 && !b.Failed() { // one answer that began after the swap
					time.Sleep(swapPause)
				}
			}
			close(r.stop)
			<-r.stopped
			b.ReportMetric(float64(r.across.Load()), "swap-stall-ns")
			b.ReportMetric(float64(r.longest.Load()), "max-stall-ns")
		})
	}
}

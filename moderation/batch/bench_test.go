package batch_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
)

// allowing is a policy and a limiter that cost nothing.
type allowing struct{}

func (allowing) Decide(context.Context, moderation.Question) (moderation.Decision, error) {
	return moderation.Decision{Allowed: true, Policy: "p", Requirement: moderation.Requirement{Quorum: moderation.Quorum{None: true}}}, nil
}

func (allowing) Take(context.Context, moderation.Charge) (moderation.Usage, error) {
	return moderation.Usage{Allowed: true}, nil
}

func (allowing) Peek(context.Context, moderation.Charge) (moderation.Usage, error) {
	return moderation.Usage{Allowed: true}, nil
}

// discard keeps no records, so that what is measured is not the memory of a trail.
type discard struct{}

func (discard) Append(context.Context, audit.Record) error { return nil }

func benchmarkGuard(b *testing.B, n int) (*moderation.Guard, batch.Slice) {
	b.Helper()
	directory, ids := new(moderation.MapDirectory), batch.Slice{}
	if err := directory.SetActor(moderation.Actor{Login: "mod", Person: "mod", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		ids = append(ids, fmt.Sprintf("account-%08d", i))
		if err := directory.SetTarget(moderation.Target{ID: ids[i], Tier: "standard", Domain: "en", Reach: 1}); err != nil {
			b.Fatal(err)
		}
	}
	nothing := func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }
	undo := func(context.Context, moderation.Permit) error { return nil }
	guard, err := moderation.New(b.Context(), moderation.Config{
		Directory: directory, Authorizer: allowing{}, Limiter: allowing{}, Audit: discard{}, ForgetOnExit: true,
		Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: nothing, Undo: undo}}, Tiers: []string{"standard"},
	})
	if err != nil {
		b.Fatal(err)
	}
	return guard, ids
}

// BenchmarkMemberSet builds the set of 100,000 members. B/member is what stays of
// it, the ID of 16 bytes included.
func BenchmarkMemberSet(b *testing.B) {
	const n = 100_000
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("account-%08d", i)
	}
	var set *moderation.MemberSet
	held := heapHeld(func() { set, _ = moderation.NewMemberSet(slices.Values(ids)) })
	for b.Loop() {
		set, _ = moderation.NewMemberSet(slices.Values(ids))
	}
	b.ReportMetric(float64(held)/n, "B/member")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/member")
	runtime.KeepAlive(set)
}

func heapHeld(make func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - before.HeapAlloc
}

// BenchmarkMembers executes the members of a batch of 100,000 by 8 workers, with
// its request and its start; single is the same number of actions asked for one by
// one by 8 workers. Neither keeps records: the trail's part is measured there.
func BenchmarkMembers(b *testing.B) {
	const n, workers = 100_000, 8
	per := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/member")
	}
	b.Run("single", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			guard, ids := benchmarkGuard(b, n)
			b.StartTimer()
			var next atomic.Int64
			done := make(chan error, workers)
			for range workers {
				go func() {
					for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
						a := moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: ids[i], Reason: "x", Key: strconv.Itoa(int(i))}
						if _, err := guard.Do(b.Context(), a); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range workers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		}
		per(b)
	})
	b.Run("batch", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			guard, ids := benchmarkGuard(b, n)
			runner, err := batch.New(guard, batch.Config{Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			a := moderation.Action{Kind: moderation.Limit, Actor: "mod", Tier: "standard", Reason: "x", Key: "k"}
			mandate, err := runner.Start(b.Context(), a, ids, n)
			if err != nil {
				b.Fatal(err)
			}
			done := 0
			for result, err := range runner.Run(b.Context(), mandate.ID, ids) {
				if err != nil || result.Err != nil {
					b.Fatal(err, result.Err)
				}
				done++
			}
			if done != n {
				b.Fatalf("%d members were done", done)
			}
		}
		per(b)
	})
}

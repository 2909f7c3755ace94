package moderation_test

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
)

// BenchmarkExecuted executes actions from 64 goroutines with the trail on a
// disk. The floor appends the same two records for each action to such a trail
// and does nothing else.
func BenchmarkExecuted(b *testing.B) {
	const inflight = 64
	b.Run("impl=guard/inflight=64", func(b *testing.B) {
		guard := benchGuard(b, benchTrail(b))
		actions := benchActions(b.N)
		benchTogether(b, inflight, func(n int) error {
			_, err := guard.Do(b.Context(), actions[n])
			return err
		})
	})
	b.Run("impl=append/inflight=64", func(b *testing.B) {
		pairs := benchPairs(b)
		log := benchTrail(b)
		benchTogether(b, inflight, func(n int) error {
			for _, r := range pairs[n] {
				if err := log.Append(b.Context(), r); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func benchTrail(b *testing.B) *trail.Log {
	b.Helper()
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o700); err != nil {
		b.Fatal(err)
	}
	log, err := trail.Open(b.Context(), trail.Beside(filepath.Join(dir, "log"), "example.com/bench"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	return log
}

func benchGuard(b *testing.B, sink audit.Sink) *moderation.Guard {
	b.Helper()
	guard, err := moderation.New(b.Context(), moderation.Config{
		Directory: benchDirectory{}, Authorizer: benchAuthorizer{}, Limiter: newBenchLimiter(),
		Audit: sink, ForgetOnExit: true, Tiers: []string{"standard"},
		Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: benchApply, Undo: benchUndo}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return guard
}

func benchActions(n int) []moderation.Action {
	actions := make([]moderation.Action, n)
	for i := range actions {
		actions[i] = benchAction(i)
	}
	return actions
}

// benchPairs returns the records of as many actions as the benchmark executes.
func benchPairs(b *testing.B) [][]audit.Record {
	b.Helper()
	sink := &audit.Memory{}
	guard := benchGuard(b, sink)
	for _, a := range benchActions(b.N) {
		if _, err := guard.Do(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
	records := sink.Records()
	if len(records) != 2*b.N {
		b.Fatalf("%d actions made %d records", b.N, len(records))
	}
	pairs := make([][]audit.Record, b.N)
	for i := range pairs {
		pairs[i] = records[2*i : 2*i+2]
	}
	return pairs
}

// benchTogether runs b.N steps from several goroutines and reports how many
// there were in a second.
func benchTogether(b *testing.B, inflight int, step func(n int) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range inflight {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
				if err := step(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "actions/s")
}

// nowhere is a sink that keeps nothing, so that what a store keeps can be told
// from what its sink does. It takes snapshots, as a trail does: for those the store
// keeps the use of limits too.
type nowhere struct{}

var _ audit.Snapshotter = nowhere{}

func (nowhere) Append(context.Context, audit.Record) error { return nil }

func (nowhere) Replay(context.Context) iter.Seq2[audit.Record, error] {
	return func(func(audit.Record, error) bool) {}
}

func (nowhere) SaveSnapshot(context.Context, func(io.Writer) error) error { return nil }

func (nowhere) ReplaySnapshot(ctx context.Context, _ func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return nowhere{}.Replay(ctx)
}

// BenchmarkMemoryStore reports how many bytes a ticket takes while it waits,
// and while its restriction stands, and how long the head of a target takes.
func BenchmarkMemoryStore(b *testing.B) {
	for _, of := range []struct {
		name   string
		needs  moderation.Requirement
		status moderation.Status
	}{
		{"pending", twoLeads(), moderation.StatusPending},
		{"standing", benchDecision.Requirement, moderation.StatusExecuted},
	} {
		for _, tickets := range []int{10_000, 1_000_000} {
			b.Run("tickets="+of.name+"/n="+strconv.Itoa(tickets), func(b *testing.B) {
				before := heap()
				store, guard := benchStore(b, of.needs)
				for i := range tickets {
					t, err := guard.Do(b.Context(), benchAction(i))
					if t.Status != of.status {
						b.Fatalf("ticket %d is %s: %v", i, t.Status, err)
					}
				}
				each := float64(heap()-before) / float64(tickets)
				n := 0
				for b.Loop() {
					n += 7919
					h, err := store.Head(b.Context(), "acct-"+strconv.Itoa(n%tickets))
					if err != nil || (len(h.Standing) == 1) != (of.status == moderation.StatusExecuted) {
						b.Fatal(h, err)
					}
				}
				b.ReportMetric(each, "B/ticket")
			})
		}
	}
}

// benchStore returns a guard over a memory store whose sink keeps nothing.
func benchStore(b *testing.B, needs moderation.Requirement) (*moderation.MemoryStore, *moderation.Guard) {
	b.Helper()
	store, err := moderation.NewMemoryStore(b.Context(), nowhere{})
	if err != nil {
		b.Fatal(err)
	}
	guard, err := moderation.New(b.Context(), moderation.Config{
		Directory: benchDirectory{}, Authorizer: benchNeeds(needs), Limiter: newBenchLimiter(), Store: store, Tiers: []string{"standard"},
		Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: benchApply, Undo: benchUndo}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return store, guard
}

// benchNeeds allows everything, with this requirement.
type benchNeeds moderation.Requirement

func (n benchNeeds) Decide(context.Context, moderation.Question) (moderation.Decision, error) {
	d := benchDecision
	d.Requirement = moderation.Requirement(n)
	return d, nil
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

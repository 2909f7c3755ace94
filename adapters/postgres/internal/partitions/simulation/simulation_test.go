package simulation_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/adapters/postgres/internal/partitions/simulation"
)

const ms = time.Millisecond

// alone is one partition in which one replica does one thing at a time.
func alone() simulation.Model {
	return simulation.Model{
		Service: simulation.Service{
			Trip: 2 * ms, Decide: 3 * ms, Begin: 4 * ms, PerJob: 5 * ms, Fixed: 6 * ms, PerIntent: 7 * ms, PerOutcome: 8 * ms,
			Flush: []time.Duration{9 * ms},
		},
		Partitions: 1, Replicas: 1, InFlight: 1, Length: 100 * time.Second,
	}
}

// with is alone with something else.
func with(change func(*simulation.Model)) simulation.Model {
	m := alone()
	change(&m)
	return m
}

func run(t *testing.T, m simulation.Model) simulation.Result {
	t.Helper()
	r, err := simulation.Run(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantNear wants a rate, but for one action at each end.
func wantNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > want/50 {
		t.Errorf("%s: %.2f actions/s, want %.2f", what, got, want)
	}
}

func TestAnActionAloneTakesTheSumOfItsParts(t *testing.T) {
	t.Parallel()
	const whole = 3*ms + // it is decided
		2*ms + 4*ms + 5*ms + 6*ms + 7*ms + 9*ms + // the intent, with its job
		2*ms + 6*ms + 8*ms + 9*ms // the outcome
	r := run(t, alone())
	if r.Median != whole || r.P99 != whole || r.Group != 1 {
		t.Errorf("%v, %v, groups of %v; want %v and groups of 1", r.Median, r.P99, r.Group, whole)
	}
	wantNear(t, "alone", r.PerSecond, 1/whole.Seconds())
}

func TestOneAtATimeHoldsAChain(t *testing.T) {
	t.Parallel()
	// Replicas with one action each share no group; the chain is always held.
	r := run(t, with(func(m *simulation.Model) { m.Replicas = 32 }))
	wantNear(t, "32 replicas", r.PerSecond, 1/(6*ms+7*ms+9*ms+6*ms+8*ms+9*ms).Seconds())
}

func TestAReplicasChangesShareAGroup(t *testing.T) {
	t.Parallel()
	one, many := run(t, alone()), run(t, with(func(m *simulation.Model) { m.InFlight = 64 }))
	if many.Group < 16 || many.PerSecond < 2*one.PerSecond {
		t.Errorf("groups of %.1f, %.1f actions/s; alone %.1f", many.Group, many.PerSecond, one.PerSecond)
	}
}

func TestAGroupHas128ChangesAtMost(t *testing.T) {
	t.Parallel()
	r := run(t, with(func(m *simulation.Model) { m.InFlight = 1000 }))
	if r.Group > 128 || r.Group < 120 {
		t.Errorf("groups of %.1f", r.Group)
	}
}

// What bounds replicas that share no group is how often the chain is flushed.
func TestPartitionsWithReplicasOfTheirOwnAddUp(t *testing.T) {
	t.Parallel()
	rates := make(map[int]float64)
	for _, n := range []int{1, 4} {
		rates[n] = run(t, with(func(m *simulation.Model) { m.Replicas, m.Partitions, m.Divided = 64, n, true })).PerSecond
	}
	wantNear(t, "four partitions", rates[4], 4*rates[1])
}

func TestAProbeIsOverWhenItHasReachedTheLastPartition(t *testing.T) {
	t.Parallel()
	for partitions, apart := range map[int]bool{1: false, 8: true} {
		probes := run(t, with(func(m *simulation.Model) {
			m.Partitions, m.Replicas, m.Service.Flush = partitions, 16, []time.Duration{ms, 30 * ms}
			m.Probes = simulation.Probe{Commits: 2, Jobs: true, Pause: ms}
		})).Probes
		const least = 3*ms + 2*(2*ms+4*ms+5*ms+6*ms+ms) + 7*ms + 8*ms // decided, and two commits with their jobs
		if len(probes) < 50 {
			t.Fatalf("%d partitions: %d probes", partitions, len(probes))
		}
		for _, p := range probes {
			if p.First < least || p.Last < p.First || !apart && p.Last != p.First {
				t.Fatalf("%d partitions: a probe came to the first after %v, and to the last after %v", partitions, p.First, p.Last)
			}
			apart = apart && p.Last > p.First
		}
		if partitions > 1 && !apart {
			t.Errorf("%d partitions are reached at one moment", partitions)
		}
	}
}

func TestTheSameSeedGivesTheSameResult(t *testing.T) {
	t.Parallel()
	seeded := func(seed uint64) simulation.Result {
		return run(t, with(func(m *simulation.Model) {
			m.Partitions, m.Replicas, m.InFlight, m.Seed, m.Service.Flush = 3, 3, 3, seed, []time.Duration{ms, 5 * ms}
		}))
	}
	if d := cmp.Diff(seeded(1), seeded(1)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(seeded(1), seeded(2)) {
		t.Error("another seed gives the same result")
	}
}

func TestWhatCanNotBeSimulatedIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*simulation.Model){
		"the zero model":                  func(m *simulation.Model) { *m = simulation.Model{} },
		"no partition":                    func(m *simulation.Model) { m.Partitions = 0 },
		"no flush":                        func(m *simulation.Model) { m.Service.Flush = nil },
		"a negative time":                 func(m *simulation.Model) { m.Service.Fixed = -1 },
		"no length":                       func(m *simulation.Model) { m.Length = 0 },
		"no time passes":                  func(m *simulation.Model) { m.Service.Decide, m.Service.Trip = 0, 0 },
		"replicas that can't be divided":  func(m *simulation.Model) { m.Replicas, m.Partitions, m.Divided = 3, 2, true },
		"a partition without any replica": func(m *simulation.Model) { m.Replicas, m.Partitions, m.Divided = 1, 2, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := simulation.Run(with(change)); err == nil {
				t.Errorf("simulated: %+v", r)
			}
		})
	}
}

func TestASplitBudget(t *testing.T) {
	t.Parallel()
	if d := cmp.Diff(simulation.Split{Kept: 30, Median: 30, Worst: 30, Least: 30}, simulation.SplitBudget(30, 1, 100, 1)); d != "" {
		t.Errorf("whole (-want +got):\n%s", d)
	}
	if s := simulation.SplitBudget(30, 0, 100, 1); s != (simulation.Split{}) {
		t.Errorf("among none: %+v", s)
	}
	s := simulation.SplitBudget(30, 4, 1000, 1)
	if s.Kept != 28 || s.Least != 7 || s.Worst < s.Least || s.Median < s.Worst || s.Median >= s.Kept {
		t.Errorf("among four: %+v", s)
	}
}

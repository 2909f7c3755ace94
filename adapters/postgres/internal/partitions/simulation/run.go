package simulation

import (
	"math/rand/v2"
	"slices"
	"time"
)

// world is a simulation under way.
type world struct {
	clock
	Model
	random    *rand.Rand
	from      time.Duration // when it begins to count
	latencies []time.Duration
	groups    int
	changes   int
	probes    []Reach
}

// Run simulates a model. An error says what of it can't be.
func Run(m Model) (Result, error) {
	if err := m.check(); err != nil {
		return Result{}, err
	}
	w := &world{Model: m, random: rand.New(rand.NewPCG(m.Seed, 1)), from: m.Length / 5}
	chains := make([]*chain, m.Partitions)
	for i := range chains {
		chains[i] = &chain{world: w}
	}
	for r := range m.Replicas {
		stores := w.stores(chains)
		if m.Divided {
			stores = stores[r%m.Partitions : r%m.Partitions+1]
		}
		for range m.InFlight {
			// They do not all begin at one moment.
			w.after(w.upTo(m.Service.Decide+m.Service.Trip), func() { w.act(stores) })
		}
	}
	if m.Probes.Commits > 0 {
		own := w.stores(chains)
		w.after(w.from, func() { w.probe(own) })
	}
	w.run(w.from + m.Length)
	return w.result(), nil
}

// stores are those of one replica.
func (w *world) stores(chains []*chain) []*store {
	stores := make([]*store, len(chains))
	for i, c := range chains {
		stores[i] = &store{world: w, chain: c}
	}
	return stores
}

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d) + 1))
}

func (w *world) flush() time.Duration {
	return w.Service.Flush[w.random.IntN(len(w.Service.Flush))]
}

// act executes one action, on a target of one of the partitions, and the next.
func (w *world) act(stores []*store) {
	began := w.now
	s := stores[w.random.IntN(len(stores))]
	w.after(w.Service.Decide, func() {
		s.commit(change{job: true, done: func() {
			s.commit(change{outcome: true, done: func() {
				if w.now >= w.from {
					w.latencies = append(w.latencies, w.now-began)
				}
				w.act(stores)
			}})
		}})
	})
}

// probe sends something to all partitions at once, and waits until all have it.
func (w *world) probe(stores []*store) {
	began := w.now
	var reach Reach
	left := len(stores)
	for _, s := range stores {
		w.after(w.Service.Decide, func() {
			w.commits(s, w.Probes.Commits, func() {
				reach.Last = w.now - began
				if left == len(stores) {
					reach.First = reach.Last
				}
				if left--; left == 0 {
					w.probes = append(w.probes, reach)
					w.after(w.Probes.Pause, func() { w.probe(stores) })
				}
			})
		})
	}
}

// commits makes so many commits one after the other.
func (w *world) commits(s *store, n int, then func()) {
	if n == 0 {
		then()
		return
	}
	s.commit(change{outcome: n == 1, job: w.Probes.Jobs, done: func() { w.commits(s, n-1, then) }})
}

func (w *world) count(n int) {
	if w.now >= w.from {
		w.groups, w.changes = w.groups+1, w.changes+n
	}
}

func (w *world) result() Result {
	r := Result{PerSecond: float64(len(w.latencies)) / w.Length.Seconds(), Probes: w.probes}
	if w.groups > 0 {
		r.Group = float64(w.changes) / float64(w.groups)
	}
	slices.Sort(w.latencies)
	if n := len(w.latencies); n > 0 {
		r.Median, r.P99 = w.latencies[n/2], w.latencies[n*99/100]
	}
	return r
}

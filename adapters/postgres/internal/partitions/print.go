package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres/internal/partitions/simulation"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

// printer prints tables, and keeps the first error in doing so.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); p.err == nil {
		p.err = err
	}
}

// micros writes a time in microseconds.
func micros(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }

// millis writes a time in milliseconds.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// quantile is the time that such a part of them does not exceed.
func quantile(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// service prints what was timed.
func (p *printer) service(s service) {
	p.printf("\nTimes of the parts, one at a time (a quarter took no longer)\n\n| part | time |\n|---|---|\n")
	for _, row := range []struct {
		part string
		took time.Duration
	}{
		{"a round trip", s.Trip}, {"all of an action but its commits", s.Decide},
		{"begin and insert jobs, before the lock", s.Begin}, {"for each job", s.PerJob},
		{"the lock is held, for a group", s.Fixed}, {"for each intent in it", s.PerIntent}, {"for each outcome in it", s.PerOutcome},
		{"and while its commit is flushed", undisturbed(s.Flush)},
	} {
		p.printf("| %s | %s |\n", row.part, micros(row.took))
	}
	p.printf("\nThe lock is held for a group of\n\n| changes | time | for each | so that a chain takes at most |\n|---|---|---|---|\n")
	for _, size := range slices.Sorted(maps.Keys(s.held)) {
		held := s.held[size]
		p.printf("| %d | %s | %s | %.0f actions/s |\n", size, millis(held), micros(held/time.Duration(size)), float64(size)/held.Seconds()/2)
	}
}

// processors prints what partitions bring where the disk is as it is.
func (p *printer) processors(ctx context.Context, servers []*postgrestest.Server, o options) error {
	p.printf("\nReal guards, the disk as it is: %d replicas, each with eight actions in flight\n\n| partitions | actions/s |\n|---|---|\n", o.replicas)
	for n := 1; n <= o.most; n++ {
		m, err := loaded(ctx, servers, layout{partitions: n, replicas: o.replicas, inFlight: 8, divided: true}, o.length)
		if err != nil {
			return err
		}
		p.printf("| %d | %.0f |\n", n, m.perSecond)
	}
	return nil
}

// queues prints what partitions bring where a flush takes long, measured and
// simulated.
func (p *printer) queues(ctx context.Context, s service, o options) error {
	slow, err := start(ctx, o.most, fmt.Sprintf("commit_delay=%d", o.delay.Microseconds()), "commit_siblings=0")
	if err != nil {
		return err
	}
	defer stop(slow)
	few := o
	few.rounds, few.sizes = 3, 2
	late, err := measure(ctx, slow[0], few)
	if err != nil {
		return err
	}
	s.Flush = late.Flush // all else as it was measured
	p.printf("\nReal guards, each flush delayed by %v (it takes %s), beside the simulation: %d replicas, each with two actions in flight. "+
		"A freeze counts until the last partition refuses.\n\n", o.delay, millis(undisturbed(s.Flush)), o.replicas)
	p.printf("| | partitions | actions/s | simulated | ratio | freeze, median and most | simulated |\n|---|---|---|---|---|---|---|\n")
	for _, way := range []struct {
		name    string
		servers []*postgrestest.Server
		divided bool
	}{
		{"each replica serves one partition", slow, true},
		{"one server, a schema for each partition", slow[:1], true},
		{"each replica serves all partitions", slow, false},
	} {
		for n := 1; n <= o.most; n++ {
			l := layout{partitions: n, replicas: o.replicas, inFlight: 2, divided: way.divided}
			m, err := loaded(ctx, way.servers, l, o.length)
			if err != nil {
				return err
			}
			model := l.model(s)
			model.Length = o.simulated
			r, err := simulation.Run(model)
			if err != nil {
				return err
			}
			simulated := lasts(r)
			p.printf("| %s | %d | %.0f | %.0f | %.2f | %s, %s | %s, %s |\n", way.name, n, m.perSecond, r.PerSecond, m.perSecond/r.PerSecond,
				millis(quantile(m.freezes, 0.5)), millis(quantile(m.freezes, 1)), millis(quantile(simulated, 0.5)), millis(quantile(simulated, 1)))
		}
	}
	return nil
}

// model is a layout to be simulated, with freezes as under a real load.
func (l layout) model(s service) simulation.Model {
	return simulation.Model{
		Service: s.Service, Partitions: l.partitions, Replicas: l.replicas, InFlight: l.inFlight, Divided: l.divided,
		Probes: simulation.Probe{Commits: 2, Jobs: true, Pause: 50 * time.Millisecond}, Seed: 1,
	}
}

// lasts are when probes have reached the last partition, the soonest first.
func lasts(r simulation.Result) (all []time.Duration) {
	for _, reach := range r.Probes {
		all = append(all, reach.Last)
	}
	slices.Sort(all)
	return all
}

// reckoned prints what the simulation says of more partitions than fit on a small
// machine, each with processors enough.
func (p *printer) reckoned(s service, o options) error {
	const replicas, inFlight = 16, 64
	p.printf("\nSimulated: %d replicas, each with %d actions in flight and serving one partition; processors enough\n\n", replicas, inFlight)
	p.printf("| a flush takes | partitions | actions/s | times | median, p99 of an action | changes in a group | a freeze: median, p99 until the last | a version of the policy: from the first partition to the last, median, p99 |\n|---|---|---|---|---|---|---|---|\n")
	for _, standby := range []time.Duration{0, 2 * time.Millisecond} {
		flushes := slices.Clone(s.Flush)
		for i := range flushes {
			flushes[i] += standby
		}
		one := 0.0
		for _, n := range []int{1, 2, 4, 8} {
			m := layout{n, replicas, inFlight, true}.model(s)
			m.Service.Flush, m.Length = flushes, o.simulated
			frozen, err := simulation.Run(m)
			if err != nil {
				return err
			}
			m.Probes = simulation.Probe{Commits: 1, Pause: 50 * time.Millisecond}
			installed, err := simulation.Run(m)
			if err != nil {
				return err
			}
			if n == 1 {
				one = frozen.PerSecond
			}
			last, apart := lasts(frozen), spreads(installed)
			p.printf("| %s | %d | %.0f | %.1f | %s, %s | %.0f | %s, %s | %s, %s |\n", millis(undisturbed(flushes)), n, frozen.PerSecond, frozen.PerSecond/one,
				millis(frozen.Median), millis(frozen.P99), frozen.Group, millis(quantile(last, 0.5)), millis(quantile(last, 0.99)),
				millis(quantile(apart, 0.5)), millis(quantile(apart, 0.99)))
		}
	}
	return nil
}

// spreads are how long probes were in some partitions and not yet in others.
func spreads(r simulation.Result) (all []time.Duration) {
	for _, reach := range r.Probes {
		all = append(all, reach.Last-reach.First)
	}
	slices.Sort(all)
	return all
}

// budgets prints what becomes of a person's budget that is counted in each
// partition.
func (p *printer) budgets() {
	const amount = 30
	p.printf("\nA person's budget of %d actions, counted in each partition by itself\n\n", amount)
	p.printf("| partitions | the whole budget in each: most | a share in each: all shares | first refusal after, median | one in a hundred | at worst |\n|---|---|---|---|---|---|\n")
	for _, n := range []int{1, 2, 4, 8} {
		s := simulation.SplitBudget(amount, n, 100_000, 1)
		p.printf("| %d | %d | %d | %d | %d | %d |\n", n, n*amount, s.Kept, s.Median, s.Worst, s.Least)
	}
}

package simulation

import (
	"errors"
	"fmt"
	"time"
)

// Service is how long the parts of an action take by themselves, as measured.
type Service struct {
	Trip       time.Duration   // a round trip to the server
	Decide     time.Duration   // all that an action does outside of its commits
	Begin      time.Duration   // of a transaction in which jobs are inserted, with their insert
	PerJob     time.Duration   // more for each job
	Fixed      time.Duration   // the lock on the chain is held for a group, besides what follows
	PerIntent  time.Duration   // more for each intent in the group
	PerOutcome time.Duration   // more for each outcome in the group
	Flush      []time.Duration // of a group's commit, under the lock: samples, one of which counts each time
}

// Model is what is simulated. Replicas work in a closed loop: each has so many
// actions in flight, and begins another when one is over.
type Model struct {
	Service    Service
	Partitions int  // chains, each with its own lock
	Replicas   int  // processes
	InFlight   int  // actions of each replica at a time
	Divided    bool // each replica serves one partition; else every one serves all

	// Probes sends something to all partitions at once, again and again: a
	// freeze, or a new version of the policy.
	Probes Probe

	Length time.Duration // how long is simulated, after a fifth of it that does not count
	Seed   uint64        // of the random numbers: the same seed gives the same result
}

// Probe is what is sent to all partitions at once.
type Probe struct {
	Commits int           // one after the other, in each partition; zero for no probes
	Jobs    bool          // each commit schedules a job
	Pause   time.Duration // from the end of a probe to the next
}

// Result is what a simulation came to.
type Result struct {
	PerSecond float64       // executed actions
	Median    time.Duration // of an action, from its beginning to its recorded outcome
	P99       time.Duration
	Group     float64 // changes in a group, on average
	Probes    []Reach
}

// Reach is when a probe has reached the partitions, counted from its beginning.
type Reach struct {
	First, Last time.Duration
}

// check says what can't be simulated.
func (m Model) check() error {
	switch {
	case m.Partitions < 1 || m.Replicas < 1 || m.InFlight < 1:
		return fmt.Errorf("simulation: %d partitions, %d replicas, %d in flight; there must be one of each at least", m.Partitions, m.Replicas, m.InFlight)
	case m.Divided && m.Replicas%m.Partitions != 0:
		return fmt.Errorf("simulation: %d replicas can't be divided among %d partitions", m.Replicas, m.Partitions)
	case len(m.Service.Flush) == 0:
		return errors.New("simulation: Service.Flush is empty; measure at least one flush")
	case m.Length <= 0:
		return fmt.Errorf("simulation: Length is %v; it must be more than zero", m.Length)
	}
	s := m.Service
	for _, d := range append([]time.Duration{s.Trip, s.Decide, s.Begin, s.PerJob, s.Fixed, s.PerIntent, s.PerOutcome, m.Probes.Pause}, s.Flush...) {
		if d < 0 {
			return fmt.Errorf("simulation: a time is %v; it can't be negative", d)
		}
	}
	if s.Decide+s.Trip <= 0 {
		return errors.New("simulation: Decide and Trip are both zero; time would stand still")
	}
	return nil
}

package batch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Config is how batches are run. The zero Config runs one member after the other,
// in one stage, and tolerates no failure.
type Config struct {
	// Stages are the shares of a batch, growing up to 1; empty means all at once.
	Stages []Stage
	// Workers is how many members are executed at a time. Zero means 1, and more
	// than MaxWorkers is refused.
	Workers int
	// MaxFailures is how many members may fail, or come out unknown, before the
	// guard halts the batch. MaxFailureRate is which part of those that had their
	// turn may, from 0 to 1; where it comes to more it counts instead. It is
	// counted in whole percents.
	MaxFailures    int
	MaxFailureRate float64
	// MaxUndoRate is which part of the members that were done may be undone by
	// people one by one, from 0 to 1, counted in whole percents.
	MaxUndoRate float64
	// Progress is told how far a batch is, after each member and stage and, where
	// members were done by an earlier Run, at first, by one goroutine at a time; nil
	// for nobody. What it does delays the batch, and it must not call the runner. A
	// panic in it is the caller's of Run.
	Progress func(Progress)
}

// Stage is a share of a batch.
type Stage struct {
	// Share is which part of the members had their turn at its end, from more than
	// 0 to 1, those of earlier stages included. It is rounded up to a whole member.
	Share float64
	// Soak is how long the batch then waits before the next stage.
	Soak time.Duration
}

// MaxWorkers is the most members that are executed at a time.
const MaxWorkers = 1024

// ErrConfig is matched by errors of [New].
var ErrConfig = errors.New("batch: the configuration is at fault")

// Runner runs batches by one guard. Make one with [New]; the zero Runner refuses.
// It holds nothing of a batch between calls, and may be used by many goroutines.
type Runner struct {
	guard  *moderation.Guard
	config Config
}

// New returns a runner, or an error that matches [ErrConfig] and says what is
// wrong.
func New(guard *moderation.Guard, c Config) (*Runner, error) {
	wrong := func(format string, args ...any) (*Runner, error) {
		return nil, fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	switch {
	case guard == nil:
		return wrong("the guard is nil; make it with moderation.New")
	case c.Workers < 0 || c.Workers > MaxWorkers:
		return wrong("Workers is %d; 1 to %d are possible", c.Workers, MaxWorkers)
	case c.MaxFailures < 0:
		return wrong("MaxFailures is %d; it can't be negative", c.MaxFailures)
	case !rate(c.MaxFailureRate) || !rate(c.MaxUndoRate):
		return wrong("MaxFailureRate is %v and MaxUndoRate %v; both are from 0 to 1", c.MaxFailureRate, c.MaxUndoRate)
	case len(c.Stages) > moderation.MaxStages:
		return wrong("there are %d Stages; at most %d are possible", len(c.Stages), moderation.MaxStages)
	}
	before := 0.0
	for i, s := range c.Stages {
		last := i+1 == len(c.Stages)
		if !(s.Share > before) || s.Share > 1 || last && s.Share != 1 {
			return wrong("Stages[%d].Share is %v; shares grow, and the last is 1", i, s.Share)
		}
		if s.Soak < 0 || last && s.Soak != 0 {
			return wrong("Stages[%d].Soak is %v; it can't be negative, and the last stage has none", i, s.Soak)
		}
		before = s.Share
	}
	c.Workers = max(c.Workers, 1)
	c.Stages = slices.Clone(c.Stages)
	return &Runner{guard, c}, nil
}

func rate(r float64) bool { return r >= 0 && r <= 1 }

// Preview answers what would come of a batch, without effect: how many members
// there are by tier and domain, which names were duplicates, who is protected, what
// it would need, and which limits it would meet. See
// [moderation.Guard.PreviewBatch].
func (r *Runner) Preview(ctx context.Context, a moderation.Action, members Members, expect int) (moderation.BatchExplanation, error) {
	guard, config := r.parts()
	return guard.PreviewBatch(ctx, config.request(a, members, expect))
}

// Start asks for a batch, and returns its mandate. expect is how many different
// targets the actor believes the members to be; Action.Target is empty, and
// Action.Tier the highest tier of a member. Nothing is executed: approve the
// mandate where it is pending, and call Run. See [moderation.Guard.RequestBatch].
func (r *Runner) Start(ctx context.Context, a moderation.Action, members Members, expect int) (moderation.Ticket, error) {
	guard, config := r.parts()
	return guard.RequestBatch(ctx, config.request(a, members, expect))
}

// Halt stops a batch. Each worker calls at most one more handler then. See
// [moderation.Guard.HaltBatch].
func (r *Runner) Halt(ctx context.Context, h moderation.HaltRequest) (moderation.Ticket, error) {
	guard, _ := r.parts()
	return guard.HaltBatch(ctx, h)
}

// Resume lets a halted batch go on; call Run then. See
// [moderation.Guard.ResumeBatch].
func (r *Runner) Resume(ctx context.Context, h moderation.HaltRequest) (moderation.Ticket, error) {
	guard, _ := r.parts()
	return guard.ResumeBatch(ctx, h)
}

// parts are those of a runner that New has made; the nil guard refuses.
func (r *Runner) parts() (*moderation.Guard, Config) {
	if r == nil {
		return nil, Config{}
	}
	return r.guard, r.config
}

// request is what the guard is asked.
func (c Config) request(a moderation.Action, members Members, expect int) moderation.BatchRequest {
	return moderation.BatchRequest{
		Action: a, Members: members, Expect: expect, Stages: c.stages(expect),
		Tolerance: moderation.Tolerance{
			Failures: c.MaxFailures, FailurePercent: int(math.Floor(c.MaxFailureRate * 100)), UndoPercent: int(math.Floor(c.MaxUndoRate * 100)),
		},
	}
}

// stages counts the members of each stage. Of a small batch, stages may be left
// without a member of their own: the soak time of the later one counts then.
func (c Config) stages(count int) []moderation.Stage {
	var stages []moderation.Stage
	for i, s := range c.Stages {
		members := min(int(math.Ceil(s.Share*float64(count))), count)
		if i+1 == len(c.Stages) {
			members = count
		}
		if n := len(stages); n > 0 && stages[n-1].Members >= members {
			stages = stages[:n-1]
		}
		stages = append(stages, moderation.Stage{Members: members, Soak: s.Soak})
	}
	if n := len(stages); n > 0 {
		stages[n-1].Soak = 0
	}
	return stages
}

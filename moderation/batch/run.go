package batch

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Result is what came of one member.
type Result struct {
	Member string            // the canonical ID; for an undo, the member's ticket
	Ticket string            // the member's own ticket; empty where it has none
	Status moderation.Status // of that ticket; empty where it has none
	Stage  int               // counted from 1; 0 for an undo
	// Err is why the member was not done, or is not known to be; nil where its
	// handler ran and it stands.
	Err error
}

// Run executes what is left of a batch, stage by stage, and yields what came of
// each member, in the order in which they come back. Those that were done before
// are yielded too, without a call of their handler. members must be those that were
// approved. Run waits for soak times; it does not wait for approvals or holds.
//
// The sequence ends with a non-nil error, and an empty Result, where not every
// member had its turn: the batch waits ([moderation.ErrPending]), was halted, is
// frozen, a dependency failed, or ctx is done. What is under way is yielded before.
// Run may then be called again. Where the loop is left early, Run returns when what
// is under way has come back.
func (r *Runner) Run(ctx context.Context, mandate string, members Members) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		if err := r.run(ctx, mandate, members, func(result Result) bool { return yield(result, nil) }); err != nil {
			if !errors.Is(err, errLeft) {
				yield(Result{}, err)
			}
		}
	}
}

// errLeft is why a run ends whose results nobody wants any more.
var errLeft = errors.New("batch: the loop was left")

func (r *Runner) run(ctx context.Context, mandate string, members Members, yield func(Result) bool) error {
	guard, config := r.parts()
	set, err := guard.ResolveMembers(ctx, members)
	if err != nil {
		return err
	}
	ticket, err := guard.StartBatch(ctx, mandate, set)
	if err != nil {
		return err
	}
	p := &progress{
		Progress: Progress{Mandate: mandate, Stage: ticket.Batch.Stage, Stages: len(ticket.Batch.Stages), Total: set.Len()},
		tell:     config.Progress, yield: yield,
	}
	p.resumed(ctx, guard, set)
	from := 0
	for i, stage := range ticket.Batch.Stages {
		if err := r.begin(ctx, mandate, i+1); err != nil {
			return err
		}
		p.Stage, p.Soaking = max(p.Stage, i+1), false
		err := p.each(ctx, config.Workers, from, stage.Members, func(ctx context.Context, turn int) turned {
			m := set.Member(set.Turn(turn))
			t, err := guard.DoMember(ctx, mandate, m)
			return turned{Result{Member: m.ID, Ticket: t.ID, Status: t.Status, Stage: i + 1, Err: err}, m.Index}
		})
		if err != nil {
			return err
		}
		if err := r.soak(ctx, p, ticket, i); err != nil {
			return err
		}
		from = stage.Members
	}
	return nil
}

// begin begins a stage as soon as the guard lets it.
func (r *Runner) begin(ctx context.Context, mandate string, stage int) error {
	for {
		_, err := r.guard.BeginStage(ctx, mandate, stage)
		var refusal *moderation.Refusal
		if !errors.As(err, &refusal) || refusal.Code != moderation.CodeTooEarly || refusal.RetryAfter <= 0 {
			return err
		}
		if err := wait(ctx, refusal.RetryAfter); err != nil {
			return err
		}
	}
}

// soak waits after a stage, unless the next one has begun already.
func (r *Runner) soak(ctx context.Context, p *progress, ticket moderation.Ticket, stage int) error {
	length := ticket.Batch.Stages[stage].Soak
	if length == 0 || ticket.Batch.Stage > stage+1 {
		return nil
	}
	p.Soaking = true
	p.report()
	return wait(ctx, length)
}

func wait(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// turned is what came of the member at a place.
type turned struct {
	Result
	place int
}

// each does from up to to, by some workers, and hands on what came of each. What
// stops the whole is returned when all workers have come back.
func (p *progress) each(ctx context.Context, workers, from, to int, do func(context.Context, int) turned) error {
	ctx, cancel := context.WithCancel(ctx)
	turns, results := make(chan int), make(chan turned)
	var wait sync.WaitGroup
	defer func() {
		cancel()
		for range results { // a panic of the caller's leaves nobody behind
		}
	}()
	go func() {
		defer close(turns)
		for turn := from; turn < to; turn++ {
			select {
			case turns <- turn:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range min(workers, max(to-from, 1)) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for turn := range turns {
				if ctx.Err() != nil {
					return
				}
				results <- do(context.WithoutCancel(ctx), turn)
			}
		}()
	}
	go func() {
		wait.Wait()
		close(results)
	}()
	return p.collect(ctx, cancel, results)
}

// collect hands results on until there are no more.
func (p *progress) collect(ctx context.Context, cancel context.CancelFunc, results <-chan turned) error {
	done := ctx.Done()
	var stop error
	for {
		select {
		case result, more := <-results:
			if !more {
				return stop
			}
			if stops(result.Err) {
				if stop == nil {
					stop = result.Err
				}
				cancel()
				continue
			}
			p.take(result.place, outcomeOf(result.Result))
			if !errors.Is(stop, errLeft) && !p.yield(result.Result) {
				stop = errLeft
				cancel()
			}
		case <-done:
			if done = nil; stop == nil {
				stop = context.Cause(ctx)
			}
		}
	}
}

// stops reports whether what kept one member keeps all of them.
func stops(err error) bool {
	var refusal *moderation.Refusal
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Code {
	case moderation.CodeHalted, moderation.CodeProtected, moderation.CodeApprovalsVoid, moderation.CodeFrozen, moderation.CodeTooLate, moderation.CodeClosed:
		return true
	case moderation.CodeNotOpen, moderation.CodeDigest, moderation.CodeMembers, moderation.CodeUnknownKind:
		return true
	}
	return errors.Is(err, moderation.ErrUnavailable)
}

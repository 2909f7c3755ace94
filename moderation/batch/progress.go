package batch

import (
	"context"
	"errors"

	"github.com/elevenminutes/interlock/moderation"
)

// Progress is how far a batch is: also of one that is run again, what was done
// before is counted from the beginning.
type Progress struct {
	Mandate string // the batch's ticket
	Stage   int    // the last that was begun, counted from 1; 0 for an undo
	Stages  int    // how many there are
	Soaking bool   // the stage is over, and the soak time runs
	Done    int    // members that stand, or are undone
	Failed  int    // members that failed or are unknown
	Skipped int    // members that could not be done, for a reason of their own
	Total   int    // members in all; for an undo, those that were left at its call
}

// outcome is what came of one member, as far as it is counted.
type outcome byte

const (
	unturned outcome = iota
	done
	failed
	skipped
)

// outcomeOf tells what came of a member that was just looked at.
func outcomeOf(r Result) outcome {
	switch {
	case r.Err == nil:
		return done
	case r.Status == moderation.StatusFailed || errors.Is(r.Err, moderation.ErrUnknown):
		return failed
	}
	return skipped
}

// outcomeBefore tells the same of one that has a ticket from before. One that is at
// work, or was refused, has its turn yet to come.
func outcomeBefore(s moderation.Status) outcome {
	switch s {
	case moderation.StatusExecuted:
		return done
	case moderation.StatusFailed, moderation.StatusUnknown:
		return failed
	case "", moderation.StatusExecuting, moderation.StatusRefused:
		return unturned
	}
	return skipped
}

// progress counts results and hands them on, in the goroutine of the caller.
type progress struct {
	Progress
	came  []outcome // of each member, by its place; nil where nobody is told
	tell  func(Progress)
	yield func(Result) bool
}

// resumed counts what was done before, and tells that. Where it can't be had it is
// counted as it is passed over.
func (p *progress) resumed(ctx context.Context, guard *moderation.Guard, set *moderation.MemberSet) {
	if p.tell == nil {
		return
	}
	p.came = make([]outcome, p.Total)
	statuses, err := guard.MemberStatuses(ctx, p.Mandate, set)
	if err != nil {
		return
	}
	for place, status := range statuses {
		p.came[place] = outcomeBefore(status)
		p.count(p.came[place], 1)
	}
	if p.Done+p.Failed+p.Skipped > 0 {
		p.report()
	}
}

func (p *progress) report() {
	if p.tell != nil {
		p.tell(p.Progress)
	}
}

// take counts what came of the member at a place, instead of what was known of it,
// and tells where that is something else.
func (p *progress) take(place int, now outcome) {
	if p.came == nil || p.came[place] == now {
		return
	}
	p.count(p.came[place], -1)
	p.count(now, 1)
	p.came[place] = now
	p.report()
}

func (p *progress) count(o outcome, by int) {
	switch o {
	case done:
		p.Done += by
	case failed:
		p.Failed += by
	case skipped:
		p.Skipped += by
	}
}

// Package replay runs a scenario against a guard, in virtual time: each line
// of the timeline at its own moment, and in between every ticket at the moment
// at which it is due.
package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/accounts"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// Result is what came of a scenario.
type Result struct {
	Scenario *scenario.Scenario
	Entries  []Entry
	Accounts []AccountResult // in the order of accounts.csv, later ones last
	Records  int             // how many records the trail got
	Failures []Failure       // expectations that did not hold
}

// Entry is one thing that happened.
type Entry struct {
	Time time.Time
	// Line is the line of the timeline; its Number is zero where a ticket went
	// on because its time had come.
	Line   scenario.Line
	Ticket string // the timeline's name of the ticket it is about
	// Answer is what the guard said; nil where it was not asked.
	Answer *Answer
	// Due is what became of a ticket whose time had come.
	Due *Step
	// Account is how the account that it is about stands afterwards; nil
	// where it is about none.
	Account *AccountState
	Failure *Failure
}

// Step is a ticket before and after its time had come.
type Step struct{ Before, After moderation.Ticket }

// AccountState is how an account stands.
type AccountState struct {
	Name string
	accounts.State
}

// AccountResult is how an account stands at the end.
type AccountResult struct {
	AccountState
	Tier  string
	Reach int64
}

// Failure is an expectation that did not hold.
type Failure struct {
	File string
	Line int
	Text string // the line
	Want string
	Got  string
	Why  []string // what is different
	// Whole is the whole answer.
	Whole string
}

// Run replays a scenario. The records go to the trail that records names, which
// must not have any yet; it is closed when Run returns. An error says that the
// replay could not be carried on; that expectations did not hold is no error.
func Run(ctx context.Context, s *scenario.Scenario, records trail.Config) (*Result, error) {
	w, err := openWorld(ctx, s, records)
	if err != nil {
		return nil, fmt.Errorf("replaying %s: %w", s.Folder, err)
	}
	r := &run{world: w, result: &Result{Scenario: s}, complaints: make(map[string]string)}
	for _, line := range s.Lines {
		if err := r.line(ctx, line); err != nil {
			return nil, fmt.Errorf("replaying %s, line %d: %w", s.Folder, line.Number, errors.Join(err, w.close(ctx)))
		}
	}
	if err := w.close(ctx); err != nil {
		return nil, fmt.Errorf("replaying %s: %w", s.Folder, err)
	}
	r.conclude()
	return r.result, nil
}

// run is a replay under way.
type run struct {
	*world
	result     *Result
	complaints map[string]string // what Advance said last, by ticket
}

// line is the order of events of one line: time passes up to it, it happens,
// its answer is held against what was expected, and what became due by it is
// looked at.
func (r *run) line(ctx context.Context, line scenario.Line) error {
	if err := r.pass(ctx, line.At); err != nil {
		return err
	}
	e := Entry{Time: line.At, Line: line}
	if line.Event == nil {
		r.add(e)
		return nil
	}
	if err := r.happen(ctx, &e); err != nil {
		return err
	}
	if e.Answer != nil && line.Want != nil {
		e.Failure = r.compare(line, e.Answer)
	}
	r.add(e)
	return r.due(ctx)
}

func (r *run) add(e Entry) {
	if e.Failure != nil {
		r.result.Failures = append(r.result.Failures, *e.Failure)
	}
	r.result.Entries = append(r.result.Entries, e)
}

// conclude sums up.
func (r *run) conclude() {
	r.result.Records = r.trail.count()
	for _, id := range r.accountIDs {
		target, state := r.known[id], r.state(id)
		r.result.Accounts = append(r.result.Accounts, AccountResult{
			AccountState: *state, Tier: target.Target.Tier, Reach: target.Target.Reach,
		})
	}
}

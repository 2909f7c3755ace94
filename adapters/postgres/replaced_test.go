package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
)

// unscheduler is a scheduler that is told what was replaced.
type unscheduler struct {
	schedule
	told chan []postgres.Moment
	fail func(ctx context.Context) error // before it tells
}

func (u unscheduler) Unschedule(ctx context.Context, conn *pgx.Conn, replaced []postgres.Moment) error {
	u.told <- replaced
	if u.fail != nil {
		return u.fail(ctx)
	}
	return conn.Ping(ctx)
}

// unscheduling returns a store with such a scheduler.
func unscheduling(t *testing.T, fail func(context.Context) error) (opened, chan []postgres.Moment) {
	t.Helper()
	o := open(t)
	u := unscheduler{func(context.Context, pgx.Tx, []postgres.Moment) error { return nil }, make(chan []postgres.Moment, 100), fail}
	s, err := postgres.Open(t.Context(), postgres.Config{Pool: o.pool, Scheduler: u})
	if err != nil {
		t.Fatal(err)
	}
	return opened{s, o.pool, o.schema}, u.told
}

func TestWhatWasReplacedIsUnscheduled(t *testing.T) {
	t.Parallel()
	s, told := unscheduling(t, nil)
	a, b, c := executing("a", 1), executing("b", 1), executing("c", 1)
	commits := func(changes ...moderation.Change) []error {
		t.Helper()
		errs, err := s.CommitTogether(changes...)
		if err != nil {
			t.Fatal(err)
		}
		return errs
	}
	for _, err := range commits(change(a), change(b), change(c)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	lost := change(next(b, moderation.StatusExecuted))
	lost.Heads = []moderation.HeadIs{{Target: "b", Fence: 7}}
	errs := commits(change(next(a, moderation.StatusExecuted)), lost, change(next(c, moderation.StatusExecuted)))
	if errs[0] != nil || !errors.Is(errs[1], moderation.ErrConflict) || errs[2] != nil {
		t.Fatalf("answers %v", errs)
	}
	want := []postgres.Moment{{Ticket: a.ID, Revision: 1}, {Ticket: c.ID, Revision: 1}}
	if d := cmp.Diff(want, <-told); d != "" {
		t.Errorf("replaced (-want +got):\n%s", d)
	}
	s.verify(t)
}

func TestAnUnschedulerThatFailsIsNoHindrance(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(context.Context) error{
		"an error":                    func(context.Context) error { return errors.New("no jobs") },
		"a panic":                     func(context.Context) error { panic("boom") },
		"the end of its goroutine":    func(context.Context) error { runtime.Goexit(); return nil },
		"a hang until its time is up": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, told := unscheduling(t, fail)
			s.SetPatience(time.Second)
			for range 2 {
				one := executing("a", 1)
				for _, c := range []moderation.Change{change(one), change(next(one, moderation.StatusFailed))} {
					if err := s.Commit(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
				if d := cmp.Diff([]postgres.Moment{{Ticket: one.ID, Revision: 1}}, <-told); d != "" {
					t.Errorf("replaced (-want +got):\n%s", d)
				}
			}
			s.verify(t)
		})
	}
}

func TestNoMoreIsUnscheduledAtOnceThanIsSaid(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s, told := unscheduling(t, func(context.Context) error { <-gate; return nil })
	s.SetPatience(time.Minute)
	replace := func(tickets int) {
		t.Helper()
		var begun, ended []moderation.Change
		for range tickets {
			one := executing("a", 1)
			one.Subject.ID = one.ID
			begun, ended = append(begun, change(one)), append(ended, change(next(one, moderation.StatusFailed)))
		}
		for _, changes := range [][]moderation.Change{begun, ended} {
			errs, err := s.CommitTogether(changes...)
			if err = errors.Join(append(errs, err)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(1)
	first := len(<-told)
	replace(1100)
	close(gate)
	if d := cmp.Diff([]int{1, 1000, 100}, []int{first, len(<-told), len(<-told)}); d != "" {
		t.Errorf("how many at a time (-want +got):\n%s", d)
	}
}

package moderationtest

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// check is one promise of a contract: its name states it, run holds a subject
// to it.
type check[S any] struct {
	name string
	run  func(t tester, subject S)
}

// tester is what checks need of a *testing.T. The tests of the suites put a
// recorder in its place, to see that a broken subject is caught.
type tester interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// runChecks runs every check as a parallel subtest with a subject of its own.
func runChecks[S any](t *testing.T, checks []check[S], open func(t *testing.T) S) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// patience is how long a call may take that should return at once. It is for
// telling a hang from a slow machine, not for measuring.
const patience = 20 * time.Second

// returns runs f and fails the test at once where it does not come back.
func returns(t tester, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("%s did not return within %v", what, patience)
	}
}

// doneContext returns a context that is done already.
func doneContext(t tester) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// together calls f n times at once, with the numbers from 0, and returns what
// each call returned.
func together[A any](n int, f func(i int) A) []A {
	answers := make([]A, n)
	start := make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-start
			answers[i] = f(i)
		})
	}
	close(start)
	calls.Wait()
	return answers
}

// diff compares values; no slice or map and an empty one are the same.
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) { // far quicker, and nearly always so
		return ""
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

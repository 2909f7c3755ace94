package moderationtest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// recorder stands in for *testing.T and keeps what a check complains of.
type recorder struct {
	ctx      context.Context
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// complaints runs a check inside a bubble, where hangs and patience cost no
// time, and returns what it complains of.
func complaints[S any](t *testing.T, c check[S], open func(t *testing.T) S) []string {
	t.Helper()
	var r *recorder
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r = &recorder{ctx: ctx}
		subject := open(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(r, subject)
		}()
		<-done
	})
	return r.failures
}

// defect is a subject that breaks one promise, and the check that must see it.
type defect[S any] struct {
	name  string
	check string
	open  func(t *testing.T) S
}

// mustCatch sees to it that every defect is caught by its check, and that
// every check has a defect to catch: one that can't fail is worth nothing.
func mustCatch[S any](t *testing.T, checks []check[S], defects []defect[S]) {
	t.Helper()
	byName := make(map[string]check[S])
	for _, c := range checks {
		if _, twice := byName[c.name]; twice {
			t.Errorf("two checks are named %q", c.name)
		}
		byName[c.name] = c
	}
	caught := make(map[string]bool)
	for _, d := range defects {
		c, ok := byName[d.check]
		if !ok {
			t.Errorf("defect %q: there is no check %q", d.name, d.check)
			continue
		}
		caught[c.name] = true
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			failures := complaints(t, c, d.open)
			if len(failures) == 0 {
				t.Errorf("check %q let it pass", c.name)
			}
			for _, f := range failures {
				t.Log(f)
			}
		})
	}
	for _, c := range checks {
		if !caught[c.name] {
			t.Errorf("there is no defect for check %q to catch", c.name)
		}
	}
}

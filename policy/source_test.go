package policy_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/policy"
)

// source is a Source that does what a test tells it.
type source struct {
	mu   sync.Mutex
	load func(context.Context) ([]policy.Row, error)
}

func (s *source) Load(ctx context.Context) ([]policy.Row, error) {
	s.mu.Lock()
	load := s.load
	s.mu.Unlock()
	return load(ctx)
}

func (s *source) set(load func(context.Context) ([]policy.Row, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load = load
}

func (s *source) setText(text string) {
	s.set(policy.CSV("policy.csv", text).Load)
}

func TestOpenRefusesSource(t *testing.T) {
	t.Parallel()
	rows, err := policy.CSV("policy.csv", base).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		load func(context.Context) ([]policy.Row, error)
		want string
	}{
		{"that fails", func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") }, "policy: load: boom"},
		{"that fails and has rows", func(context.Context) ([]policy.Row, error) { return rows, errors.New("boom") }, "policy: load: boom"},
		{"that panics", func(context.Context) ([]policy.Row, error) { panic("boom") }, "policy: load: the source panicked: boom"},
		{"that ends its goroutine", func(context.Context) ([]policy.Row, error) { runtime.Goexit(); return rows, nil }, "the source ended its goroutine"},
		{"that has no rows", func(context.Context) ([]policy.Row, error) { return nil, nil }, "the policy is empty"},
		{"that has zero rows", func(context.Context) ([]policy.Row, error) { return append(rows, policy.Row{}), nil }, "is no row type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := config("")
			c.Source = &source{load: tc.load}
			a, err := policy.Open(t.Context(), c)
			if a != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open = %v, %v; want it to say %q", a, err, tc.want)
			}
		})
	}
}

func TestOpenGivesUpOnSourceThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		c := config("")
		c.Source = &source{load: func(context.Context) ([]policy.Row, error) { <-release; return nil, nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := policy.Open(ctx, c)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open: %v, want that the source did not answer", err)
		}
	})
}

func TestOpenWithContextThatIsDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := policy.Open(ctx, config(base)); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want context.Canceled", err)
	}
}

// What a source does with its rows after a load changes no policy.
func TestRowsAreCopied(t *testing.T) {
	t.Parallel()
	rows, err := policy.CSV("policy.csv", base).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := config("")
	c.Source = &source{load: func(context.Context) ([]policy.Row, error) { return rows, nil }}
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	rows[9].Fields[0] = "eve"
	rows[0].Fields[0] = "eve"
	if got := a.Rows()[9].Fields[0]; got != "ann" || allowed(t, a, ask("eve")) || !allowed(t, a, ask("ann")) {
		t.Errorf("the policy's row became %q", got)
	}
	a.Rows()[9].Fields[0] = "eve"
	if got := a.Rows()[9].Fields[0]; got != "ann" {
		t.Errorf("the policy's row became %q", got)
	}
}

package moderation

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errFCCause = errors.New("the cause")

// fcBubble runs f in a bubble, where limits cost no time.
func fcBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestBoundedReturnsWhatTheCallReturns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		f    func(context.Context) (int, error)
		want int
		is   error
		says string
	}{
		{"a value", func(context.Context) (int, error) { return 7, nil }, 7, nil, ""},
		{"an error", func(context.Context) (int, error) { return 0, errFCCause }, 0, errFCCause, ""},
		{"a panic", func(context.Context) (int, error) { panic("boom") }, 0, nil, "panicked: boom"},
		{"a panic with an error", func(context.Context) (int, error) { panic(errFCCause) }, 0, nil, "panicked: the cause"},
		{"a panic with nil", func(context.Context) (int, error) { panic(nil) }, 0, nil, "panicked: "},
		{"an end of its goroutine", func(context.Context) (int, error) { runtime.Goexit(); return 7, nil }, 0, errEnded, ""},
		{"a panic of what it defers", func(context.Context) (int, error) { defer func() { panic("late") }(); return 7, nil }, 0, nil, "panicked: late"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := bounded(t.Context(), time.Minute, tt.f)
			if (err == nil) != (tt.is == nil && tt.says == "") || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("got %v", err)
			}
			if err == nil && got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if tt.says != "" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
		})
	}
}

func TestBoundedWaitsNoLongerThanItsLimit(t *testing.T) {
	for name, f := range map[string]func(context.Context) (int, error){
		"for what stops when it is told to": func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, ctx.Err() },
		"for what says yes when it is told": func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, nil },
		"for what does not listen":          func(context.Context) (int, error) { time.Sleep(time.Hour); return 7, nil },
		"for what panics in the end":        func(context.Context) (int, error) { time.Sleep(time.Hour); panic("late") },
	} {
		t.Run(name, func(t *testing.T) {
			fcBubble(t, func(t *testing.T) {
				start := time.Now()
				got, err := bounded(t.Context(), time.Minute, f)
				if got != 0 || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errOverrun) {
					t.Errorf("got %d, %v, want an overrun", got, err)
				}
				if took := time.Since(start); took != time.Minute {
					t.Errorf("took %v, want a minute", took)
				}
				time.Sleep(2 * time.Hour) // what comes late harms nobody
			})
		})
	}
}

func TestBoundedGivesUpWithTheCaller(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		time.AfterFunc(time.Second, func() { cancel(errFCCause) })
		start := time.Now()
		_, err := bounded(ctx, time.Minute, func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, nil })
		if !errors.Is(err, errFCCause) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the cause after a second", err, time.Since(start))
		}
		called := false
		_, err = bounded(ctx, time.Minute, func(context.Context) (int, error) { called = true; return 7, nil })
		if !errors.Is(err, errFCCause) || called {
			t.Errorf("with a caller who is gone already: %v, called %t", err, called)
		}
	})
}

func TestBoundedTakesNoYesForACallerWhoIsGone(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		got, err := bounded(ctx, time.Minute, func(context.Context) (int, error) {
			cancel(errFCCause) // and answers before anybody looks
			return 7, nil
		})
		if got != 0 || !errors.Is(err, errFCCause) {
			t.Errorf("got %d, %v, want the cause", got, err)
		}
	})
}

func TestDetachedCallOutlivesTheCallerButNotItsLimit(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
		defer cancel()
		s := newSpan(ctx)
		defer s.close()
		for _, from := range []context.Context{ctx, s} {
			cancel()
			got, err := bounded(detach(from), time.Minute, func(ctx context.Context) (any, error) {
				time.Sleep(time.Second)
				return ctx.Value(key{}), ctx.Err()
			})
			if got != "kept" || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		}
		if _, err := bounded(detach(s), time.Minute, func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, nil }); !errors.Is(err, errOverrun) {
			t.Errorf("got %v, want an overrun", err)
		}
	})
}

func TestSpanGivesEachCallItsOwnLimit(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		s := newSpan(t.Context())
		defer s.close()
		for i := range 5 {
			got, err := bounded(s, time.Minute, func(ctx context.Context) (int, error) {
				if end, ok := ctx.Deadline(); !ok || time.Until(end) != time.Minute {
					t.Errorf("call %d: its deadline is in %v", i, time.Until(end))
				}
				time.Sleep(59 * time.Second)
				return i, ctx.Err()
			})
			if got != i || err != nil {
				t.Errorf("call %d: got %d, %v", i, got, err)
			}
			time.Sleep(time.Hour) // between calls no limit runs
		}
	})
}

func TestAnswerThatComesLateIsNotTakenForTheNext(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		s := newSpan(t.Context())
		defer s.close()
		if _, err := bounded(s, time.Second, func(context.Context) (string, error) { time.Sleep(3 * time.Second); return "late", nil }); !errors.Is(err, errOverrun) {
			t.Fatalf("got %v, want an overrun", err)
		}
		for i := range 3 {
			got, err := bounded(s, time.Minute, func(ctx context.Context) (string, error) {
				time.Sleep(4 * time.Second) // the late one comes meanwhile
				return "own", ctx.Err()
			})
			if got != "own" || err != nil {
				t.Errorf("call %d after an overrun: got %q, %v", i, got, err)
			}
		}
	})
}

func TestLentContextBeginsASpanOfItsOwn(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		s := newSpan(t.Context())
		defer s.close()
		got, err := bounded(s, time.Minute, func(ctx context.Context) (int, error) {
			inner, err := bounded(ctx, time.Second, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil })
			if !errors.Is(err, errOverrun) || inner != 0 {
				t.Errorf("the inner call: got %d, %v, want an overrun", inner, err)
			}
			time.Sleep(30 * time.Second) // the outer limit is what it was
			return 7, ctx.Err()
		})
		if got != 7 || err != nil {
			t.Errorf("the outer call: got %d, %v", got, err)
		}
		_, err = bounded(s, time.Second, func(ctx context.Context) (int, error) {
			return bounded(ctx, time.Hour, func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, nil })
		})
		if !errors.Is(err, errOverrun) {
			t.Errorf("a call in a call outlived the outer limit: %v", err)
		}
	})
}

func TestLentContextEndsWithTheVerb(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		s := newSpan(t.Context())
		var kept context.Context
		if _, err := bounded(s, time.Minute, func(ctx context.Context) (int, error) { kept = ctx; return 7, nil }); err != nil {
			t.Fatal(err)
		}
		if kept.Err() != nil {
			t.Errorf("between calls: %v", kept.Err())
		}
		s.close()
		<-kept.Done()
		if !errors.Is(kept.Err(), context.Canceled) {
			t.Errorf("after the verb: %v, want context.Canceled", kept.Err())
		}
		child, cancel := context.WithCancel(kept)
		defer cancel()
		<-child.Done()
	})
}

// One timer serves all calls of a span: it may have been set for another one.
func TestSpanEndsACallAtItsOwnLimitWhateverTheOneBefore(t *testing.T) {
	for name, limits := range map[string]struct{ before, pause, limit time.Duration }{
		"a longer one":                      {time.Minute, 0, time.Hour},
		"a shorter one":                     {time.Hour, 0, time.Second},
		"the same one":                      {time.Minute, 0, time.Minute},
		"one that went off between the two": {time.Minute, 2 * time.Minute, time.Minute},
		"one that goes off meanwhile":       {time.Minute, 30 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			fcBubble(t, func(t *testing.T) {
				s := newSpan(t.Context())
				defer s.close()
				if _, err := bounded(s, limits.before, func(context.Context) (int, error) { return 7, nil }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(limits.pause)
				if s.Err() != nil {
					t.Fatalf("between the calls: %v", s.Err())
				}
				start := time.Now()
				_, err := bounded(s, limits.limit, func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, nil })
				if took := time.Since(start); !errors.Is(err, errOverrun) || took != limits.limit {
					t.Errorf("got %v after %v, want an overrun after %v", err, took, limits.limit)
				}
			})
		})
	}
}

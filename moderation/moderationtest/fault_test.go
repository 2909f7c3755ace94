package moderationtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

var errBoom = errors.New("boom")

// called is what came of a call of Handler.Apply.
type called struct {
	Token    moderation.UndoToken
	Err      string
	Panicked string
	Applied  bool
	After    time.Duration // how long it took
}

// apply calls Apply inside a bubble, with a deadline in ten seconds. After a
// minute everything is let go.
func apply(t *testing.T, f moderationtest.Fault) (got called) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		h := moderationtest.NewHandler(t)
		h.OnApply.Inject(f)
		time.AfterFunc(time.Minute, h.LetGo)
		began := time.Now()
		func() {
			defer func() {
				if v := recover(); v != nil {
					got.Panicked = fmt.Sprint(v)
				}
			}()
			token, err := h.Apply(ctx, moderation.Permit{Ticket: "1", Target: "42"})
			got.Token = token
			if err != nil {
				got.Err = err.Error()
			}
		}()
		got.After = time.Since(began)
		got.Applied = len(h.InForce("42")) > 0
	})
	return got
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const letGo = "moderationtest: hung until it was let go"
	lie := moderationtest.Lie(func(token moderation.UndoToken) moderation.UndoToken { return token + ", he said" })
	for _, test := range []struct {
		fault moderationtest.Fault
		want  called
	}{
		{moderationtest.Fault{}, called{Token: "undo:1", Applied: true}},
		{moderationtest.Fail(errBoom), called{Err: "boom"}},
		{moderationtest.Fail(nil), called{Err: moderationtest.ErrInjected.Error()}},
		{moderationtest.Panic("bang"), called{Panicked: "bang"}},
		{moderationtest.Hang(), called{Err: context.DeadlineExceeded.Error(), After: 10 * time.Second}},
		{moderationtest.HangForever(), called{Err: letGo, After: time.Minute}},
		{moderationtest.Late(), called{Token: "undo:1", Applied: true, After: 10 * time.Second}},
		{moderationtest.Slow(20 * time.Second), called{Token: "undo:1", Applied: true, After: 20 * time.Second}},
		{moderationtest.Slow(time.Hour), called{Err: letGo, After: time.Minute}},
		{moderationtest.Zero(), called{}},
		{lie, called{Token: "undo:1, he said", Applied: true}},
		{moderationtest.After(moderationtest.Fault{}), called{Token: "undo:1", Applied: true}},
		{moderationtest.After(moderationtest.Fail(errBoom)), called{Token: "undo:1", Err: "boom", Applied: true}},
		{moderationtest.After(moderationtest.Panic("bang")), called{Panicked: "bang", Applied: true}},
		{moderationtest.After(moderationtest.Hang()), called{Err: context.DeadlineExceeded.Error(), Applied: true, After: 10 * time.Second}},
		{moderationtest.After(moderationtest.HangForever()), called{Err: letGo, Applied: true, After: time.Minute}},
		{moderationtest.After(moderationtest.Late()), called{Token: "undo:1", Applied: true, After: 10 * time.Second}},
		{moderationtest.After(moderationtest.Slow(20 * time.Second)), called{Token: "undo:1", Applied: true, After: 20 * time.Second}},
		{moderationtest.After(moderationtest.Zero()), called{Applied: true}},
		{moderationtest.After(lie), called{Token: "undo:1, he said", Applied: true}},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(test.want, apply(t, test.fault)); d != "" {
				t.Errorf("Apply (-want +got):\n%s", d)
			}
		})
	}
}

func TestLieAboutAnErrorIsNoError(t *testing.T) {
	t.Parallel()
	d := moderationtest.NewDirectory(t)
	d.OnActor.Inject(moderationtest.Lie(func(a moderation.Actor) moderation.Actor {
		a.Login = "made up"
		return a
	}))
	got, err := d.Actor(t.Context(), "nobody")
	if d := cmp.Diff(moderation.Actor{Login: "made up"}, got); err != nil || d != "" {
		t.Errorf("Actor: got error %v (-want +got):\n%s", err, d)
	}
}

func TestHangWithoutContextWaitsForLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d moderationtest.Directory // zero: nothing lets it go by itself
		d.OnResolve.Inject(moderationtest.Hang())
		done := make(chan error)
		go func() {
			_, err := d.Resolve(context.WithoutCancel(t.Context()), "@a")
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Resolve did not hang: %v", err)
		default:
		}
		d.LetGo()
		if err := <-done; err == nil {
			t.Error("Resolve that was let go: got nil, want an error")
		}
		if _, err := d.Resolve(context.WithoutCancel(t.Context()), "@a"); err == nil {
			t.Error("Resolve after LetGo: got nil, want an error at once")
		}
	})
}

// TestCleanupLetsGo leaves calls hanging at the end of a test: the bubble
// panics where one of them is not let go.
func TestCleanupLetsGo(t *testing.T) {
	t.Parallel()
	for _, f := range []moderationtest.Fault{
		moderationtest.Hang(), moderationtest.HangForever(), moderationtest.Late(), moderationtest.Slow(1 << 62),
		moderationtest.After(moderationtest.HangForever()),
	} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			returned := 0
			synctest.Test(t, func(t *testing.T) {
				ctx := context.WithoutCancel(t.Context())
				calls := everyMethod(t)
				results := make(chan struct{}, len(calls))
				for _, m := range calls {
					m.inject(f)
					go func() {
						_ = m.call(ctx)
						results <- struct{}{}
					}()
				}
				synctest.Wait()
				if len(results) > 0 {
					t.Errorf("%d of %d calls did not hang", len(results), len(calls))
				}
				t.Cleanup(func() { // before those of the doubles
					go func() {
						for range calls {
							<-results
							returned++
						}
					}()
				})
			})
			if want := 15; returned != want {
				t.Errorf("%d calls were let go, want %d", returned, want)
			}
		})
	}
}

func TestFaultsSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]moderationtest.Fault{
		"answer truly":                    {},
		"fail: boom":                      moderationtest.Fail(errBoom),
		"do it, then fail: boom":          moderationtest.After(moderationtest.Fail(errBoom)),
		"panic: 7":                        moderationtest.Panic(7),
		"hang":                            moderationtest.Hang(),
		"hang for ever":                   moderationtest.HangForever(),
		"answer late":                     moderationtest.Late(),
		"answer slowly: 1s":               moderationtest.Slow(time.Second),
		"answer nothing":                  moderationtest.Zero(),
		"do it, then answer slowly: 1m0s": moderationtest.After(moderationtest.Slow(time.Minute)),
	} {
		if got := f.String(); got != want {
			t.Errorf("String: got %q, want %q", got, want)
		}
	}
}

package moderationtest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// cleanups stands in for the *testing.T of a test.
type cleanups []func()

func (c *cleanups) Cleanup(f func()) { *c = append(*c, f) }

func (c *cleanups) run() {
	for _, f := range *c {
		f()
	}
}

func ExampleNewDirectory() {
	var t cleanups // in a test, its *testing.T
	defer t.run()
	directory := moderationtest.NewDirectory(&t)
	directory.SetActor(moderation.Actor{
		Login: "alice", Person: "alice", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay(),
	})

	alice, err := directory.Actor(context.Background(), "alice")
	fmt.Println(alice.Status, err)
	_, err = directory.Actor(context.Background(), "bob")
	fmt.Println(errors.Is(err, moderation.ErrUnknownActor))
	// Output:
	// active <nil>
	// true
}

func ExampleNewAuthorizer() {
	var t cleanups // in a test, its *testing.T
	defer t.run()
	authorizer := moderationtest.NewAuthorizer(&t)
	authorizer.Set("alice", moderation.StepRequest, moderation.Decision{
		Allowed:     true,
		Policy:      "test",
		Requirement: moderation.Requirement{Quorum: moderation.Quorum{None: true}},
	})

	for _, login := range []string{"alice", "bob"} {
		q := moderation.Question{Step: moderation.StepRequest, Actor: moderation.Actor{Login: login}}
		d, err := authorizer.Decide(context.Background(), q)
		fmt.Println(login, d.Allowed, d.Code, err)
	}
	// Output:
	// alice true  <nil>
	// bob false no_rule <nil>
}

func ExampleNewLimiter() {
	var t cleanups // in a test, its *testing.T
	defer t.run()
	limiter := moderationtest.NewLimiter(&t)
	usage, err := limiter.Take(context.Background(), moderation.Charge{Ticket: "1"})
	fmt.Println(usage.Allowed, err)

	limiter.Allow()
	usage, err = limiter.Take(context.Background(), moderation.Charge{Ticket: "2"})
	fmt.Println(usage.Allowed, err, len(limiter.Taken()))
	// Output:
	// false <nil>
	// true <nil> 1
}

func ExampleNewStore() {
	var t cleanups // in a test, its *testing.T
	defer t.run()
	store := moderationtest.NewStore(&t, emptyStore{})
	store.OnCommit.InjectAt(2, moderationtest.Fail(moderation.ErrConflict))

	fmt.Println(store.Commit(context.Background(), moderation.Change{}))
	fmt.Println(store.Commit(context.Background(), moderation.Change{}))
	// Output:
	// <nil>
	// moderation: commit lost a race
}

func ExampleNewHandler() {
	var t cleanups // in a test, its *testing.T
	defer t.run()
	handler := moderationtest.NewHandler(&t)
	kind := handler.Kind(moderation.Suspend)

	token, err := kind.Apply(context.Background(), moderation.Permit{Ticket: "7", Target: "42"})
	fmt.Println(token, err)
	fmt.Println(len(handler.InForce("42")), "in force after", handler.OnApply.Count(), "call")
	// Output:
	// undo:7 <nil>
	// 1 in force after 1 call
}

func ExampleFail() {
	var directory moderationtest.Directory
	directory.OnActor.Inject(moderationtest.Fail(errors.New("connection refused")))
	_, err := directory.Actor(context.Background(), "alice")
	fmt.Println(err)
	// Output: connection refused
}

func ExamplePanic() {
	var directory moderationtest.Directory
	directory.OnActor.Inject(moderationtest.Panic("nil map"))
	defer func() { fmt.Println("recovered:", recover()) }()
	_, _ = directory.Actor(context.Background(), "alice")
	// Output: recovered: nil map
}

func ExampleHang() {
	var directory moderationtest.Directory
	directory.OnActor.Inject(moderationtest.Hang())
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := directory.Actor(ctx, "alice")
	fmt.Println(err)
	// Output: context deadline exceeded
}

func ExampleHangForever() {
	var t cleanups // in a test, its *testing.T
	directory := moderationtest.NewDirectory(&t)
	directory.OnActor.Inject(moderationtest.HangForever())
	answer := make(chan error)
	go func() {
		_, err := directory.Actor(context.Background(), "alice")
		answer <- err
	}()
	t.run() // the test is over
	fmt.Println(<-answer)
	// Output: moderationtest: hung until it was let go
}

func ExampleLate() {
	var directory moderationtest.Directory
	directory.SetActor(moderation.Actor{Login: "alice", Status: moderation.Active})
	directory.OnActor.Inject(moderationtest.Late())
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	alice, err := directory.Actor(ctx, "alice")
	fmt.Println(alice.Status, err, "but", ctx.Err())
	// Output: active <nil> but context deadline exceeded
}

func ExampleSlow() {
	var directory moderationtest.Directory
	directory.SetActor(moderation.Actor{Login: "alice", Status: moderation.Active})
	directory.OnActor.Inject(moderationtest.Slow(time.Millisecond))
	alice, err := directory.Actor(context.Background(), "alice")
	fmt.Println(alice.Status, err)
	// Output: active <nil>
}

func ExampleZero() {
	var directory moderationtest.Directory
	directory.OnActor.Inject(moderationtest.Zero())
	alice, err := directory.Actor(context.Background(), "alice")
	fmt.Printf("%q %v\n", alice.Login, err)
	// Output: "" <nil>
}

func ExampleLie() {
	var directory moderationtest.Directory
	directory.SetActor(moderation.Actor{Login: "alice"})
	directory.OnActor.Inject(moderationtest.Lie(func(a moderation.Actor) moderation.Actor {
		a.Login = "mallory"
		return a
	}))
	alice, err := directory.Actor(context.Background(), "alice")
	fmt.Println(alice.Login, err)
	// Output: mallory <nil>
}

func ExampleAfter() {
	handler := moderationtest.NewHandler(new(cleanups))
	handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errors.New("connection reset"))))
	_, err := handler.Apply(context.Background(), moderation.Permit{Ticket: "7", Target: "42"})
	fmt.Println(err, "but", len(handler.InForce("42")), "in force")
	// Output: connection reset but 1 in force
}

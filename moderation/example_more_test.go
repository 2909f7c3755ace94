package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func ExampleGuard_Backlog() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	_, err := guard.Do(ctx, suspendAccount("ada", "account-1", "form-1"))
	fmt.Println(errors.Is(err, moderation.ErrPending))
	service.now = service.now.Add(time.Hour)

	backlog, err := guard.Backlog(ctx, "lena")
	fmt.Println(backlog.Waiting, "for", service.now.Sub(backlog.Oldest), err)
	fmt.Println(backlog.ByTier, backlog.Escalated, backlog.Unknown, backlog.Unratified)
	// Output:
	// true
	// 1 for 1h0m0s <nil>
	// map[protected:1] 0 0 0
}

// board shows how much waits.
type board struct{}

func (board) Observe(o moderation.Observation) {
	if o.What == moderation.ObservedFigures {
		fmt.Println("waiting:", o.Backlog.Waiting, o.Backlog.ByTier)
	}
}

// A host whose own scheduler calls Advance has it call ReportBacklog once a
// minute, for what Run would tell.
func ExampleGuard_ReportBacklog() {
	ctx := context.Background()
	service := &exampleService{also: func(c *moderation.Config) { c.Observer = board{} }}
	guard := service.guard()
	_, err := guard.Do(ctx, suspendAccount("ada", "account-1", "form-1"))
	fmt.Println(errors.Is(err, moderation.ErrPending))
	fmt.Println(guard.ReportBacklog(ctx), guard.Close(ctx)) // when an observer was told is its own affair
	// Unordered output:
	// true
	// waiting: 1 map[protected:1]
	// <nil> <nil>
}

// pager is told what somebody should look at.
type pager struct{}

func (pager) Observe(o moderation.Observation) {
	if o.What == moderation.ObservedAlarm {
		fmt.Println(o.Alarm, "by", o.Actor, "on", o.Target)
	}
}

func ExampleObserver() {
	ctx := context.Background()
	service := &exampleService{
		broken: errors.New("the connection was lost"),
		also:   func(c *moderation.Config) { c.Observer = pager{} },
	}
	guard := service.guard()
	_, err := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(errors.Is(err, moderation.ErrUnknown), guard.Close(ctx)) // when an observer was told is its own affair
	// Unordered output:
	// unknown_outcome by ada on account-7
	// true <nil>
}

// An Undo that finds its target other than Apply left it says so. That it is
// undone anyway is for a person with the step resolve to say.
func ExampleUndoRequest() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	ticket, _ := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	service.changed = true

	undo := moderation.UndoRequest{Ticket: ticket.ID, Actor: "lena", Reason: "was no spam", Key: "form-2"}
	_, err := guard.Undo(ctx, undo)
	var state *moderation.StateError
	fmt.Println(errors.As(err, &state), state.Status, state.Code)

	undo.Key, undo.Anyway = "form-3", true
	_, err = guard.Undo(ctx, undo)
	fmt.Println(err, service.suspended)
	// Output:
	// true failed target_changed
	// <nil> []
}

// A handler that came back with an error is called again, where its kind is
// idempotent and the configuration allows it.
func ExampleConfig_retries() {
	ctx := context.Background()
	service := &exampleService{broken: errors.New("the connection was lost")}
	service.also = func(c *moderation.Config) {
		c.MaxRetries, c.RetryPause = 3, time.Minute
		c.Kinds[0].Idempotent = true
	}
	guard := service.guard()
	ticket, err := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(ticket.Status, errors.Is(err, moderation.ErrUnknown), ticket.Retry.Sub(ticket.Started))

	service.broken = nil
	service.now = ticket.Retry
	ticket, err = guard.Advance(ctx, ticket.ID) // or leave it to guard.Run
	fmt.Println(ticket.Status, err, ticket.Tries, ticket.Fence)
	// Output:
	// unknown true 1m0s
	// executed <nil> 1 2
}

func ExampleGuard_Revoke() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	asked, _ := guard.Do(ctx, suspendAccount("ada", "account-1", "form-1"))
	done, _ := guard.Do(ctx, suspendAccount("ada", "account-7", "form-2"))

	// ada's account was stolen.
	revoked, err := guard.Revoke(ctx, moderation.Revocation{Person: "ada", Actor: "lena", Reason: "stolen account"})
	fmt.Println(err)
	fmt.Println(revoked.Cancelled[0].ID == asked.ID, revoked.Cancelled[0].Status)
	fmt.Println(revoked.Executed[0].ID == done.ID, revoked.Executed[0].Status)
	// Output:
	// <nil>
	// true cancelled
	// true executed
}

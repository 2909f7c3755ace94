package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// breakGlass is what a lead asks for when there is no time to ask others.
func breakGlass(actor, key string) moderation.BypassRequest {
	return moderation.BypassRequest{Action: suspendAccount(actor, "account-1", key), Incident: "incident-7"}
}

func ExampleGuard_Bypass() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()

	// The mayor's account was taken over and announces a disaster.
	ticket, err := guard.Bypass(ctx, breakGlass("lena", "form-1"))
	fmt.Println(ticket.Status, err, service.suspended)
	fmt.Println("must be ratified by", ticket.Open, "within", ticket.Deadline.Sub(ticket.Requested))

	_, err = guard.Bypass(ctx, breakGlass("lena", "form-2"))
	var refusal *moderation.Refusal
	fmt.Println(errors.As(err, &refusal), refusal.Code)

	service.now = ticket.Deadline
	ticket, err = guard.Advance(ctx, ticket.ID) // or leave it to guard.Run
	fmt.Println(ticket.Status, err, service.suspended)
	// Output:
	// executed <nil> [account-1]
	// must be ratified by [[lead]] within 4h0m0s
	// true unratified
	// undone <nil> []
}

func ExampleGuard_ExplainBypass() {
	guard := new(exampleService).guard()
	answer, err := guard.ExplainBypass(context.Background(), breakGlass("lena", "form-1"))
	fmt.Println(answer.Refusal, err)
	fmt.Println(answer.Requirement.Quorum.Slots, answer.Requirement.Deadline)
	// Output:
	// <nil> <nil>
	// [[lead]] 4h0m0s
}

func ExampleGuard_Ratify() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	ticket, _ := guard.Bypass(ctx, breakGlass("lena", "form-1"))

	// As for an approval, the digest is what luis was shown.
	ticket, err := guard.Ratify(ctx, moderation.ReviewRequest{Ticket: ticket.ID, Actor: "luis", Digest: ticket.Digest})
	fmt.Println(ticket.Owes(), err)

	service.now = service.now.Add(24 * time.Hour)
	ticket, err = guard.Advance(ctx, ticket.ID)
	fmt.Println(ticket.Status, err, service.suspended)
	// Output:
	// false <nil>
	// executed <nil> [account-1]
}

func ExampleGuard_Acknowledge() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	ticket, _ := guard.Bypass(ctx, breakGlass("lena", "form-1"))
	_, err := guard.Reject(ctx, moderation.ReviewRequest{Ticket: ticket.ID, Actor: "luis", Digest: ticket.Digest, Reason: "was no emergency"})
	fmt.Println(err)
	ticket, err = guard.Advance(ctx, ticket.ID)
	fmt.Println(ticket.Status, err, ticket.Owes())

	// Until others have looked into it, lena can't do it again.
	ticket, err = guard.Acknowledge(ctx, moderation.ReviewRequest{
		Ticket: ticket.ID, Actor: "luis", Digest: ticket.Digest, Reason: "lena has read the rules again",
	})
	fmt.Println(ticket.Status, err, ticket.Owes())
	// Output:
	// <nil>
	// undone <nil> true
	// undone <nil> false
}

package moderation_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
)

// A set is the same whatever the order of its IDs, and however often they come.
func ExampleNewMemberSet() {
	set, err := moderation.NewMemberSet(slices.Values([]string{"account-9", "account-7", "account-9"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	same, _ := moderation.NewMemberSet(slices.Values([]string{"account-7", "account-9"}))
	fmt.Println(set.Len(), set.Root() == same.Root())
	for i := range set.Len() {
		fmt.Println(set.Member(i).ID, len(set.Member(i).Proof))
	}
	// Output:
	// 2 true
	// account-7 1
	// account-9 1
}

// A batch is one ticket, and each of its members has one of its own. Package batch
// does this with stages and many workers.
func ExampleGuard_RequestBatch() {
	ctx, service := context.Background(), new(exampleService)
	guard := service.guard()
	members := batch.Slice{"account-7"}
	raid := moderation.Action{Kind: moderation.Suspend, Actor: "mia", Tier: "ordinary", Reason: "raid", Duration: 24 * time.Hour, Key: "raid-1"}

	_, err := guard.RequestBatch(ctx, moderation.BatchRequest{Action: raid, Members: members, Expect: 2})
	fmt.Println(err)

	raid.Key = "raid-2"
	mandate, err := guard.RequestBatch(ctx, moderation.BatchRequest{Action: raid, Members: members, Expect: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := guard.ResolveMembers(ctx, members)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := guard.StartBatch(ctx, mandate.ID, set); err != nil {
		fmt.Println(err)
		return
	}
	for i := range set.Len() {
		ticket, err := guard.DoMember(ctx, mandate.ID, set.Member(i))
		fmt.Println(ticket.Subject.ID, ticket.Status, ticket.Mandate == mandate.ID, err)
	}
	// Output:
	// moderation: wrong_count: The members are 1 targets, not 2 as was expected. Look again before you act
	// account-7 executed true <nil>
}

// A preview names who is in the way, and has no effect.
func ExampleGuard_PreviewBatch() {
	guard := new(exampleService).guard()
	raid := moderation.Action{Kind: moderation.Suspend, Actor: "mia", Tier: "ordinary", Reason: "raid", Duration: 24 * time.Hour, Key: "raid-1"}
	would, err := guard.PreviewBatch(context.Background(), moderation.BatchRequest{
		Action: raid, Members: batch.Slice{"account-7", "account-1"}, Expect: 2,
	})
	fmt.Println(would.Refusal.Code, would.Protected.Names, err)
	for _, class := range would.Classes {
		fmt.Println(class.Tier, class.Domain, class.Count)
	}
	// Output:
	// protected_member [account-1] <nil>
	// ordinary en 1
	// protected en 1
}

// Who asked for a batch may halt it; somebody else lets it go on.
func ExampleGuard_HaltBatch() {
	ctx, guard := context.Background(), new(exampleService).guard()
	mandate, set := exampleBatch(ctx, guard)
	_, err := guard.HaltBatch(ctx, moderation.HaltRequest{Mandate: mandate, Actor: "mia", Reason: "the list looks wrong"})
	fmt.Println(err)
	_, err = guard.DoMember(ctx, mandate, set.Member(0))
	fmt.Println(err)
	_, err = guard.ResumeBatch(ctx, moderation.HaltRequest{Mandate: mandate, Actor: "lena", Reason: "the list is right"})
	fmt.Println(err)
	ticket, err := guard.DoMember(ctx, mandate, set.Member(0))
	fmt.Println(ticket.Status, err)
	// Output:
	// <nil>
	// moderation: halted: mia halted the batch at 2017-11-02T18:57:00Z: the list looks wrong; needed: Resume by a person other than the requester
	// <nil>
	// executed <nil>
}

// A batch is undone as one, with one request.
func ExampleGuard_UndoBatch() {
	ctx, service := context.Background(), new(exampleService)
	guard := service.guard()
	mandate, set := exampleBatch(ctx, guard)
	if _, err := guard.DoMember(ctx, mandate, set.Member(0)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(service.suspended)
	undo, err := guard.UndoBatch(ctx, moderation.UndoRequest{Ticket: mandate, Actor: "ada", Reason: "the wrong list", Key: "undo-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for member, err := range guard.StandingMembers(ctx, undo.ID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err := guard.UndoMember(ctx, undo.ID, member)
		fmt.Println(err)
	}
	fmt.Println(service.suspended)
	// Output:
	// [account-7]
	// <nil>
	// []
}

// exampleBatch has mia begin a batch of one account.
func exampleBatch(ctx context.Context, guard *moderation.Guard) (mandate string, set *moderation.MemberSet) {
	members := batch.Slice{"account-7"}
	raid := moderation.Action{Kind: moderation.Suspend, Actor: "mia", Tier: "ordinary", Reason: "raid", Duration: 24 * time.Hour, Key: "raid"}
	ticket, err := guard.RequestBatch(ctx, moderation.BatchRequest{Action: raid, Members: members, Expect: 1})
	if err == nil {
		set, err = guard.ResolveMembers(ctx, members)
	}
	if err == nil {
		_, err = guard.StartBatch(ctx, ticket.ID, set)
	}
	if err != nil {
		fmt.Println(err)
	}
	return ticket.ID, set
}

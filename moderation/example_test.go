package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// exampleService is a social network of two accounts, with the little that a
// guard needs to know of it.
type exampleService struct {
	now       time.Time
	suspended []string
	broken    error // what Apply returns though it has done its work
	changed   bool  // accounts are not as they were left
	also      func(*moderation.Config)
}

// examplePolicy lets a moderator suspend ordinary accounts alone; the mayor's
// takes two leads and ten minutes in which it can be stopped.
const examplePolicy = `
p, moderator, request,  account.*, *, *, allow
p, moderator, undo,     account.*, *, *, allow
p, lead,      approve,  *, *, *, allow
p, lead,      freeze,   *, *, *, allow
p, lead,      unfreeze, *, *, *, allow
p, lead,      resolve,  *, *, *, allow

p2, request,  *, ordinary,  *, *, none,      -,   -
p2, request,  *, protected, *, *, lead lead, 10m, 24h
p2, unfreeze, *, *,         *, *, none,      -,   -

p3, person, *, *, *, actions, 20, 1h, refuse

g, ada,  moderator, *, -, -
g, mia,  moderator, *, -, -
g, lena, lead,      *, -, -
g, luis, lead,      *, -, -

p, lead, bypass, account.*, protected, *, allow
p, lead, undo,   account.*, *,         *, allow
p, lead, reject, *,         *,         *, allow
p, lead, read,   *,         *,         *, allow
p, lead, revoke, *,         *,         *, allow
p2, bypass, *, *, *, *, lead, -, 4h
`

// Apply is the service's own code. What it returns is handed to Undo.
func (s *exampleService) Apply(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	s.suspended = append(s.suspended, p.Target)
	return "", s.broken
}

// Undo lifts a suspension, unless another ticket still imposes one.
func (s *exampleService) Undo(_ context.Context, p moderation.Permit) error {
	if s.changed && !p.Anyway {
		return moderation.ErrTargetChanged
	}
	for _, other := range p.Standing {
		if other.Kind == moderation.Suspend {
			fmt.Println("stays suspended because of", other.Parameters["for"])
			return nil
		}
	}
	s.suspended = slices.DeleteFunc(s.suspended, func(id string) bool { return id == p.Target })
	return nil
}

// guard composes the guard of the examples.
func (s *exampleService) guard() *moderation.Guard { return s.guardOver(new(audit.Memory)) }

func (s *exampleService) guardOver(trail *audit.Memory) *moderation.Guard {
	ctx := context.Background()
	s.now = time.Date(2017, time.November, 2, 18, 57, 0, 0, time.UTC)
	human := func(login string) moderation.Actor {
		return moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	}
	directory, err := moderation.NewMapDirectory(
		[]moderation.Actor{human("ada"), human("mia"), human("lena"), human("luis")},
		[]moderation.Target{
			{ID: "account-7", Tier: "ordinary", Domain: "en", Reach: 12},
			{ID: "account-1", Tier: "protected", Domain: "en", Reach: 41_000_000},
		},
	)
	if err != nil {
		log.Fatal(err)
	}
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.CSV("policy.csv", examplePolicy),
		Kinds:  []string{moderation.Suspend},
		Tiers:  []string{"ordinary", "protected"},
	})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		log.Fatal(err)
	}
	config := moderation.Config{
		Directory: directory, Authorizer: authorizer, Limiter: limiter,
		Kinds: []moderation.Kind{{Name: moderation.Suspend, Apply: s.Apply, Undo: s.Undo, Timed: true}},
		Tiers: []string{"ordinary", "protected"},
		Audit: trail, ForgetOnExit: true, // a real service has audit.OpenFile here
		Now: func() time.Time { return s.now },
	}
	if s.also != nil {
		s.also(&config)
	}
	guard, err := moderation.New(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	return guard
}

// suspendAccount is what a moderator asks for.
func suspendAccount(actor, account, key string) moderation.Action {
	return moderation.Action{
		Kind: moderation.Suspend, Actor: actor, Target: account, Reason: "spam",
		Duration: moderation.Permanent, Key: key,
	}
}

func ExampleNew() {
	ctx := context.Background()
	directory, err := moderation.NewMapDirectory(
		[]moderation.Actor{{Login: "ada", Person: "ada", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}},
		[]moderation.Target{{ID: "account-7", Tier: "ordinary", Domain: "en"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.CSV("policy.csv", `
			p,  moderator, request, account.*, ordinary, *, allow
			p2, request, *, ordinary, *, *, none, -, -
			g,  ada, moderator, *, -, -`),
		Kinds: []string{moderation.Suspend},
		Tiers: []string{"ordinary"},
	})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		log.Fatal(err)
	}
	guard, err := moderation.New(ctx, moderation.Config{
		Directory:  directory,
		Authorizer: authorizer,
		Limiter:    limiter,
		Tiers:      []string{"ordinary"},
		Kinds: []moderation.Kind{{
			Name:  moderation.Suspend,
			Apply: func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil },
			Undo:  func(context.Context, moderation.Permit) error { return nil },
			Timed: true,
		}},
		Audit: new(audit.Memory), ForgetOnExit: true, // a real service has audit.OpenFile here
	})
	if err != nil {
		log.Fatal(err)
	}
	ticket, err := guard.Do(ctx, moderation.Action{
		Kind: moderation.Suspend, Actor: "ada", Target: "account-7",
		Reason: "spam", Duration: 24 * time.Hour, Key: "form-1",
	})
	fmt.Println(ticket.Status, err)

	_, err = moderation.New(ctx, moderation.Config{})
	var fault *moderation.ConfigError
	fmt.Println(errors.As(err, &fault), fault)
	// Output:
	// executed <nil>
	// true moderation: Config.Directory is nil; it is required (an earlier constructor may have returned an error)
}

func ExampleGuard_Do() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()

	ticket, err := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(ticket.Status, err, service.suspended)

	// The same key again, as after a lost connection, runs nothing again.
	again, err := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(again.ID == ticket.ID, err, service.suspended)

	// Somebody else asks for what stands already.
	_, err = guard.Do(ctx, suspendAccount("mia", "account-7", "form-2"))
	var refusal *moderation.Refusal
	fmt.Println(errors.As(err, &refusal), refusal.Code)
	// Output:
	// executed <nil> [account-7]
	// true <nil> [account-7]
	// true already_stands
}

func ExampleGuard_Approve() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()

	ticket, err := guard.Do(ctx, suspendAccount("ada", "account-1", "form-1"))
	var pending *moderation.PendingError
	fmt.Println(errors.As(err, &pending), pending.Missing)

	for _, lead := range []string{"lena", "luis"} {
		// The digest is what the lead was shown: not the ticket as it may be
		// by the time the button is pressed.
		ticket, err = guard.Approve(ctx, moderation.ReviewRequest{Ticket: ticket.ID, Actor: lead, Digest: ticket.Digest})
		fmt.Println(ticket.Status, err)
	}
	service.now = service.now.Add(10 * time.Minute)
	ticket, err = guard.Advance(ctx, ticket.ID) // or leave it to guard.Run
	fmt.Println(ticket.Status, err, service.suspended)
	// Output:
	// true [[lead] [lead]]
	// pending <nil>
	// held <nil>
	// executed <nil> [account-1]
}

func ExampleGuard_Undo() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()

	ticket, _ := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	undo, err := guard.Undo(ctx, moderation.UndoRequest{Ticket: ticket.ID, Actor: "mia", Reason: "was no spam", Case: "appeal-9", Key: "form-2"})
	fmt.Println(undo.Status, err, service.suspended)

	_, err = guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(errors.Is(err, moderation.ErrOver))
	// Output:
	// executed <nil> []
	// true
}

func ExampleGuard_Freeze() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()

	freeze, err := guard.Freeze(ctx, moderation.FreezeRequest{
		Actor: "lena", Scope: moderation.Scope{Kind: moderation.Suspend}, Duration: time.Hour,
		Reason: "a bot runs wild", Key: "freeze-1",
	})
	fmt.Println(freeze.Status, err)

	_, err = guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	var refusal *moderation.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Code, "for", refusal.RetryAfter)
	}
	service.now = service.now.Add(time.Hour)
	_, err = guard.Do(ctx, suspendAccount("ada", "account-7", "form-2"))
	fmt.Println(err, service.suspended)
	// Output:
	// executed <nil>
	// frozen for 1h0m0s
	// <nil> [account-7]
}

func ExampleGuard_Resolve() {
	ctx := context.Background()
	lost := errors.New("the connection was lost")
	service := &exampleService{broken: lost}
	guard := service.guard()

	ticket, err := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))
	fmt.Println(ticket.Status, errors.Is(err, moderation.ErrUnknown), errors.Is(err, lost))

	service.now = service.now.Add(2 * time.Minute)
	ticket, err = guard.Resolve(ctx, moderation.Resolution{
		Ticket: ticket.ID, Actor: "lena", Found: moderation.ProbeApplied, Reason: "the account shows as suspended",
	})
	fmt.Println(ticket.Status, err)
	// Output:
	// unknown true true
	// executed <nil>
}

func ExampleGuard_Explain() {
	ctx := context.Background()
	guard := new(exampleService).guard()

	answer, err := guard.Explain(ctx, suspendAccount("ada", "account-1", "form-1"))
	fmt.Println(answer.Refusal, err)
	fmt.Println(answer.Target.Tier, answer.Requirement.Quorum.Slots, answer.Requirement.Hold)
	fmt.Println(answer.Requirement.Rules[0].Source)

	answer, err = guard.Explain(ctx, suspendAccount("lena", "account-7", "form-2"))
	fmt.Println(answer.Refusal.Code, err)
	// Output:
	// <nil> <nil>
	// protected [[lead] [lead]] 10m0s
	// policy.csv:10
	// no_rule <nil>
}

func ExampleNewMemoryStore() {
	ctx := context.Background()
	service, trail := new(exampleService), new(audit.Memory)
	guard := service.guardOver(trail)
	ticket, _ := guard.Do(ctx, suspendAccount("ada", "account-7", "form-1"))

	store, err := moderation.NewMemoryStore(ctx, trail) // what the trail says, and nothing else
	if err != nil {
		log.Fatal(err)
	}
	head, err := store.Head(ctx, "account-7")
	fmt.Println(len(head.Standing), head.Standing[0].ID == ticket.ID, err)
	// Output: 1 true <nil>
}

func ExampleLastDayOn() {
	paris := time.FixedZone("Paris", 3600)
	end, ok := moderation.LastDayOn(2017, time.November, 2, paris).End()
	fmt.Println(end.UTC(), ok)
	// Output: 2017-11-02 23:00:00 +0000 UTC true
}

func ExampleLastDayAt() {
	end, ok := moderation.LastDayAt(time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC)).End()
	fmt.Println(end, ok)
	fmt.Println(moderation.LastDayAt(time.Time{}).Known())
	// Output:
	// 2017-11-02 18:00:00 +0000 UTC true
	// false
}

func ExampleNoLastDay() {
	_, ok := moderation.NoLastDay().End()
	fmt.Println(ok, moderation.NoLastDay().Known(), moderation.LastDay{}.Known())
	// Output: false true false
}

func ExampleParseDigest() {
	guard := new(exampleService).guard()
	ticket, _ := guard.Do(context.Background(), suspendAccount("ada", "account-1", "form-1"))
	shown := ticket.Digest.String() // on the reviewer's page, and sent back with the button

	digest, err := moderation.ParseDigest(shown)
	fmt.Println(digest == ticket.Digest, err)
	_, err = moderation.ParseDigest("button")
	fmt.Println(err)
	// Output:
	// true <nil>
	// moderation: digest has 6 characters; 64 hexadecimal digits are needed
}

// An Undo looks at what else stands on its target, so that it lifts only what
// nothing else imposes. The service's Undo in this example prints why it
// leaves the account suspended.
func ExamplePermit() {
	ctx := context.Background()
	service := new(exampleService)
	guard := service.guard()
	spam, ads := suspendAccount("ada", "account-7", "form-1"), suspendAccount("mia", "account-7", "form-2")
	spam.Parameters, ads.Parameters = map[string]string{"for": "spam"}, map[string]string{"for": "ads"}
	first, _ := guard.Do(ctx, spam)
	second, _ := guard.Do(ctx, ads)

	_, err := guard.Undo(ctx, moderation.UndoRequest{Ticket: first.ID, Actor: "mia", Reason: "was no spam", Key: "form-3"})
	fmt.Println(err, service.suspended)
	_, err = guard.Undo(ctx, moderation.UndoRequest{Ticket: second.ID, Actor: "ada", Reason: "were no ads", Key: "form-4"})
	fmt.Println(err, service.suspended)
	// Output:
	// stays suspended because of ads
	// <nil> [account-7 account-7]
	// <nil> []
}

func ExampleGuard_Close() {
	ctx := context.Background()
	service := &exampleService{}
	guard := service.guard()
	if _, err := guard.Do(ctx, suspendAccount("ada", "account-7", "report-1")); err != nil {
		log.Fatal(err)
	}

	// The service is shut down: what is under way comes to its end, and then the
	// trail can be closed.
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := guard.Close(within); err != nil {
		log.Fatal(err)
	}
	_, err := guard.Do(ctx, suspendAccount("ada", "account-1", "report-2"))
	var refusal *moderation.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Code, refusal.Text)
	}
	// Output: closed The guard is closed.
}

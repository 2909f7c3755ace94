package policy_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// database stands for a host's table of policy rows.
type database struct {
	mu   sync.Mutex
	rows []policy.Row
}

func (d *database) Load(context.Context) ([]policy.Row, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows, nil
}

func (d *database) Install(_ context.Context, i policy.Installation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows = i.Rows
	return nil
}

// A policy in a database is changed by tickets, and in no other way.
func ExampleNewChanges() {
	ctx := context.Background()
	first, err := policy.CSV("first.csv", `
p, admin, request, interlock.policy.change, *, *, allow
p, director, approve, interlock.policy.change, *, *, allow
p2, request, interlock.policy.change, *, *, *, director, 1h, 7d
g, ada, admin, *, -, -
g, dan, director, *, -, -
`).Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	table, trail := &database{rows: first}, new(audit.Memory)
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: table, Kinds: []string{"account.suspend"}, Tiers: []string{"normal"}, Audit: trail,
		Pinned: "919b9d3fac7d77429dbcd8bc97d0bf95902df24ef78b08995127669ff6bae19e",
	})
	if err != nil {
		log.Fatal(err)
	}
	changes, err := policy.NewChanges(authorizer, policy.ChangesConfig{Installer: table})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(changes.Kind().Name) // register it in moderation.Config.Kinds

	proposal, err := changes.Propose(ctx, append(first, policy.Row{Type: "g", Fields: []string{"dora", "director", "*", "-", "-"}}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(proposal.Difference)
	action := proposal.Action() // for guard.Do, with Actor, Reason and Key
	fmt.Println(action.Target, action.Parameters[moderation.PolicyProposed] == proposal.Digest)

	// Whoever can write the table gets nothing in by that.
	table.rows = proposal.Rows
	var kept *policy.QuarantineError
	if err := authorizer.Reload(ctx); errors.As(err, &kept) {
		fmt.Println(kept.Reason, kept.Digest == proposal.Digest, len(authorizer.Quarantine()))
	}
	// Output:
	// interlock.policy.change
	// g: 1 added, 0 removed, 0 changed
	// + g, dora, director, *, -, -
	// interlock.policy true
	// unapproved true 1
}

// What was approved is found in the guard's tickets after a restart.
func ExampleTicketApprovals() {
	ctx := context.Background()
	trail := new(audit.Memory)                            // the guard's own
	tickets, err := moderation.NewMemoryStore(ctx, trail) // before the guard is made
	if err != nil {
		log.Fatal(err)
	}
	approvals := policy.TicketApprovals(tickets)
	fmt.Println(approvals.Approved(ctx, "the digest of the first version"))
	// Output: [{the digest of the first version 0}] <nil>
}

// Rows that were stored are held against the digest that they had.
func ExampleDigest() {
	rows := []policy.Row{{Type: "g", Fields: []string{"ann", "mod", "*", "-", "-"}}}
	written := policy.Digest(rows)
	rows[0].Fields[1] = "director"
	fmt.Println(written[:12], policy.Digest(rows) == written)
	// Output: d0045f39934e false
}

func ExampleAuthorizer_Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	table := &database{}
	table.rows, _ = policy.File("testdata/policy.csv").Load(ctx)
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: table, Kinds: []string{"account.suspend", "account.limit", "post.remove"}, Tiers: []string{"normal", "protected"},
		MaxStaleness: time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	err = authorizer.Watch(ctx, policy.WatchConfig{
		Every: time.Millisecond,
		Report: func(e policy.Event) {
			fmt.Println(e.Kind, e.Err)
			cancel()
		},
	})
	fmt.Println(err)
	// Output:
	// confirmed <nil>
	// context canceled
}

// pager is a host's observer.
type pager chan moderation.Observation

func (p pager) Observe(o moderation.Observation) {
	if o.What == moderation.ObservedAlarm {
		p <- o
	}
}

// Somebody edits the table past the tickets, and the host's observer is alarmed.
func ExampleAlarms() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	table := &database{}
	table.rows, _ = policy.File("testdata/policy.csv").Load(ctx)
	kinds, tiers := []string{"account.suspend", "account.limit", "post.remove"}, []string{"normal", "protected"}
	authorizer, err := policy.Open(ctx, policy.Config{Source: table, Kinds: kinds, Tiers: tiers, Pinned: policy.Digest(table.rows)})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		log.Fatal(err)
	}
	pages := make(pager)
	guard, err := moderation.New(ctx, moderation.Config{
		Directory: new(moderation.MapDirectory), Authorizer: authorizer, Limiter: limiter, Tiers: tiers,
		Kinds: []moderation.Kind{{Name: moderation.Suspend, Apply: func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }}},
		Audit: new(audit.Memory), ForgetOnExit: true,
		Observer: pages,
	})
	if err != nil {
		log.Fatal(err)
	}
	go authorizer.Watch(ctx, policy.WatchConfig{Every: time.Millisecond, Report: policy.Alarms(guard)})

	table.mu.Lock()
	table.rows = append(table.rows, policy.Row{Type: "g", Fields: []string{"mallory", "director", "*", "-", "-"}})
	table.mu.Unlock()
	page := <-pages
	fmt.Println(page.Alarm, page.Target)
	// Output: policy_quarantined interlock.policy
}

func ExampleRowDifference() {
	ctx := context.Background()
	load := func(text string) *policy.Policy {
		p, err := policy.Load(ctx, policy.Config{
			Source: policy.CSV("policy.csv", text), Kinds: []string{"account.suspend"}, Tiers: []string{"normal"},
		})
		if err != nil {
			log.Fatal(err)
		}
		return p
	}
	old := load("p, intern, read, *, *, *, allow\ng, gita, intern, *, -, 2018-02-01\n")
	next := load("p, intern, read, *, *, *, allow\ng, gita, intern, *, -, -\ng, hugo, intern, *, -, -\n")
	fmt.Println(policy.RowDifference(old, next))
	// Output:
	// g: 1 added, 0 removed, 1 changed
	// ~ g, gita, intern, *, -, 2018-02-01 -> g, gita, intern, *, -, -
	// + g, hugo, intern, *, -, -
}

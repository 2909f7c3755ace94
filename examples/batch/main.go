// Batch limits the accounts of a raid in stages, with progress in the terminal. In
// the middle a lead halts it; the moderator who asked for it can't let it go on,
// and another lead can. Then it turns out that the list was wrong, and all of it is
// undone in one call.
//
//	go run ./examples/batch
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
	"github.com/elevenminutes/interlock/policy"
)

//go:embed policy.csv
var rules string

// raiders is how many accounts take part in the raid.
const raiders = 200

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run tells the story on out.
func run(ctx context.Context, out io.Writer) error {
	network := &network{limited: make(map[string]bool)}
	guard, list, err := network.open(ctx)
	if err != nil {
		return err
	}
	runner, err := batch.New(guard, batch.Config{
		Stages:      []batch.Stage{{Share: 0.01, Soak: 20 * time.Millisecond}, {Share: 0.1, Soak: 20 * time.Millisecond}, {Share: 1}},
		MaxFailures: 3,
		Progress:    func(p batch.Progress) { show(out, p) },
	})
	if err != nil {
		return err
	}
	raid := moderation.Action{Kind: moderation.Limit, Actor: "mia", Tier: "standard", Reason: "raid on the election topic", Key: "raid-12"}
	if err := preview(ctx, out, runner, raid, list); err != nil {
		return err
	}
	mandate, err := runner.Start(ctx, raid, list, raiders)
	if !errors.Is(err, moderation.ErrPending) {
		return fmt.Errorf("the batch does not wait for its approval: %w", err)
	}
	fmt.Fprintln(out, "asked for; waits for", mandate.Open)
	if _, err := guard.Approve(ctx, moderation.ReviewRequest{Ticket: mandate.ID, Actor: "lena", Digest: mandate.Digest}); err != nil {
		return err
	}
	fmt.Fprintln(out, "lena approves")
	if err := haltInTheMiddle(ctx, out, runner, mandate.ID, list); err != nil {
		return err
	}
	if err := resume(ctx, out, runner, mandate.ID, list); err != nil {
		return err
	}
	fmt.Fprintln(out, network.count(), "accounts are limited")
	return undo(ctx, out, runner, mandate.ID, network)
}

// preview shows what would come of it, without effect.
func preview(ctx context.Context, out io.Writer, runner *batch.Runner, raid moderation.Action, list batch.Slice) error {
	would, err := runner.Preview(ctx, raid, list, raiders)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d names are %d accounts (%d named twice), with %d followers\n", len(list), would.Members.Len(), would.Duplicates, would.Reach)
	for _, class := range would.Classes {
		fmt.Fprintf(out, "  %d are %s, in %s\n", class.Count, class.Tier, class.Domain)
	}
	fmt.Fprintln(out, "it needs", would.Requirement.Quorum.Slots)
	return nil
}

// haltInTheMiddle runs the batch until luis halts it.
func haltInTheMiddle(ctx context.Context, out io.Writer, runner *batch.Runner, mandate string, list batch.Slice) error {
	done := 0
	for result, err := range runner.Run(ctx, mandate, list) {
		if err != nil {
			fmt.Fprintln(out, "the run ends:", said(err))
			continue
		}
		if result.Err != nil {
			return result.Err
		}
		if done++; done == 120 {
			fmt.Fprintln(out, "luis halts it")
			if _, err := runner.Halt(ctx, moderation.HaltRequest{Mandate: mandate, Actor: "luis", Reason: "appeals come in"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume lets it go on. What was done before is passed over.
func resume(ctx context.Context, out io.Writer, runner *batch.Runner, mandate string, list batch.Slice) error {
	_, err := runner.Resume(ctx, moderation.HaltRequest{Mandate: mandate, Actor: "mia", Reason: "it is my batch"})
	fmt.Fprintln(out, "mia can't resume it:", said(err))
	if _, err := runner.Resume(ctx, moderation.HaltRequest{Mandate: mandate, Actor: "lena", Reason: "the appeals are of the raiders"}); err != nil {
		return err
	}
	fmt.Fprintln(out, "lena resumes it")
	for result, err := range runner.Run(ctx, mandate, list) {
		if err = errors.Join(err, result.Err); err != nil {
			return err
		}
	}
	return nil
}

// undo takes all of it back.
func undo(ctx context.Context, out io.Writer, runner *batch.Runner, mandate string, network *network) error {
	fmt.Fprintln(out, "mia undoes all of it")
	all := moderation.UndoRequest{Ticket: mandate, Actor: "mia", Reason: "these were the victims", Key: "raid-12-undo"}
	for result, err := range runner.UndoAll(ctx, all) {
		if err = errors.Join(err, result.Err); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, network.count(), "accounts are limited")
	return nil
}

// show prints a line for each 50 members, and at the end of a stage.
func show(out io.Writer, p batch.Progress) {
	switch had := p.Done + p.Failed + p.Skipped; {
	case p.Soaking:
		fmt.Fprintf(out, "  stage %d of %d: %d done; soaking\n", p.Stage, p.Stages, p.Done)
	case had%50 == 0 && p.Stages == 0:
		fmt.Fprintf(out, "  %d of %d undone\n", p.Done, p.Total)
	case had%50 == 0:
		fmt.Fprintf(out, "  stage %d of %d: %d of %d done, %d failed, %d skipped\n", p.Stage, p.Stages, p.Done, p.Total, p.Failed, p.Skipped)
	}
}

// said is what an error tells people, without IDs and times.
func said(err error) string {
	var refusal *moderation.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Sprint(err)
	}
	_, why, cut := strings.Cut(refusal.Text, "Z: ")
	if !cut {
		why = refusal.Text
	}
	return string(refusal.Code) + ": " + why
}

// network is a social network, which knows whose reach is limited.
type network struct {
	mu      sync.Mutex
	limited map[string]bool
}

func (n *network) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.limited)
}

func (n *network) limit(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.limited[p.Target] = true
	return "", nil
}

func (n *network) unlimit(_ context.Context, p moderation.Permit) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.limited, p.Target)
	return nil
}

// open composes the guard, and returns the list of the raid, in which one account
// stands twice.
func (n *network) open(ctx context.Context) (*moderation.Guard, batch.Slice, error) {
	kinds, tiers := []string{moderation.Limit}, []string{"standard", "newsworthy"}
	directory, list := new(moderation.MapDirectory), batch.Slice{}
	for _, login := range []string{"mia", "lena", "luis"} {
		if err := directory.SetActor(moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}); err != nil {
			return nil, nil, err
		}
	}
	for i := range raiders {
		target := moderation.Target{ID: fmt.Sprintf("account-%03d", i), Tier: "standard", Domain: []string{"en", "de"}[i/150], Reach: 10}
		if err := directory.SetTarget(target, fmt.Sprintf("@raider%d", i)); err != nil {
			return nil, nil, err
		}
		list = append(list, target.ID)
	}
	list = append(list, "@raider7")
	authorizer, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", rules), Kinds: kinds, Tiers: tiers})
	if err != nil {
		return nil, nil, err
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		return nil, nil, err
	}
	guard, err := moderation.New(ctx, moderation.Config{
		Directory: directory, Authorizer: authorizer, Limiter: limiter, Tiers: tiers,
		Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: n.limit, Undo: n.unlimit}},
		Audit: new(audit.Memory), ForgetOnExit: true, // a service has audit/trail here
	})
	return guard, list, err
}

package story

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// Expose writes what one person can do alone under the policies that replays
// begin with, side by side: how many people can restrict accounts of a tier
// with nobody's consent, and how much of it in an hour.
func Expose(ctx context.Context, w io.Writer, replays []Named) error {
	head := []string{"", ""}
	var tiers []string
	exposures := make([]analysis.Exposure, len(replays))
	for i, r := range replays {
		head = append(head, r.Name)
		for _, tier := range r.Result.Scenario.Settings.Tiers {
			if !slices.Contains(tiers, tier) {
				tiers = append(tiers, tier)
			}
		}
		var err error
		if exposures[i], err = exposure(ctx, r.Result.Scenario); err != nil {
			_, err = fmt.Fprintf(w, "\nWhat one person can do alone is not known for %s: %v\n", r.Name, err)
			return err
		}
	}
	slices.Reverse(tiers) // the most protected first
	rows := [][]string{head}
	for _, tier := range tiers {
		who, count, reach := []string{tier, "who"}, []string{"", "accounts an hour"}, []string{"", "people reached"}
		for _, e := range exposures {
			worst := worstOf(e, tier)
			if worst.People == 0 {
				who, count, reach = append(who, "nobody"), append(count, "-"), append(reach, "-")
				continue
			}
			who = append(who, fmt.Sprintf("each of %d people", worst.People))
			count, reach = append(count, worst.Hour.Actions.String()), append(reach, worst.Hour.Reach.String())
		}
		rows = append(rows, who, count, reach)
	}
	_, err := io.WriteString(w, "\nWhat one person can do alone, with nobody's consent\n"+table(rows))
	return err
}

// worstOf returns what the one can do in a tier who can do most there.
func worstOf(e analysis.Exposure, tier string) analysis.Worst {
	for _, w := range e.Worst {
		if w.Step == moderation.StepRequest && w.Tier == tier {
			return w
		}
	}
	return analysis.Worst{}
}

// exposure analyses a scenario as it is when its timeline begins.
func exposure(ctx context.Context, s *scenario.Scenario) (analysis.Exposure, error) {
	p, err := policy.Load(ctx, scenario.PolicyConfig(scenario.PolicyFile, s.Policies[scenario.PolicyFile], s.Settings))
	if err != nil {
		return analysis.Exposure{}, err
	}
	var targets []moderation.Target
	for _, account := range s.Accounts {
		targets = append(targets, account.Target)
	}
	people, err := analysis.FromActors(s.People, targets)
	if err != nil {
		return analysis.Exposure{}, err
	}
	people.Notice, people.Kinds = s.Settings.Notice, kinds(s)
	a, err := analysis.New(analysis.Config{Policy: p, Directory: people, At: s.Settings.Start})
	if err != nil {
		return analysis.Exposure{}, err
	}
	return a.Exposure(ctx)
}

// kinds are a scenario's, with what an analysis goes by.
func kinds(s *scenario.Scenario) []moderation.Kind {
	var list []moderation.Kind
	for _, k := range s.Settings.Kinds {
		kind := moderation.Kind{Name: k.Name, Timed: k.Timed}
		if k.Undo {
			kind.Undo = func(context.Context, moderation.Permit) error { return nil }
		}
		list = append(list, kind)
	}
	return list
}

package story

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// said is what somebody tries, as a sentence that goes on from the name.
func said(ev *scenario.Event, t *teller, e replay.Entry) string {
	switch ev.Verb {
	case scenario.Do:
		if ev.Again {
			return "asks for " + ev.Name + " again" + because(ev)
		}
		return fmt.Sprintf("asks for %s of %s%s [%s]%s", ev.Kind, ev.Target, details(ev), ev.Name, because(ev))
	case scenario.Explain:
		return fmt.Sprintf("asks what %s of %s%s would take%s", ev.Kind, ev.Target, details(ev), because(ev))
	case scenario.Approve, scenario.Reject:
		text := string(ev.Verb) + "s " + ev.Ticket
		if ev.Shown != "" {
			text += ", but was shown " + ev.Shown
		}
		return text + because(ev)
	case scenario.Cancel:
		return "cancels " + ev.Ticket + because(ev)
	case scenario.Undo:
		return "takes " + ev.Ticket + " back" + details(ev) + because(ev)
	case scenario.Freeze:
		return fmt.Sprintf("freezes %s%s [%s]%s", scope(ev.Scope), details(ev), ev.Name, because(ev))
	case scenario.Unfreeze:
		return "ends the freeze " + ev.Ticket + details(ev) + because(ev)
	case scenario.Resolve:
		return fmt.Sprintf("has found out that %s was %s%s", ev.Ticket, strings.ReplaceAll(string(ev.Found), "_", " "), because(ev))
	case scenario.Revoke:
		return "voids what " + ev.Person + " asked for and approved" + because(ev)
	case scenario.Ticket:
		return "reads " + ev.Ticket
	case scenario.Tickets:
		return "lists tickets" + query(ev)
	}
	return hosted(ev)
}

// hosted is what happens without an actor.
func hosted(ev *scenario.Event) string {
	switch ev.Verb {
	case scenario.Advance:
		return "looks at " + ev.Ticket
	case scenario.Handler:
		return fmt.Sprintf("lets %s of %s go its way: %s%s", ev.Call, ev.Kind, ev.Behaviour, times(ev.Times))
	case scenario.Person:
		return "changes what is known of the login " + ev.Login + ": " + strings.Join(ev.Changes, ", ")
	case scenario.Accounts:
		return "changes what is known of the account " + ev.Target + ": " + strings.Join(ev.Changes, ", ")
	case scenario.Policy:
		return "loads the policy " + ev.File
	case scenario.Trail:
		return state("has an audit trail that", "can't be written", "can be written again", ev.Broken)
	case scenario.Directory:
		return state("has a directory that", "does not answer", "answers again", ev.Broken)
	case scenario.Restart:
		return "stops the guard and starts it again from its trail"
	}
	return string(ev.Verb)
}

func times(n int) string {
	switch n {
	case 0:
		return ", from now on"
	case 1:
		return ", once"
	}
	return fmt.Sprintf(", %d times", n)
}

func state(what, bad, good string, broken bool) string {
	if broken {
		return what + " " + bad
	}
	return what + " " + good
}

// details are what an action has besides its kind and target.
func details(ev *scenario.Event) string {
	text := ""
	switch {
	case ev.Duration == moderation.Permanent:
		text += ", permanently"
	case ev.Duration != 0:
		text += " for " + span(ev.Duration)
	}
	if ev.Tier != "" {
		text += ", thought to be " + ev.Tier
	}
	for _, name := range slices.Sorted(maps.Keys(ev.Parameters)) {
		text += fmt.Sprintf(", %s=%s", name, ev.Parameters[name])
	}
	if ev.Case != "" {
		text += ", case " + ev.Case
	}
	return text
}

func because(ev *scenario.Event) string {
	if ev.Reason == "" {
		return ""
	}
	return ": " + quoted(ev.Reason)
}

func scope(s moderation.Scope) string {
	if s.All {
		return "everything"
	}
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"actor", s.Actor}, {"kind", s.Kind}, {"tier", s.Tier}, {"domain", s.Domain},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	if len(parts) == 0 {
		return "nothing in particular"
	}
	return strings.Join(parts, " and ")
}

func query(ev *scenario.Event) string {
	var parts []string
	for _, s := range ev.Query.Status {
		parts = append(parts, string(s))
	}
	text := ""
	if len(parts) > 0 {
		text += " that are " + strings.Join(parts, " or ")
	}
	for _, part := range []struct{ before, value string }{
		{" of person ", ev.Query.Person}, {" about ", ev.Target}, {" of kind ", ev.Query.Kind},
	} {
		if part.value != "" {
			text += part.before + part.value
		}
	}
	return text
}

package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	defaultrolemanager "github.com/casbin/casbin/v2/rbac/default-role-manager"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// validAt reports whether a g row holds at a moment.
func validAt(t testing.TB, g policy.Row, now time.Time) bool {
	t.Helper()
	bound := func(text string, none time.Time) time.Time {
		if text == "-" {
			return none
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	from, until := bound(g.Fields[3], now), bound(g.Fields[4], now.Add(1))
	return !now.Before(from) && now.Before(until)
}

// enforcer is Casbin with the rows that are valid at one moment: its judgement
// is what ours is held against. With merge, every role is held everywhere.
func enforcer(t testing.TB, w *world, now time.Time, merge bool) *casbin.Enforcer {
	t.Helper()
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		t.Fatal(err)
	}
	add := func(section string, fields ...string) {
		if err := m.AddPolicy(section, section, fields); err != nil {
			t.Fatal(err)
		}
	}
	everywhere := append([]string{"unnamed", moderation.Any}, w.domains...)
	for _, row := range w.rows {
		switch {
		case row.Type == "p":
			add("p", row.Fields...)
		case row.Type == "g" && validAt(t, row, now):
			domains := []string{row.Fields[2]}
			if merge || row.Fields[2] == "*" {
				domains = everywhere
			}
			for _, domain := range domains {
				add("g", row.Fields[0], row.Fields[1], domain)
			}
		}
	}
	for login, labels := range w.has {
		for _, label := range labels {
			for _, domain := range everywhere {
				add("g", login, "@"+label, domain)
			}
		}
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	e.SetRoleManager(defaultrolemanager.NewRoleManager(1000))
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return e
}

// judges are the enforcers of one policy, made as they are needed.
type judges struct {
	world *world
	made  map[judgeAt]*casbin.Enforcer
}

type judgeAt struct {
	time  time.Time
	merge bool
}

func (j *judges) ask(t testing.TB, q moderation.Question, merge bool) (allowed bool, row []string) {
	t.Helper()
	key := judgeAt{q.Time, merge}
	e := j.made[key]
	if e == nil {
		e = enforcer(t, j.world, q.Time, merge)
		j.made[key] = e
	}
	domain := q.Target.Domain
	if domain != moderation.Any && !slices.Contains(j.world.domains, domain) {
		domain = "unnamed" // all of these are alike, and Casbin was given one
	}
	allowed, row, err := e.EnforceEx(q.Actor.Login, string(q.Step), q.Kind, q.Target.Tier, domain)
	if err != nil {
		t.Fatal(err)
	}
	return allowed, row
}

// Naive readings of the rows, one at a time, for what Casbin does not tell.

func naiveCovers(pattern, name string) bool {
	if stem, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, stem) && (stem == "" || name != moderation.Any)
	}
	return pattern == name
}

func naiveTouches(pattern, name string) bool {
	return name == moderation.Any || naiveCovers(pattern, name)
}

func naiveScope(fields []string, q moderation.Question, match func(pattern, name string) bool) bool {
	return match(fields[0], q.Kind) && match(fields[1], q.Target.Tier) && match(fields[2], q.Target.Domain)
}

// naiveRefusal says why a question must not be answered; empty where it may.
func naiveRefusal(w *world, q moderation.Question) moderation.Code {
	known := func(name string, list ...string) bool { return slices.Contains(list, name) }
	switch {
	case !slices.Contains(moderation.Steps(), q.Step), q.Time.IsZero(), q.Count < 1, q.Duration < 0, q.Since < 0, q.Target.Reach < 0:
		return moderation.CodeInvalid
	case q.Actor.Login == "":
		return moderation.CodeUnknownActor
	case known(q.Actor.Login, append(w.roles, "boss")...):
		return moderation.CodeNoRule
	case !known(q.Kind, append(w.kinds, moderation.Any)...) && (!strings.HasPrefix(q.Kind, "interlock.") || q.Kind == "interlock."):
		return moderation.CodeUnknownKind
	case !known(q.Target.Tier, append(w.tiers, moderation.Any)...):
		return moderation.CodeUnknownTier
	case q.Target.Domain == "":
		return moderation.CodeInvalid
	}
	for _, label := range q.Actor.Labels {
		if !known(label, w.labels...) {
			return moderation.CodeUnknownLabel
		}
	}
	return ""
}

// naiveRoles walks the grants until nothing is added.
func naiveRoles(t testing.TB, w *world, q moderation.Question, merge bool) []string {
	held := []string{q.Actor.Login}
	for grew := true; grew; {
		grew = false
		for _, row := range w.rows {
			if row.Type == "g" && slices.Contains(held, row.Fields[0]) && !slices.Contains(held, row.Fields[1]) &&
				validAt(t, row, q.Time) && (merge || naiveCovers(row.Fields[2], q.Target.Domain)) {
				held, grew = append(held, row.Fields[1]), true
			}
		}
	}
	slices.Sort(held[1:])
	return held[1:]
}

// naiveRules returns the rows that allow and those that deny, and the roles.
func naiveRules(t testing.TB, w *world, q moderation.Question) (allow, deny, roles []string) {
	roles = naiveRoles(t, w, q, false)
	barred := roles
	if q.Target.Domain == moderation.Any {
		barred = naiveRoles(t, w, q, true)
	}
	for _, label := range q.Actor.Labels {
		barred = append(slices.Clone(barred), "@"+label)
	}
	for _, row := range w.rows {
		if row.Type != "p" || row.Fields[1] != "*" && row.Fields[1] != string(q.Step) {
			continue
		}
		switch f := row.Fields; {
		case f[5] == "deny" && slices.Contains(barred, f[0]) && naiveScope(f[2:], q, naiveTouches):
			deny = append(deny, row.Source)
		case f[5] == "allow" && slices.Contains(roles, f[0]) && naiveScope(f[2:], q, naiveCovers):
			allow = append(allow, row.Source)
		}
	}
	return allow, deny, roles
}

func naiveWhen(t testing.TB, when string, q moderation.Question) bool {
	for part := range strings.SplitSeq(when, "&") {
		var holds bool
		switch part = strings.TrimSpace(part); part {
		case "*":
			holds = true
		case "permanent":
			holds = q.Duration == moderation.Permanent
		case "duration>168h":
			holds = q.Duration > 168*time.Hour
		case "age>24h":
			holds = q.Since > 24*time.Hour
		case "reach>1000000":
			holds = q.Target.Reach > 1_000_000
		case "reach>10":
			holds = q.Target.Reach > 10
		case "batch>25":
			holds = q.Count > 25
		case "batch>2":
			holds = q.Count > 2
		default:
			if part[0] != '@' {
				t.Fatalf("the naive reading does not know %q", part)
			}
			holds = slices.Contains(q.Actor.Labels, part[1:])
		}
		if !holds {
			return false
		}
	}
	return true
}

// naiveNeeds adds up the rows that ask something of a question; stated is
// false where no row is about all that is asked.
func naiveNeeds(t testing.TB, w *world, q moderation.Question) (need moderation.Requirement, rows []string, stated bool) {
	stated = q.Step == moderation.StepUndo || q.Step == moderation.StepFreeze
	for _, row := range w.rows {
		if row.Type != "p2" || row.Fields[0] != string(q.Step) || !naiveScope(row.Fields[1:], q, naiveTouches) || !naiveWhen(t, row.Fields[4], q) {
			continue
		}
		rows = append(rows, row.Source)
		stated = stated || naiveScope(row.Fields[1:], q, naiveCovers)
		if row.Fields[5] != "none" {
			for slot := range strings.FieldsSeq(row.Fields[5]) {
				need.Quorum.Slots = append(need.Quorum.Slots, strings.Split(slot, "|"))
			}
		}
		if hold, err := time.ParseDuration(row.Fields[6]); err == nil {
			need.Hold = max(need.Hold, hold)
		}
		deadline, err := time.ParseDuration(strings.Replace(row.Fields[7], "2d", "48h", 1))
		if err == nil && (need.Deadline == 0 || deadline < need.Deadline) {
			need.Deadline = deadline
		}
	}
	need.Quorum.None = len(need.Quorum.Slots) == 0
	return need, rows, stated
}

package policy

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// limit is a p3 row: how much of something there may be.
type limit struct {
	row    Row
	number int // the row's
	text   moderation.Rule
	shape  shape
	over   []moderation.Slot // who may let a charge over it; none for nobody
}

// shape is what makes a limit the same limit in another version of the policy:
// all of its row but the last column. It is comparable, so that no two limits
// are mistaken for each other whatever their names are.
type shape struct {
	meter
	amount int64
	window time.Duration // zero for unitOpen
}

// meter is what a limit counts, and for whom each. All limits on one meter
// count the same charges alike.
type meter struct {
	step  moderation.Step
	unit  unit
	per   string
	scope scope
}

type unit string

const (
	unitRequests unit = "requests"
	unitOpen     unit = "open"
	unitActions  unit = "actions"
	unitReach    unit = "reach"
)

// charged returns the moment at which a unit is charged.
func (u unit) charged() moderation.ChargeAt {
	if u == unitRequests || u == unitOpen {
		return moderation.ChargeRequest
	}
	return moderation.ChargeExecute
}

// What limits are counted for.
const (
	perPerson = "person"
	perActor  = "actor"
	perTarget = "target"
	perKind   = "kind"
	perTier   = "tier"
	perDomain = "domain"
	perAll    = "all"
)

// overRefuse says that nobody may let a charge over the limit.
const overRefuse = "refuse"

// Bounds of a limit: the largest number that a token bucket counts exactly, and
// a time in which it certainly fills within what a Duration holds.
const (
	maxAmount = 1 << 53
	maxWindow = 100 * 365 * day
)

func parseLimit(a *at, v *vocabulary) *limit {
	f := a.row.Fields
	l := &limit{row: a.row, number: a.number, text: a.row.rule(), shape: shape{meter: meter{per: f[0]}}}
	if pers := newNames([]string{perPerson, perActor, perTarget, perKind, perTier, perDomain, perAll}); !pers.set[f[0]] {
		a.wrong("per", f[0], "is nothing that limits are counted for; %s", pers.hint(f[0]))
	}
	l.shape.scope = parseScope(a, v, f[1], f[2], f[3])
	l.shape.step, l.shape.unit = parseUnit(a, f[4])
	l.checkFreeze(a, f[1])
	l.shape.amount = parseAmount(a, f[5])
	l.shape.window = parseSpan(a, "window", f[6])
	if open := l.shape.unit == unitOpen; open != (l.shape.window == 0) && !a.bad {
		a.wrong("window", f[6], "does not fit the unit: open has none (write -), the others need one such as 1h")
	}
	if l.shape.window > maxWindow {
		a.wrong("window", f[6], "is longer than 100 years")
	}
	switch f[7] {
	case overRefuse:
	case none:
		a.wrong("over", f[7], "would make the limit no limit; write refuse, or who must approve")
	default:
		l.over = parseSlots(a, "over", f[7])
	}
	return l
}

// checkFreeze refuses budgets of freezes that would never be charged.
func (l *limit) checkFreeze(a *at, kind string) {
	freezes := l.shape.step == moderation.StepFreeze || l.shape.step == moderation.StepUnfreeze
	if freezes && !l.shape.scope.kind.covers(moderation.FreezeKind) {
		a.wrong("kind", kind, "never matches a freeze, which is charged as %s; name that, or * for all", moderation.FreezeKind)
	}
}

// parseUnit reads the column unit. A plain unit counts requests for
// restrictions; other steps have budgets of their own.
func parseUnit(a *at, text string) (moderation.Step, unit) {
	step, name := moderation.StepRequest, text
	if before, after, ok := strings.Cut(text, "."); ok {
		step, name = moderation.Step(before), after
	}
	units := newNames([]string{string(unitRequests), string(unitOpen), string(unitActions), string(unitReach)})
	switch {
	case !units.set[name]:
		a.wrong("unit", text, "is no unit; %s", units.hint(name))
	case name != text && !hasBudget(step):
		a.wrong("unit", text, "is no unit; write undo., freeze., unfreeze., bypass. or reject. before it, or nothing for restrictions")
	case step == moderation.StepReject && name != string(unitRequests):
		a.wrong("unit", text, "never counts anything; a rejection is counted as reject.requests")
	}
	return step, unit(name)
}

// hasBudget reports whether a step has a budget besides that of restrictions.
func hasBudget(s moderation.Step) bool {
	switch s {
	case moderation.StepUndo, moderation.StepFreeze, moderation.StepUnfreeze, moderation.StepBypass, moderation.StepReject:
		return true
	}
	return false
}

func parseAmount(a *at, text string) int64 {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 || n > maxAmount || n > math.MaxInt {
		a.wrong("amount", text, "is no whole number from 1 to %d", int64(maxAmount))
	}
	return int64(n)
}

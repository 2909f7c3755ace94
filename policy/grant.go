package policy

import "time"

// grant is a g row: a login, or everyone with a role, has a role.
type grant struct {
	row     Row
	grantee string // a login or a role
	role    string
	domain  pattern
	from    time.Time // inclusive; zero for always
	until   time.Time // exclusive; zero for ever
}

func parseGrant(a *at, v *vocabulary) *grant {
	f := a.row.Fields
	g := &grant{row: a.row, grantee: f[0], role: f[1]}
	if problem := checkLogin(f[0]); problem != "" {
		a.wrong("login", f[0], "%s", problem)
	}
	if problem := checkRole(f[1]); problem != "" {
		a.wrong("role", f[1], "%s", problem)
	}
	g.domain = parseDomain(a, v, f[2])
	g.from = parseInstant(a, "from", f[3])
	g.until = parseInstant(a, "until", f[4])
	if !g.from.IsZero() && !g.until.IsZero() && !g.until.After(g.from) {
		a.wrong("until", f[4], "is not after from (%s); the role would never be held", f[3])
	}
	return g
}

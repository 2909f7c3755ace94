package decide_test

import (
	"fmt"
	"math/rand/v2"
)

// users is how many logins have roles in each office.
const users = 10_000

const request = "request"

var tiers = []string{"anonymous", "normal", "verified", "protected", "staff"}

const kindCount = 20

func kindName(i int) string { return fmt.Sprint("account.kind", i) }

// rule is what a role may request, or may not.
type rule struct{ role, kind, tier string }

// office is a policy of some number of rules, all of which but one allow, and
// who has which roles. Each user has one role that allows something, and one in
// ten is a contractor as well, to whom the one other rule denies what some role
// may do.
type office struct {
	allow map[rule]bool
	list  []rule // those of allow, in order
	deny  rule
	roles map[string][]string // of a user
	users []string
}

const contractor = "contractor"

func newOffice(rules int) *office {
	o := &office{allow: make(map[rule]bool), roles: make(map[string][]string)}
	random := rand.New(rand.NewPCG(1, uint64(rules)))
	// Each role may request half of all, so that as many roles are needed.
	all := random.Perm(kindCount * len(tiers))
	each := min(len(all)/2, (rules+4)/5) // five roles at least
	roles := 0
	for ; len(o.list) < rules-1; roles++ {
		for _, n := range all[:min(each, rules-1-len(o.list))] {
			r := rule{fmt.Sprint("role", roles), kindName(n % kindCount), tiers[n/kindCount]}
			o.allow[r], o.list = true, append(o.list, r)
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	o.deny = rule{contractor, o.list[0].kind, o.list[0].tier}
	for i := range users {
		user := fmt.Sprint("user", i)
		o.users = append(o.users, user)
		o.roles[user] = []string{fmt.Sprint("role", i%roles)}
		if random.IntN(10) == 0 {
			o.roles[user] = append(o.roles[user], contractor)
		}
	}
	return o
}

// question asks whether a user may request a kind of action on an account of a
// tier.
type question struct{ user, kind, tier string }

// allowed is the answer, by look-ups that are as plain as can be.
func (o *office) allowed(q question) bool {
	allowed := false
	for _, role := range o.roles[q.user] {
		r := rule{role, q.kind, q.tier}
		if r == o.deny {
			return false
		}
		allowed = allowed || o.allow[r]
	}
	return allowed
}

// questions returns n questions at random with one answer. One in eight of
// those that are denied is so by the rule that denies what another allows, as
// far as any user is in that position.
func (o *office) questions(n int, allowed bool) []question {
	random := rand.New(rand.NewPCG(2, uint64(n)))
	var torn []question // between the rule that denies and one that allows
	for _, user := range o.users {
		if q := (question{user, o.deny.kind, o.deny.tier}); !allowed && !o.allowed(q) && o.allow[rule{o.roles[user][0], q.kind, q.tier}] {
			torn = append(torn, q)
		}
	}
	list := make([]question, 0, n)
	for len(list) < n {
		q := question{o.users[random.IntN(users)], kindName(random.IntN(kindCount)), tiers[random.IntN(len(tiers))]}
		if len(torn) > 0 && len(list)%8 == 0 {
			q = torn[random.IntN(len(torn))]
		}
		if o.allowed(q) == allowed {
			list = append(list, q)
		}
	}
	return list
}

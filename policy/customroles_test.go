package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/util"

	"github.com/elevenminutes/interlock/policy"
)

// Our roles stand in for Casbin's role manager: over random rows both answer
// alike, as deep as Casbin looks.
func TestRolesAnswerAsCasbinsRoleManager(t *testing.T) {
	t.Parallel()
	text := strings.Replace(basicModel("p = sub, dom, obj, act, eft", "g = _, _, _", allowAndDeny, "m = g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act"), "r = sub, obj", "r = sub, dom, obj", 1)
	text = strings.Replace(text, "p = sub, dom, obj", "p = sub, obj", 1)
	for _, patterns := range []bool{false, true} {
		t.Run(fmt.Sprint("patterns ", patterns), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(2017, 11))
			compared, allowed := 0, 0
			for range 60 {
				rows := randomRoles(random, patterns)
				e := plain(t, text, rows...)
				c := modelConfig(text, "")
				c.Source = policy.Adapter("rows", adapterOf(rows...))
				c.Request = sameRequest
				if patterns {
					e.AddNamedMatchingFunc("g", "keyMatch", util.KeyMatch)
					e.AddNamedDomainMatchingFunc("g", "keyMatch", util.KeyMatch)
					c.RoleDefinitions = map[string]policy.ModelRoles{"g": {Match: util.KeyMatch, MatchDomain: util.KeyMatch}}
				}
				a := openModel(t, c)
				for login := range 5 {
					for _, dom := range []string{"en", "de"} {
						for _, k := range c.Kinds {
							q := ask(fmt.Sprint("u", login), kind(k), domain(dom))
							want, _, err := e.EnforceEx(q.Actor.Login, dom, k, "normal")
							if err != nil {
								t.Fatal(err)
							}
							if got := modelAllows(t, a, q); got != want {
								t.Fatalf("%s on %s in %s: allowed %v, Casbin says %v:\n%v", q.Actor.Login, k, dom, got, want, rows)
							}
							if compared++; want {
								allowed++
							}
						}
					}
				}
			}
			if allowed*10 < compared || allowed*10 > 9*compared {
				t.Errorf("%d of %d were allowed: the questions show too little", allowed, compared)
			}
		})
	}
}

// randomRoles are rows whose roles go in no circle: each leads to a later one.
func randomRoles(random *rand.Rand, patterns bool) [][]string {
	domains := []string{"en", "de"}
	if patterns {
		domains = append(domains, "e*")
	}
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	var rows [][]string
	seen := make(map[string]bool)
	add := func(row ...string) {
		if key := strings.Join(row, " "); !seen[key] {
			seen[key], rows = true, append(rows, row)
		}
	}
	for _, k := range []string{"account.suspend", "account.limit", "post.remove"} {
		add("p", fmt.Sprint("r", random.IntN(6)), k, "normal", "allow")
		add("p", fmt.Sprint("r", random.IntN(6)), k, "normal", "allow")
		if random.IntN(2) == 0 {
			add("p", fmt.Sprint("r", 4+random.IntN(4)), k, "normal", "deny")
		}
	}
	for range 8 {
		from := random.IntN(7)
		add("g", fmt.Sprint("r", from), fmt.Sprint("r", from+1+random.IntN(7-from)), pick(domains))
		add("g", fmt.Sprint("u", random.IntN(5)), fmt.Sprint("r", random.IntN(8)), pick(domains))
		if patterns && random.IntN(4) == 0 {
			add("g", "u1*", fmt.Sprint("r", random.IntN(8)), pick(domains))
		}
	}
	return rows
}

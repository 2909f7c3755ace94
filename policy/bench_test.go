package policy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// benchmark is a policy of so many rules and users. Each user has one role, and
// each role may request some kinds at some tiers, all in one domain. One row
// denies, by a label that nobody has. There are no bounds and no wildcards more,
// since the floor and Casbin would need more to deal with them.
type benchmark struct {
	rules, users int
	roles        int
	kinds, tiers []string
	role         map[string]string // of each user
	allows       map[benchRule]bool
	text         string // p and g rows
}

type benchRule struct {
	role, kind, tier string
}

// perRole is how many rules a role has; there are more places than that.
const perRole = 50

func newBenchmark(rules, users int) *benchmark {
	w := &benchmark{rules: rules, users: users, roles: rules / perRole, role: make(map[string]string, users), allows: make(map[benchRule]bool, rules)}
	for i := range 20 {
		w.kinds = append(w.kinds, fmt.Sprintf("kind%d.do", i))
	}
	for i := range 5 {
		w.tiers = append(w.tiers, fmt.Sprintf("tier%d", i))
	}
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for role := range w.roles {
		for _, i := range random.Perm(len(w.kinds) * len(w.tiers))[:perRole] {
			r := benchRule{fmt.Sprintf("role%d", role), w.kinds[i/len(w.tiers)], w.tiers[i%len(w.tiers)]}
			w.allows[r] = true
			fmt.Fprintf(&text, "p, %s, request, %s, %s, en, allow\n", r.role, r.kind, r.tier)
		}
	}
	for i := range users {
		login, role := fmt.Sprintf("user%d", i), fmt.Sprintf("role%d", random.IntN(w.roles))
		w.role[login] = role
		fmt.Fprintf(&text, "g, %s, %s, en, -, -\n", login, role)
	}
	text.WriteString("p, @leaving, request, *, *, en, deny\n")
	w.text = text.String()
	return w
}

const benchNeeds = "p2, request, *, *, *, *, none, -, -\n"

func (w *benchmark) open(b *testing.B) *policy.Authorizer {
	b.Helper()
	a, err := policy.Open(context.Background(), policy.Config{Source: policy.CSV("bench.csv", w.text+benchNeeds), Kinds: w.kinds, Tiers: w.tiers})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func benchModel(b *testing.B) model.Model {
	b.Helper()
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// casbin is Casbin with the same p and g rows, of which it forgets the times.
// It says neither what a step needs nor, by Enforce, which rows decided.
func (w *benchmark) casbin(b *testing.B) *casbin.Enforcer {
	b.Helper()
	e, err := casbin.NewEnforcer(benchModel(b), stringadapter.NewAdapter(w.text))
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// ask returns random questions of an outcome, by random users.
func (w *benchmark) ask(n int, allow bool) []moderation.Question {
	random := rand.New(rand.NewPCG(3, 4))
	var list []moderation.Question
	for len(list) < n {
		login := fmt.Sprintf("user%d", random.IntN(w.users)) // no names that stand where the policy's do
		r := benchRule{w.role[login], w.kinds[random.IntN(len(w.kinds))], w.tiers[random.IntN(len(w.tiers))]}
		if w.allows[r] != allow {
			continue
		}
		list = append(list, moderation.Question{
			Step: moderation.StepRequest, Actor: moderation.Actor{Login: login}, Kind: strings.Clone(r.kind),
			Target: moderation.Target{Tier: strings.Clone(r.tier), Domain: "en"}, Duration: moderation.Permanent, Count: 1,
			Time: time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
		})
	}
	return list
}

// engine answers a question: whether it is allowed.
type engine struct {
	name string
	ask  func(q *moderation.Question) bool
}

// floor is what one would write by hand for this policy and no other: two
// look-ups in maps, without domains, times, deny rows, needs or reasons.
func (w *benchmark) floor() engine {
	type place struct {
		role       string
		step       moderation.Step
		kind, tier string
	}
	allows := make(map[place]bool, len(w.allows))
	for r := range w.allows {
		allows[place{r.role, moderation.StepRequest, r.kind, r.tier}] = true
	}
	return engine{"floor", func(q *moderation.Question) bool {
		return allows[place{w.role[q.Actor.Login], q.Step, q.Kind, q.Target.Tier}]
	}}
}

func (w *benchmark) engines(b *testing.B) []engine {
	a := w.open(b)
	p := a.Policy()
	plain := w.casbin(b)
	cached, err := casbin.NewSyncedCachedEnforcer(benchModel(b), stringadapter.NewAdapter(w.text))
	if err != nil {
		b.Fatal(err)
	}
	return []engine{
		w.floor(),
		{"interlock", func(q *moderation.Question) bool {
			v, err := a.Check(context.Background(), q)
			return err == nil && v.Allowed()
		}},
		{"interlock-rendered", func(q *moderation.Question) bool { return p.Decide(*q).Allowed }},
		{"casbin", func(q *moderation.Question) bool {
			ok, err := plain.Enforce(q.Actor.Login, string(q.Step), q.Kind, q.Target.Tier, q.Target.Domain)
			return err == nil && ok
		}},
		{"casbin-cached", func(q *moderation.Question) bool {
			ok, err := cached.Enforce(q.Actor.Login, string(q.Step), q.Kind, q.Target.Tier, q.Target.Domain)
			return err == nil && ok
		}},
	}
}

// questions is how many different questions are asked, one after another.
const questions = 4096

// asked is what a benchmark asks, of one outcome each.
type asked struct {
	*benchmark
	engines     []engine
	allow, deny []moderation.Question
}

// ready makes the engines of a size, which must agree, once for all benchmarks
// of this size that are run.
func ready(rules, users int) func(b *testing.B) *asked {
	var once sync.Once
	var made *asked
	return func(b *testing.B) *asked {
		once.Do(func() {
			w := newBenchmark(rules, users)
			made = &asked{w, w.engines(b), w.ask(questions, true), w.ask(questions, false)}
			for _, e := range made.engines {
				for i := range 16 {
					if !e.ask(&made.allow[i]) || e.ask(&made.deny[i]) {
						b.Fatalf("%s does not agree", e.name)
					}
				}
			}
		})
		return made
	}
}

// measure asks one engine.
func (w *asked) measure(b *testing.B, name, outcome string) {
	list := w.allow
	if outcome == "deny" {
		list = w.deny
	}
	if name == "casbin-cached" { // all in the cache, and for the largest policies few: each miss takes long
		list = list[:min(questions, max(16, questions*1000/w.rules))]
	}
	e := w.engines[slices.IndexFunc(w.engines, func(e engine) bool { return e.name == name })]
	want := outcome == "allow"
	if name != "casbin" {
		for i := range list {
			if e.ask(&list[i]) != want {
				b.Fatalf("%s does not agree", name)
			}
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i >= len(list) {
			i = 0
		}
		if e.ask(&list[i]) != want {
			b.Fatalf("%s does not agree", name)
		}
	}
}

func engineNames() []string {
	return []string{"floor", "interlock", "interlock-rendered", "casbin", "casbin-cached"}
}

// BenchmarkDecide is one question, random among users and places, against
// policies of growing size.
func BenchmarkDecide(b *testing.B) {
	for _, rules := range []int{50, 1000, 10_000, 100_000} {
		w := ready(rules, 10_000)
		for _, engine := range engineNames() {
			for _, outcome := range []string{"allow", "deny"} {
				b.Run(fmt.Sprintf("engine=%s/rules=%d/outcome=%s", engine, rules, outcome), func(b *testing.B) {
					w(b).measure(b, engine, outcome)
				})
			}
		}
	}
}

// BenchmarkDecideUsers is the same for growing numbers of users.
func BenchmarkDecideUsers(b *testing.B) {
	for _, users := range []int{10_000, 100_000, 1_000_000} {
		w := ready(1000, users)
		for _, engine := range engineNames() {
			for _, outcome := range []string{"allow", "deny"} {
				b.Run(fmt.Sprintf("engine=%s/users=%d/outcome=%s", engine, users, outcome), func(b *testing.B) {
					w(b).measure(b, engine, outcome)
				})
			}
		}
	}
}

// BenchmarkCompile is from a policy's text to an engine that answers, and what
// that engine keeps on the heap. Casbin does not validate what it loads.
func BenchmarkCompile(b *testing.B) {
	for _, size := range []struct{ rules, users int }{{1000, 10_000}, {1000, 1_000_000}, {100_000, 10_000}} {
		w := sync.OnceValue(func() *benchmark { return newBenchmark(size.rules, size.users) })
		for _, engine := range []struct {
			name string
			load func(b *testing.B) any
		}{
			{"interlock", func(b *testing.B) any { return w().open(b).Policy() }},
			{"casbin", func(b *testing.B) any { return w().casbin(b) }},
		} {
			b.Run(fmt.Sprintf("engine=%s/rules=%d/users=%d", engine.name, size.rules, size.users), func(b *testing.B) {
				w()
				before := heap()
				var loaded any
				for b.Loop() {
					loaded = nil
					loaded = engine.load(b)
				}
				b.ReportMetric(float64(heap()-before), "heap-bytes")
				runtime.KeepAlive(loaded)
			})
		}
	}
}

// heap is what is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

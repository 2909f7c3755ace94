package policy_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// seed is new for each run, and printed. POLICY_SEED runs one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("POLICY_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("POLICY_SEED=%d", n)
	return n
}

// world is a generated policy and what questions about it can name.
type world struct {
	*rand.Rand
	rows    []policy.Row
	roles   []string
	logins  []string
	kinds   []string
	own     []string // the library's own kinds
	tiers   []string
	domains []string
	labels  []string
	has     map[string][]string // labels of logins
	moments []time.Time
}

// hostile are logins that trip whoever joins names, or takes them for others.
func hostile() []string {
	return []string{"$$", "a$$b", "a::b", "a", "b", "r1::r2", "p", "allow", "a|b", `"`, "\u00e9", "e\u0301", "名", "-x", "x-", "__"}
}

func newWorld(n uint64) *world {
	w := &world{
		Rand:    rand.New(rand.NewPCG(n, 0)),
		kinds:   []string{"account.suspend", "account.limit", "account.x.y", "post.remove", "accounts"},
		own:     []string{"interlock.policy.list", "interlock.policy", "interlock.x"},
		tiers:   []string{"normal", "normale", "protected"}, // normal+en is normale+n
		domains: []string{"en", "n", "a$$b"},
		labels:  []string{"leaving", "service", "contractor"},
		has:     make(map[string][]string),
	}
	for i := range 3 {
		w.moments = append(w.moments, noon.AddDate(0, 0, i))
	}
	for i := range 13 {
		w.roles = append(w.roles, fmt.Sprintf("r%d", i))
	}
	w.roles = append(w.roles, "leaving") // as a label is called too
	w.logins = hostile()
	w.Shuffle(len(w.logins), func(i, j int) { w.logins[i], w.logins[j] = w.logins[j], w.logins[i] })
	w.logins = append(w.logins[:4], "ann", "bob")
	for _, login := range w.logins {
		for _, label := range w.labels {
			if w.IntN(8) == 0 {
				w.has[login] = append(w.has[login], label)
			}
		}
	}
	w.generate()
	return w
}

func (w *world) add(fields ...string) {
	w.rows = append(w.rows, policy.Row{Type: fields[0], Fields: fields[1:], Source: fmt.Sprintf("row:%d", len(w.rows)+1)})
}

func (w *world) generate() {
	// What every policy needs to load.
	w.add("p", "boss", "approve", "*", "*", "*", "allow")
	for i := range 12 {
		w.add("g", fmt.Sprintf("boss%d", i), "boss", "*", "-", "-")
	}
	for _, step := range []string{"request", "unfreeze", "bypass"} {
		w.add("p2", step, "*", "*", "*", "*", "none", "-", "-")
	}
	for i, role := range w.roles {
		w.add("g", fmt.Sprintf("filler%d", i), role, "*", "-", "-")
	}
	unique := map[string]bool{}
	for range 16 {
		w.once(unique, w.rule()...)
	}
	for range 30 {
		w.once(unique, w.grant()...)
	}
	if w.IntN(2) == 0 { // one chain through all roles, deeper than Casbin goes by itself
		for i := range len(w.roles) - 1 {
			w.once(unique, "g", w.roles[i], w.roles[i+1], "*", "-", "-")
		}
	}
	for range 4 {
		w.once(unique, w.need()...)
	}
	w.Shuffle(len(w.rows), func(i, j int) { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] })
}

func (w *world) once(unique map[string]bool, fields ...string) {
	if key := strings.Join(fields, ","); !unique[key] {
		unique[key] = true
		w.add(fields...)
	}
}

func (w *world) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w *world) kind() string {
	return w.pick("*", "*", "*", "account.*", "account.*", "account.x.*", "post.*", "interlock.*", "interlock.policy.*", w.own[0], w.pick(w.kinds...))
}

func (w *world) tier() string   { return w.pick("*", "*", w.pick(w.tiers...)) }
func (w *world) domain() string { return w.pick("*", "*", w.pick(w.domains...)) }

func (w *world) rule() []string {
	steps := []string{"request", "request", "approve", "undo", "freeze", "unfreeze", "read"}
	if w.IntN(4) == 0 {
		subject := w.pick(w.roles...)
		if w.IntN(3) == 0 {
			subject = "@" + w.pick(w.labels...)
		}
		return []string{"p", subject, w.pick(append(steps, "*")...), w.kind(), w.tier(), w.domain(), "deny"}
	}
	if w.IntN(10) == 0 {
		return []string{"p", w.pick(w.roles...), "bypass", w.pick(w.kinds...), w.pick(w.tiers...), w.domain(), "allow"}
	}
	return []string{"p", w.pick(w.roles...), w.pick(steps...), w.kind(), w.tier(), w.domain(), "allow"}
}

func (w *world) grant() []string {
	from, until := "-", "-"
	bounds := w.IntN(4)
	if first := w.IntN(2); bounds == 0 {
		from, until = w.moments[first].Format(time.RFC3339), w.moments[first+1].Format(time.RFC3339)
	} else if bounds == 1 {
		until = w.moments[first].Format(time.RFC3339)
	}
	to := w.IntN(len(w.roles))
	grantee := w.pick(w.logins...)
	if to > 0 && w.IntN(2) == 0 {
		grantee = w.roles[w.IntN(to)] // a lower number, so there is no circle
	}
	return []string{"g", grantee, w.roles[to], w.domain(), from, until}
}

func (w *world) need() []string {
	step := w.pick("request", "undo", "freeze", "unfreeze", "bypass")
	conditions := []string{"*", "@" + w.pick(w.labels...), "duration>168h", "permanent", "reach>1000000", "batch>25", "reach>10 & batch>2", "permanent&@leaving"}
	if step == "undo" {
		conditions = append(conditions, "age>24h", "age>24h")
	}
	hold := w.pick("-", "1h", "2h")
	if step == "bypass" {
		hold = "-"
	}
	return []string{"p2", step, w.kind(), w.tier(), w.domain(), w.pick(conditions...),
		w.pick("none", "boss", "boss boss"), hold, w.pick("24h", "2d")}
}

// question asks about what the policy names, and at times about what it does
// not.
func (w *world) question() moderation.Question {
	login := w.pick(w.logins...)
	if w.IntN(20) == 0 {
		login = w.pick(append(w.roles, "stranger", "@leaving", "*", "boss")...)
	}
	q := moderation.Question{
		Step:  moderation.Step(w.pick("request", "request", "approve", "undo", "freeze", "unfreeze", "bypass", "read")),
		Actor: moderation.Actor{Login: login, Labels: w.has[login]},
		Kind:  w.pick(append(w.kinds, moderation.Any, w.pick(w.own...))...),
		Target: moderation.Target{
			Tier:   w.pick(append(w.tiers, moderation.Any)...),
			Domain: w.pick(append(w.domains, "unnamed", moderation.Any)...),
			Reach:  []int64{0, 10, 11, 1_000_000, 1_000_001}[w.IntN(5)],
		},
		Duration: []time.Duration{0, 168 * time.Hour, 168*time.Hour + 1, moderation.Permanent}[w.IntN(4)],
		Count:    []int{1, 2, 3, 25, 26}[w.IntN(5)],
		Since:    []time.Duration{0, 24 * time.Hour, 24*time.Hour + 1}[w.IntN(3)],
		Time:     w.moments[w.IntN(len(w.moments))].Add(-time.Duration(w.IntN(2))),
	}
	if w.IntN(2) == 0 {
		w.aim(&q)
	}
	if w.IntN(25) == 0 {
		w.spoil(&q)
	}
	return q
}

// spoil makes a question that must not be answered, for the most part.
func (w *world) spoil(q *moderation.Question) {
	name := w.pick("", "-", " ", "normal ", "\x00", "account.*", "interlock.", "Account.suspend", "r1", strings.Repeat("n", 300))
	switch w.IntN(9) {
	case 0:
		q.Step = moderation.Step(name)
	case 1:
		q.Actor.Login = name
	case 2:
		q.Kind = name
	case 3:
		q.Target.Tier = name
	case 4:
		q.Target.Domain = name
	case 5:
		q.Actor.Labels = append(slices.Clone(q.Actor.Labels), name)
	case 6:
		q.Time = time.Time{}
	case 7:
		q.Count = -w.IntN(2)
	case 8:
		*[]*time.Duration{&q.Duration, &q.Since}[w.IntN(2)] = -1
	}
}

// aim turns a question to what some row is about.
func (w *world) aim(q *moderation.Question) {
	row := w.rows[w.IntN(len(w.rows))]
	if row.Type != "p" {
		return
	}
	for i, field := range []*string{(*string)(&q.Step), &q.Kind, &q.Target.Tier, &q.Target.Domain} {
		if f := row.Fields[i+1]; !strings.HasSuffix(f, "*") {
			*field = f
		}
	}
}

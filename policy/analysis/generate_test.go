package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// seed is new for each run, and printed. ANALYSIS_SEED runs one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ANALYSIS_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ANALYSIS_SEED=%d", n)
	return n
}

// world is a small generated policy and directory.
type world struct {
	*rand.Rand
	rows      []string
	directory analysis.Directory
}

var (
	worldRoles   = []string{"r0", "r1", "r2", "r3"}
	worldDomains = []string{"en", "de"}
	worldTiers   = []string{"normal", "protected"}
)

func (w *world) pick(list ...string) string { return list[w.IntN(len(list))] }
func (w *world) kind() string               { return w.pick("*", "*", "account.*", w.pick(allKinds...)) }
func (w *world) tier() string               { return w.pick("*", w.pick(worldTiers...)) }
func (w *world) domain() string             { return w.pick("*", "*", w.pick(worldDomains...)) }
func (w *world) slot() string               { return w.pick("r0", "r1", "r2", "r0|r1", "r2|r3") }

func (w *world) rule() string {
	if w.IntN(4) == 0 {
		return fmt.Sprintf("p, %s, %s, %s, %s, %s, deny", w.pick(append(worldRoles, "@leaving", "@service", "@contractor")...),
			w.pick("request", "approve", "undo", "*"), w.kind(), w.tier(), w.domain())
	}
	return fmt.Sprintf("p, %s, %s, %s, %s, %s, allow", w.pick(worldRoles...), w.pick("request", "request", "approve", "undo", "freeze", "unfreeze"), w.kind(), w.tier(), w.domain())
}

func (w *world) need() string {
	when := w.pick("*", "*", "permanent", "duration>1h", "reach>5", "@contractor")
	quorum := w.pick("none", w.slot(), w.slot()+" "+w.slot(), w.slot()+" "+w.slot()+" "+w.slot())
	return fmt.Sprintf("p2, %s, %s, %s, %s, %s, %s, %s, 24h", w.pick("request", "request", "undo", "freeze"), w.kind(), w.tier(), w.domain(), when, quorum, w.pick("-", "10m"))
}

func (w *world) grant(login string) string {
	return fmt.Sprintf("g, %s, %s, %s, -, %s", login, w.pick(worldRoles...), w.pick("*", "*", "en"), w.pick("-", "-", "2017-11-02T12:00:00Z", "2017-11-02T12:00:01Z"))
}

// newWorld returns a world whose policy loads.
func newWorld(t testing.TB, r *rand.Rand) (*world, *policy.Policy) {
	t.Helper()
	for range 1000 {
		w := &world{Rand: r}
		w.rows = []string{"p2, request, *, *, *, *, none, -, -", "p2, request, *, *, en, *, none, -, -", "p2, request, *, *, de, *, none, -, -", "p2, unfreeze, *, *, *, *, none, -, -"}
		for _, role := range worldRoles { // what loads most often
			w.rows = append(w.rows, fmt.Sprintf("p, %s, approve, *, *, *, allow", role))
		}
		for range 2 + r.IntN(7) {
			w.rows = append(w.rows, w.rule())
		}
		for range r.IntN(4) {
			w.rows = append(w.rows, w.need())
		}
		if r.IntN(3) == 0 {
			w.rows = append(w.rows, fmt.Sprintf("g, %s, %s, *, -, -", w.pick("r0", "r1"), w.pick("r2", "r3")))
		}
		for i := range 7 {
			for range 1 + r.IntN(2) {
				w.rows = append(w.rows, w.grant(fmt.Sprint("l", i)))
			}
		}
		w.people()
		if p, err := policy.Load(t.Context(), config(strings.Join(w.rows, "\n"))); err == nil {
			return w, p
		}
	}
	t.Fatal("a thousand generated policies do not load")
	return nil, nil
}

// people makes five people of seven logins.
func (w *world) people() {
	w.directory = analysis.Directory{}
	for i := range 5 {
		w.directory.People = append(w.directory.People, person(fmt.Sprint("person", i)))
	}
	for i := range 7 {
		p := &w.directory.People[min(i, w.IntN(5))]
		if i < 5 {
			p = &w.directory.People[i]
		}
		login := analysis.Login{Name: fmt.Sprint("l", i), Service: w.IntN(6) == 0}
		if login.Service && w.IntN(2) == 0 {
			login.Owners = []string{fmt.Sprint("person", w.IntN(5))}
		}
		if w.IntN(4) == 0 {
			login.Labels = []string{"contractor"}
		}
		p.Logins = append(p.Logins, login)
	}
	for i := range w.directory.People {
		if w.IntN(4) == 0 {
			w.directory.People[i].LastDay = lastDay(noon.AddDate(0, 0, w.IntN(30)-5))
		}
	}
	if w.IntN(3) == 0 {
		w.directory.Kinds = kindsWith(func(k *moderation.Kind) {
			if k.Name == "post.remove" {
				k.Undo = nil
			} else {
				k.Timed = w.IntN(2) == 0
			}
		})
	}
}

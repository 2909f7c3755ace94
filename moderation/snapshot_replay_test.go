package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// TestSnapshotAndLaterRecordsAreWhatAllRecordsAre holds a store and a guard that
// were rebuilt from a snapshot against those rebuilt from every record, after
// histories of the model with faults, crashes and records that were appended
// twice, wherever in them the snapshot was saved.
func TestSnapshotAndLaterRecordsAreWhatAllRecordsAre(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range uint64(3) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			m := vbNewModel(t, seed+i)
			for step := range 60 {
				m.takeStep(step)
				m.catchUp()
			}
			records := m.trail.records
			rng := rand.New(rand.NewPCG(seed+i, 1))
			cuts := []int{0, 1, len(records) - 1, len(records)}
			for range 6 {
				cuts = append(cuts, rng.IntN(len(records)+1))
			}
			full := ssOver(t, records, nil)
			contents, answers := ssContents(t, fcStore(t, full)), ssAnswers(t, m, full)
			for _, cut := range cuts {
				ssCompare(t, m, records, cut, min(len(records), cut+rng.IntN(20)), contents, answers)
			}
		})
	}
}

// ssCompare saves a snapshot after the first records, and from that another one
// somewhat later.
func ssCompare(t *testing.T, m *vbModel, records []audit.Record, cut, later int, contents moderation.Contents, answers ssAnswer) {
	t.Helper()
	first := ssOver(t, records[:cut], nil)
	ssSave(t, first)
	second := ssOver(t, records[:later], first)
	ssSave(t, second)
	for name, sink := range map[string]*ssSink{
		"one snapshot":           ssOver(t, records, first),
		"a snapshot of snapshot": ssOver(t, records, second),
	} {
		name = fmt.Sprintf("%s, at %d and %d of %d", name, cut, later, len(records))
		got := fcStore(t, sink)
		if d := cmp.Diff(contents, ssContents(t, got), ssWhole); d != "" {
			t.Fatalf("%s: the store (-all records +snapshot):\n%s", name, d)
		}
		for _, r := range records {
			if same, known := got.Knows(r); !same || !known {
				t.Fatalf("%s: record %s: same %t, known %t", name, r.ID, same, known)
			}
			r.Reason += "!"
			if same, known := got.Knows(r); same || !known {
				t.Fatalf("%s: record %s with another body: same %t, known %t", name, r.ID, same, known)
			}
		}
		if d := cmp.Diff(answers, ssAnswers(t, m, sink), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s: the guard (-all records +snapshot):\n%s", name, d)
		}
	}
	// Two ways to one state lead to one text, but for its salt, which is that of
	// the first snapshot.
	if cut == 0 {
		return
	}
	once, twice := ssOver(t, records, first), ssOver(t, records, second)
	ssSave(t, once)
	ssSave(t, twice)
	if d := cmp.Diff(string(once.snapshot), string(twice.snapshot)); d != "" {
		t.Fatalf("the snapshot, saved again (-once +twice):\n%s", d)
	}
}

func ssContents(t *testing.T, s *moderation.MemoryStore) moderation.Contents {
	t.Helper()
	c, err := s.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ssWhole compares unexported fields too.
var ssWhole = cmp.Options{cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })}

// ssLimiter writes down what it is told, in order.
type ssLimiter struct {
	moderation.Limiter
	told []moderation.Charge
	over []bool
}

func (l *ssLimiter) Restore(_ context.Context, c moderation.Charge) error {
	l.told, l.over = append(l.told, c), append(l.over, false)
	return nil
}

func (l *ssLimiter) Release(_ context.Context, c moderation.Charge) error {
	l.told, l.over = append(l.told, c), append(l.over, true)
	return nil
}

// ssAnswer is what a guard says after it was rebuilt.
type ssAnswer struct {
	Restored []moderation.Charge
	Over     []bool
	Explains map[string]moderation.Explanation
	Tickets  []moderation.Ticket
	Now      time.Time
}

// ssAnswers asks a guard over a copy of a sink, at a time long before the last record.
func ssAnswers(t *testing.T, m *vbModel, sink *ssSink) ssAnswer {
	t.Helper()
	m.actors["auditor"], m.roles["auditor"] = vbHuman("auditor", "p-auditor"), []string{"lead"}
	limiter := &ssLimiter{Limiter: m}
	trail := ssOver(t, sink.Records(), sink)
	config := m.config(trail)
	config.ForgetOnExit, config.Limiter = true, limiter
	config.Now = func() time.Time { return m.now.Add(-time.Hour) }
	guard, err := moderation.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	a := ssAnswer{Restored: limiter.told, Over: limiter.over, Explains: make(map[string]moderation.Explanation)}
	for login := range m.actors {
		for target := range m.targets {
			e, err := guard.Explain(t.Context(), suspend(login, target, "explain"))
			if err != nil {
				t.Fatal(err)
			}
			a.Explains[login+" on "+target] = e
		}
	}
	for ticket, err := range guard.Tickets(t.Context(), "auditor", moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		a.Tickets = append(a.Tickets, ticket)
	}
	_, err = guard.Do(t.Context(), suspend("nobody", "b", "refused"))
	if !errors.Is(err, moderation.ErrUnknownActor) {
		t.Fatal(err)
	}
	told := trail.Records()
	a.Now = told[len(told)-1].Time // of the refusal
	return a
}

package audittest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

// failures returns the names of the checks that a sink with a defect fails.
func failures(t *testing.T, spoil func(*broken), o options) (names []string) {
	for _, c := range checks() {
		synctest.Test(t, func(t *testing.T) { // nothing waits in earnest
			sink := newBroken(spoil)
			defer close(sink.release)
			if err := c.run(newSubject(t, sink, o)); err != nil {
				names = append(names, c.name)
			}
		})
	}
	slices.Sort(names)
	return names
}

func TestSuiteAcceptsAGoodSink(t *testing.T) {
	t.Parallel()
	if got := failures(t, func(*broken) {}, options{}); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

func TestSuiteAcceptsASinkThatStoresARecordOnce(t *testing.T) {
	t.Parallel()
	once := before(func(b *broken, ctx context.Context, r *audit.Record) (bool, error) {
		return r.Validate() == nil && ctx.Err() == nil && b.again(r), nil
	})
	if got := failures(t, once, options{}); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

func TestSuiteAcceptsASinkThatLooksForIDs(t *testing.T) {
	t.Parallel()
	looks := before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
		return b.differs(r), fmt.Errorf("%w: %w", audit.ErrConflict, audit.ErrNotWritten)
	})
	if got := failures(t, looks, options{}); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

func TestSuiteCatchesEachDefect(t *testing.T) {
	t.Parallel()
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			slices.Sort(d.caught)
			if diff := cmp.Diff(d.caught, failures(t, d.spoil, options{})); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryCheckCatchesSomething(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, d := range snapshotDefects() {
		for _, name := range d.caught {
			caught[name] = true
		}
	}
	for _, d := range defects() {
		if len(d.caught) < len(everyCheck())/2 { // not those that fail everything
			for _, name := range d.caught {
				caught[name] = true
			}
		}
	}
	for _, c := range checks() {
		if !caught[c.name] && c.name != "keeps records when opened again" {
			t.Errorf("no defect is caught by %q", c.name)
		}
	}
}

func TestSuiteCatchesASinkThatForgetsWhenReopened(t *testing.T) {
	t.Parallel()
	good := options{reopen: func(_ *testing.T, sink audit.Sink) audit.Sink { return sink }}
	if got := failures(t, func(*broken) {}, good); got != nil {
		t.Errorf("a good sink fails %q", got)
	}
	forgetful := options{reopen: func(*testing.T, audit.Sink) audit.Sink { return newBroken(func(*broken) {}) }}
	if diff := cmp.Diff([]string{"keeps records when opened again"}, failures(t, func(*broken) {}, forgetful)); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
}

// oneWay hides that a sink is a Replayer.
type oneWay struct{ audit.Sink }

func TestSuiteReadsBackWhatCannotBeReplayed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(records []audit.Record) []audit.Record
		want []string
	}{
		"a good one":       {func(records []audit.Record) []audit.Record { return records }, nil},
		"one that forgets": {func([]audit.Record) []audit.Record { return nil }, []string{"does not keep the record's memory", "keeps the order of appends", "loses nothing of concurrent appends", "stores records whole", "takes the same record twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range checks() {
				memory := new(audit.Memory)
				o := options{read: func(*testing.T, audit.Sink) []audit.Record { return test.lose(memory.Records()) }}
				if err := c.run(newSubject(t, oneWay{memory}, o)); err != nil {
					got = append(got, c.name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

// inChild tells a process of this test binary to test a sink with a defect.
const inChild = "AUDITTEST_BROKEN_SINK"

func TestBrokenSinkInAChild(t *testing.T) {
	t.Parallel()
	if os.Getenv(inChild) == "" {
		return // TestSuiteFailsTheTest runs it
	}
	TestSink(t, func(*testing.T) audit.Sink { return &Faulty{Script: func(int, audit.Record) Fault { return Lie() }} })
}

func TestSuiteFailsTheTest(t *testing.T) {
	t.Parallel()
	child := exec.Command(os.Args[0], "-test.run=^TestBrokenSinkInAChild$")
	child.Env = append(os.Environ(), inChild+"=1")
	output, err := child.CombinedOutput()
	for _, want := range []string{"--- FAIL: TestBrokenSinkInAChild/stores_records_whole", "stored records differ"} {
		if err == nil || !strings.Contains(string(output), want) {
			t.Errorf("error %v, output without %q:\n%s", err, want, output)
		}
	}
}

package replay_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// runIn also returns where the trail is.
func runIn(t *testing.T, s *scenario.Scenario) (*replay.Result, trail.Config) {
	t.Helper()
	records := trailIn(t.TempDir())
	r, err := replay.Run(t.Context(), s, records)
	if err != nil {
		t.Fatal(err)
	}
	return r, records
}

// trailIn is a trail in a folder.
func trailIn(folder string) trail.Config {
	return trail.Config{
		Dir:         filepath.Join(folder, "trail"),
		Origin:      "elevenminutes.example/test",
		KeyFile:     filepath.Join(folder, "trail.key"),
		TrustedHead: trail.HeadFile(filepath.Join(folder, "trail.head")),
		Room:        trail.MinRoom,
	}
}

func recordsIn(t *testing.T, records trail.Config) int {
	t.Helper()
	log, err := trail.Open(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n := 0
	for _, err := range log.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestARestartKeepsEverything(t *testing.T) {
	t.Parallel()
	r, records := runIn(t, small(t, `09:00 mod do spam account.suspend @plain for=1h "x"  -> done
09:01 mod do city account.suspend @mayor for=30m "x"  -> pending
09:02 host restart  -> done
09:03 mod do spam  -> done
09:03 mod do spam account.suspend @plain for=2h "x"  -> refused key_reused
09:04 lead approve city  -> done held
09:05 host restart  -> done
09:14 expect ticket city executed
09:15 mod do more account.suspend @plain for=2h "x"  -> refused limited
10:00 expect account @plain up downtime=1h
`))
	holds(t, r)
	if n := recordsIn(t, records); n != r.Records {
		t.Errorf("the trail has %d records; %d were counted", n, r.Records)
	}
}

// It is the story's trail that fails, not the run's.
func TestATrailThatFailsToTheEndHasAllThatWasRecorded(t *testing.T) {
	t.Parallel()
	r, records := runIn(t, small(t, `09:00 mod do spam account.suspend @plain for=1h "x"  -> done
09:01 host trail fails
09:02 mod do more account.suspend @plain for=1h "x"  -> refused no_room
`))
	holds(t, r)
	if n := recordsIn(t, records); n != r.Records || n != 2 {
		t.Errorf("the trail has %d records, and %d were counted; want 2", n, r.Records)
	}
}

func TestAGuardThatCantPutEverythingAwayIsRebuiltAllTheSame(t *testing.T) {
	t.Parallel()
	holds(t, run(t, small(t, `09:00 mod do spam account.suspend @plain for=1h "x"  -> done
09:01 host trail fails
09:02 host restart  -> error
09:03 host trail works
09:04 mod do spam  -> done
09:05 mod undo spam "sorry"  -> done
      expect account @plain up downtime=5m
`)))
}

// So the next guard need not read all records.
func TestARunLeavesASnapshotOfItsGuard(t *testing.T) {
	t.Parallel()
	_, records := runIn(t, small(t, `09:00 mod do spam account.suspend @plain for=1h "x"  -> done`))
	if info, err := os.Stat(filepath.Join(records.Dir, "log", "snapshot")); err != nil || info.Size() == 0 {
		t.Errorf("the snapshot: %v, %v", info, err)
	}
}

func TestANameWhoseTicketWasNeverRecordedIsFree(t *testing.T) {
	t.Parallel()
	holds(t, run(t, small(t, `09:00 host trail fails
09:01 mod do spam account.suspend @plain for=1h "x"  -> refused no_room
09:02 host trail works
09:03 mod do spam  -> done
      expect ticket spam executed
09:04 mod undo spam "sorry"  -> done
      expect account @plain up downtime=1m
`)))
}

func TestARunNeedsATrailOfItsOwn(t *testing.T) {
	t.Parallel()
	s := small(t, `09:00 mod do spam account.suspend @plain for=1h "x"  -> done`)
	_, used := runIn(t, s)
	inUse := trailIn(t.TempDir())
	log, err := trail.Open(t.Context(), inUse)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for name, tc := range map[string]struct {
		records trail.Config
		want    string
	}{
		"one of another run":           {used, "entries of another run already"},
		"one that is in use":           {inUse, audit.ErrLocked.Error()},
		"one where there can't be any": {trailIn(filepath.Join(t.TempDir(), "no", "folder")), "no such file or directory"},
	} {
		if r, err := replay.Run(t.Context(), s, tc.records); r != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("with %s: %v, %v; want %q", name, r, err, tc.want)
		}
	}
}

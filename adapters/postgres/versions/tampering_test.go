package versions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/policy"
)

// unseen makes edits past the tables' triggers, as a superuser can.
func unseen(edits string) string {
	return "BEGIN; SET LOCAL session_replication_role = replica; " + edits + "; COMMIT"
}

// forge writes a version that is whole.
const forge = `INSERT INTO @.policy_row SELECT 3, place, type, fields FROM @.policy_row WHERE version = 1;
	INSERT INTO @.policy_row VALUES (3, 100, 'g', '{mallory,director,*,-,-}');
	INSERT INTO @.policy_version SELECT 3, 'COUP', size + 1, digest, 'change', 'ticket9', 9 FROM @.policy_version WHERE number = 2`

// tamperings are edits of a table that holds two versions, amended in force.
var tamperings = []struct {
	name   string
	edit   string
	reason policy.QuarantineReason
}{
	{"a row is added", `INSERT INTO @.policy_row VALUES (2, 100, 'g', '{mallory,director,*,-,-}')`, policy.ReasonAltered},
	{"a row is added unseen by triggers", unseen(`INSERT INTO @.policy_row VALUES (2, 100, 'g', '{mallory,director,*,-,-}')`), policy.ReasonAltered},
	{"a column is changed", `UPDATE @.policy_row SET fields[1] = 'mallory' WHERE version = 2 AND fields[1] = 'dan'`, policy.ReasonAltered},
	{"a type is changed", `UPDATE @.policy_row SET type = 'p4' WHERE version = 2 AND place = 1`, policy.ReasonAltered},
	{"a row is said twice", `INSERT INTO @.policy_row SELECT 2, 100, type, fields FROM @.policy_row WHERE version = 2 AND place = 1`, policy.ReasonAltered},
	{"a row is deleted", `DELETE FROM @.policy_row WHERE version = 2 AND type = 'p3'`, policy.ReasonAltered},
	{"all rows are deleted", `DELETE FROM @.policy_row WHERE version = 2`, policy.ReasonAltered},
	{"the rows are truncated", `TRUNCATE @.policy_row`, policy.ReasonAltered},
	{"a row is moved to the version before", `UPDATE @.policy_row SET version = 1, place = 100 WHERE version = 2 AND type = 'p3'`, policy.ReasonAltered},
	{"a column becomes NULL", `UPDATE @.policy_row SET fields[1] = NULL WHERE version = 2 AND place = 1`, policy.ReasonAltered},
	{"the version's digest is changed", `UPDATE @.policy_version SET digest = 'COUP' WHERE number = 2`, policy.ReasonAltered},
	{"the version in force is deleted", `DELETE FROM @.policy_version WHERE number = 2`, policy.ReasonAltered},
	{"all versions are deleted", `DELETE FROM @.policy_version`, policy.ReasonAltered},
	{"all is deleted", unseen(`DELETE FROM @.policy_version; DELETE FROM @.policy_row; UPDATE @.chain SET policy = ''`), policy.ReasonAltered},
	{"a version is forged, and commits still ask for the old one", forge, policy.ReasonAltered},
	{"a version is forged whole", "BEGIN; " + forge + `; UPDATE @.chain SET policy = 'COUP'; COMMIT`, policy.ReasonUnapproved},
	{"the version before is put back whole", unseen(`DELETE FROM @.policy_version WHERE number = 2; UPDATE @.chain SET policy = 'FIRST'`), policy.ReasonUnapproved},
	{"commits are made to ask for the version before", unseen(`UPDATE @.chain SET policy = 'FIRST'`), policy.ReasonAltered},
	{"commits are made to ask for none", unseen(`UPDATE @.chain SET policy = ''`), policy.ReasonAltered},
}

func (h *house) tamper(edit string) {
	h.t.Helper()
	h.must(strings.NewReplacer("COUP", digestOf(h.t, coup), "FIRST", digestOf(h.t, constitution)).Replace(edit))
}

func TestWhatIsEditedByHandIsQuarantinedAndCanBeMended(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for _, tc := range tamperings {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, constitution)
			h.change(constitution, amended, 7)
			trail := new(audit.Memory)
			a := h.authorizer(func(c *policy.Config) { c.Audit = trail })
			h.tamper(tc.edit)

			err := a.Reload(t.Context())
			var kept *policy.QuarantineError
			if !errors.As(err, &kept) || kept.Reason != tc.reason {
				t.Errorf("Reload = %v, want it quarantined as %s", err, tc.reason)
			}
			if list := a.Quarantine(); len(list) != 1 || len(trail.Records()) != 2 {
				t.Errorf("%d versions are quarantined and %d records written, want 1 and 2", len(list), len(trail.Records()))
			}
			if a.Digest() != digestOf(t, amended) || !allowed(t, a, "eve") || allowed(t, a, "mallory") {
				t.Error("another version than the last good one answers")
			}

			if err := h.Restore(t.Context(), h, digestOf(t, constitution), rowsOf(t, amended)); err != nil {
				t.Fatal(err)
			}
			h.holds(amended, "after it was mended")
			if err := a.Reload(t.Context()); err != nil {
				t.Errorf("after it was mended: %v", err)
			}
			h.change(amended, constitution, 8)
			h.holds(constitution, "after the next change")
		})
	}
}

// What has no rows to show is an alarm all the same.
func TestTablesThatAreGoneAreAnAlarm(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, edit := range map[string]string{
		"rows dropped":         `DROP TABLE @.policy_row`,
		"versions dropped":     `DROP TABLE @.policy_version`,
		"a column renamed":     `ALTER TABLE @.policy_row RENAME fields TO columns`,
		"the chain is emptied": `DELETE FROM @.chain`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, constitution)
			h.Table = h.openEvery(100 * time.Millisecond)
			a := h.authorizer(func(c *policy.Config) { c.Source = h.Table })
			h.must(edit)
			if e := await(t, watch(t, a, policy.WatchConfig{Every: 10 * time.Millisecond}), policy.EventQuarantined); !strings.Contains(e.Err.Error(), "edited by hand") {
				t.Errorf("the event says %v", e.Err)
			}
			if !allowed(t, a, "ann") {
				t.Error("the last good version does not answer")
			}
			if err := h.Install(t.Context(), installation(t, constitution, amended, 1)); err == nil {
				t.Error("a version was installed")
			}
		})
	}
}

// An edit wakes the watch at once by itself; past the triggers, the whole load
// that is due now and then finds it.
func TestEditIsAnAlarmWithoutAWholeLoadEachTime(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	const edit = `UPDATE @.policy_row SET fields[1] = 'mallory' WHERE fields[1] = 'dan'`
	for name, tc := range map[string]struct {
		edit   string
		verify time.Duration
	}{
		"seen by the triggers": {edit, time.Hour},
		"past the triggers":    {unseen(edit), 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, constitution)
			h.Table = h.openEvery(tc.verify)
			a := h.authorizer(func(c *policy.Config) { c.Source = h.Table })
			events := watch(t, a, policy.WatchConfig{Every: 10 * time.Millisecond})
			await(t, events, policy.EventConfirmed)
			h.must(tc.edit)
			e := await(t, events, policy.EventQuarantined)
			if !strings.Contains(e.Err.Error(), "edited by hand") || e.Digest != digestOf(t, constitution) {
				t.Errorf("the event is %+v", e)
			}
		})
	}
}

func TestPastTheStalenessBoundAnEditedPolicyAllowsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	a := h.authorizer(func(c *policy.Config) { c.MaxStaleness = 250 * time.Millisecond })
	h.must(`DELETE FROM @.policy_row WHERE place = 1`)
	events := watch(t, a, policy.WatchConfig{Every: 20 * time.Millisecond})
	for began := time.Now(); allowed(t, a, "ann"); {
		if e := await(t, events, policy.EventQuarantined); time.Since(began) > 10*time.Second {
			t.Fatalf("it still answers: %+v", e)
		}
	}
}

// A slip of the hand can't stop all commits, nor let stale decisions pass.
func TestTheVersionThatCommitsAskForIsNotEditedByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	for _, to := range []string{"", digestOf(t, coup), "x"} {
		if err := h.sql(`UPDATE @.chain SET policy = '` + to + `'`); err == nil || !strings.Contains(err.Error(), "is not edited") {
			t.Errorf("to %.12q: %v", to, err)
		}
	}
	h.holds(constitution, "after the edits")
	h.must(`UPDATE @.chain SET seq = 1`)
}

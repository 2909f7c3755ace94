package versions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func TestVersionIsWrittenWholeWithItsDigestAndTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	h.change(constitution, amended, 7)
	h.holds(amended, "after the change")
	rows, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := rowsOf(t, amended)
	for i := range want {
		want[i].Source = fmt.Sprintf("version 2:%d", i+1)
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows, in their order (-want +got):\n%s", diff)
	}
	var got string
	if err := h.pool.QueryRow(t.Context(), `SELECT concat_ws(' ', number, digest, size, replaces, cause, ticket, fence, installer) FROM `+h.schema+`.policy_version WHERE number = 2`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("2 %s %d %s change ticket7 7 postgres", digestOf(t, amended), len(want), digestOf(t, constitution)); got != want {
		t.Errorf("the version is written as\n%s, want\n%s", got, want)
	}
}

// Whatever is refused leaves everything as it was, and says so.
func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, tc := range map[string]struct {
		change func(i *policy.Installation)
		edit   string
		want   string
	}{
		"rows of another digest":         {change: func(i *policy.Installation) { i.Rows = i.Rows[1:] }, want: "its rows have digest"},
		"no rows":                        {change: func(i *policy.Installation) { i.Rows = nil }, want: "no rows"},
		"no ticket":                      {change: func(i *policy.Installation) { i.Ticket = "" }, want: "names no ticket"},
		"no fence":                       {change: func(i *policy.Installation) { i.Fence = 0 }, want: "names no ticket with a fence"},
		"no version that it replaces":    {change: func(i *policy.Installation) { i.Replaces = "" }, want: "written by Bootstrap"},
		"another version than in force":  {change: func(i *policy.Installation) { i.Replaces = i.Digest }, want: "is in force"},
		"a fence as high as the last":    {change: func(i *policy.Installation) { i.Fence = 7 }, want: "somebody was faster"},
		"a fence beyond the database's":  {change: func(i *policy.Installation) { i.Fence = 1 << 63 }, want: "more than the database can hold"},
		"text that no database takes":    {change: func(i *policy.Installation) { i.Rows[0].Fields[0] = "a\x00"; i.Digest = policy.Digest(i.Rows) }, want: "invalid byte sequence"},
		"tables that were edited":        {edit: unseen(`UPDATE @.chain SET policy = 'x'`), want: "mend them with Table.Restore"},
		"tables that hold no version":    {edit: `DELETE FROM @.policy_version`, want: "call Bootstrap"},
		"a database that refuses a row":  {edit: `ALTER TABLE @.policy_row ADD CHECK (place < 5) NOT VALID`, want: "violates check"},
		"a database that refuses at end": {edit: `ALTER TABLE @.chain ADD CHECK (policy = 'x') NOT VALID`, want: "violates check"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pool, constitution)
			h.change(constitution, amended, 7)
			if tc.edit != "" {
				h.must(tc.edit)
			}
			i := installation(t, amended, constitution, 8)
			if tc.change != nil {
				tc.change(&i)
			}
			before := h.inForce()
			err := h.Install(t.Context(), i)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, moderation.ErrNotApplied) {
				t.Errorf("Install = %v, want that nothing was changed and %q", err, tc.want)
			}
			if h.inForce() != before || h.number(`SELECT count(*) FROM @.policy_version WHERE number > 2`)+h.number(`SELECT count(*) FROM @.policy_row WHERE version > 2`) > 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestInstallMadeAgainChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	for range 2 {
		h.change(constitution, amended, 7)
	}
	if n := h.number(`SELECT count(*) FROM @.policy_version`); n != 2 {
		t.Errorf("there are %d versions, want 2", n)
	}
	again := installation(t, constitution, amended, 7)
	again.Ticket = "another"
	if err := h.Install(t.Context(), again); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("by another ticket: %v", err)
	}
}

func TestOfManyInstallersOneWinsAndTheOthersAreTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	var won atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			text := fmt.Sprintf("%sg, new%d, mod, *, -, -\n", constitution, n)
			err := h.open().Install(t.Context(), installation(t, constitution, text, uint64(n+1)))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, moderation.ErrNotApplied) || !strings.Contains(err.Error(), "is in force (by ticket"):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || h.number(`SELECT count(*) FROM @.policy_version`) != 2 {
		t.Errorf("%d have won", won.Load())
	}
	if rows, err := h.Load(t.Context()); err != nil || policy.Digest(rows) != h.inForce() {
		t.Errorf("it holds something else than one of them: %v", err)
	}
}

// Commits compare the version that they were decided under with the one in force,
// as the store does, while versions change. In the order of commits no older
// version comes behind a newer one.
func TestNoCommitOfAnOlderVersionComesBehindANewerOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	texts := []string{constitution}
	for n := range 6 {
		texts = append(texts, fmt.Sprintf("%sg, new%d, mod, *, -, -\n", constitution, n))
	}
	h.must(`CREATE TABLE @.committed (seq bigint PRIMARY KEY, number int NOT NULL)`)
	var digests []string
	for _, text := range texts {
		digests = append(digests, digestOf(t, text))
	}
	commit := func(number int) (bool, error) {
		tag, err := h.pool.Exec(t.Context(), strings.ReplaceAll(`
			WITH won AS (UPDATE @.chain SET seq = seq + 1 WHERE policy = $1 RETURNING seq)
			INSERT INTO @.committed SELECT seq, $2 FROM won`, "@", h.schema), digests[number], number)
		return tag.RowsAffected() == 1, err
	}
	var done atomic.Bool
	var conflicts atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { // a replica that hears of a change only by its conflicts
			number, ok, err := 0, false, error(nil)
			for !done.Load() || !ok || number < len(texts)-1 {
				ok, err = commit(number)
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					conflicts.Add(1)
					number = slices.Index(digests, h.inForce())
				}
			}
		})
	}
	for n := range texts[1:] {
		for before := h.number(`SELECT count(*) FROM @.committed`); h.number(`SELECT count(*) FROM @.committed`) < before+5; {
		}
		if err := h.Install(t.Context(), installation(t, texts[n], texts[n+1], uint64(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	all.Wait()
	if n := h.number(`SELECT count(*) FROM @.committed a JOIN @.committed b ON a.seq < b.seq AND a.number > b.number`); n > 0 {
		t.Errorf("%d commits of an older version came behind one of a newer", n)
	}
	if conflicts.Load() == 0 || h.number(`SELECT count(DISTINCT number) FROM @.committed`) != len(texts) {
		t.Error("nothing was raced: the test shows nothing")
	}
}

// The lock that orders commits is held for the last statement, not for all rows.
func TestInstallLetsCommitsThroughWhileItWritesRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	hold, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback(t.Context())
	if _, err := hold.Exec(t.Context(), `LOCK TABLE `+h.schema+`.policy_row IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	installed := make(chan error, 1)
	go func() { installed <- h.Install(t.Context(), installation(t, constitution, amended, 1)) }()
	waitsForALock(h)
	h.must(`UPDATE @.chain SET seq = seq + 1`)
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-installed; err != nil {
		t.Error(err)
	}
}

// waitsForALock returns when somebody in the house's database does.
func waitsForALock(h *house) {
	h.t.Helper()
	for h.number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
		if h.t.Context().Err() != nil {
			return
		}
	}
}

func TestInstallThatIsGivenUpOnChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	hold, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback(t.Context())
	if _, err := hold.Exec(t.Context(), `SELECT FROM `+h.schema+`.chain FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	installed := make(chan error, 1)
	go func() { installed <- h.Install(ctx, installation(t, constitution, amended, 1)) }()
	waitsForALock(h)
	cancel()
	if err := <-installed; !errors.Is(err, moderation.ErrNotApplied) || !errors.Is(err, context.Canceled) {
		t.Errorf("Install = %v", err)
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.holds(constitution, "after it was given up on")
}

func TestTheZeroTableRefusesEverything(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, table := range map[string]*versions.Table{"nil": nil, "zero": {}} {
		_, loadErr := table.Load(ctx)
		_, revisionErr := table.Revision(ctx)
		for verb, err := range map[string]error{
			"Load": loadErr, "Revision": revisionErr,
			"Install":    table.Install(ctx, installation(t, constitution, amended, 1)),
			"Bootstrap":  table.Bootstrap(ctx, load(t, constitution), digestOf(t, constitution)),
			"Restore":    table.Restore(ctx, new(house), "", nil),
			"LoadPolicy": table.CasbinAdapter().LoadPolicy(nil),
		} {
			if err == nil {
				t.Errorf("%s: %s returns nil", name, verb)
			}
		}
		if table.Proposals() != nil {
			t.Errorf("%s: it keeps proposals", name)
		}
	}
}

package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/google/go-cmp/cmp"
)

func TestChangesShareABatchUnlessOneTouchesWhatAnotherWrites(t *testing.T) {
	t.Parallel()
	on := func(c moderation.Change, heads ...string) moderation.Change {
		for _, h := range heads {
			c.Heads = append(c.Heads, moderation.HeadIs{Target: h})
		}
		return c
	}
	relying := func(c moderation.Change, on moderation.Ticket) moderation.Change {
		c.Unchanged = []moderation.TicketIs{{Ticket: on.ID, Revision: on.Revision}}
		return c
	}
	bypass := func(target string) moderation.Ticket {
		t := executing(target, 1)
		t.Step = moderation.StepBypass
		return t
	}
	a, b, c := sample("a"), sample("b"), sample("c")
	sameKey := sample("d")
	sameKey.Action.Key = a.Action.Key
	again := change(sample("e"))
	for name, tt := range map[string]struct {
		changes []moderation.Change
		want    [][]int
	}{
		"on different targets":                  {[]moderation.Change{change(a), change(b), change(c)}, [][]int{{0, 1, 2}}},
		"of one ticket":                         {[]moderation.Change{change(a), change(next(a, moderation.StatusHeld)), change(b)}, [][]int{{0, 2}, {1}}},
		"on one target":                         {[]moderation.Change{change(sample("x")), change(sample("x")), change(sample("y"))}, [][]int{{0, 2}, {1}}},
		"with one key":                          {[]moderation.Change{change(a), change(sameKey)}, [][]int{{0}, {1}}},
		"that both rely on a head":              {[]moderation.Change{on(change(a), "f"), on(change(b), "f")}, [][]int{{0, 1}}},
		"one moves the head the other needs":    {[]moderation.Change{change(sample("f")), on(change(b), "f")}, [][]int{{0}, {1}}},
		"one needs the head the other moves":    {[]moderation.Change{on(change(b), "f"), change(sample("f"))}, [][]int{{0}, {1}}},
		"that both rely on a ticket":            {[]moderation.Change{relying(change(a), c), relying(change(b), c)}, [][]int{{0, 1}}},
		"one moves the ticket the other needs":  {[]moderation.Change{change(next(c, moderation.StatusHeld)), relying(change(b), c)}, [][]int{{0}, {1}}},
		"bypasses of one person":                {[]moderation.Change{change(bypass("a")), change(bypass("b"))}, [][]int{{0}, {1}}},
		"of one record":                         {[]moderation.Change{again, again, change(b)}, [][]int{{0, 2}, {1}}},
		"a change may touch its own things":     {[]moderation.Change{relying(on(change(a), "a"), a)}, [][]int{{0}}},
		"the oldest is never left behind":       {[]moderation.Change{change(a), change(a), change(a)}, [][]int{{0}, {1}, {2}}},
		"without tickets, records go together":  {[]moderation.Change{change(), change()}, [][]int{{0, 1}}},
		"one that waits does not hold up later": {[]moderation.Change{change(a), on(change(b), "a"), change(c), on(change(sample("g")), "c")}, [][]int{{0, 2}, {1, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := postgres.Batches(tt.changes...)
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Errorf("batches (-want +got), %v:\n%s", err, d)
			}
		})
	}
}

func TestABatchIsBounded(t *testing.T) {
	t.Parallel()
	var many, large []moderation.Change
	for range 200 {
		many = append(many, change())
	}
	for range 10 {
		c := change(sample("large" + strings.Repeat("x", len(large))))
		c.Record.Reason = strings.Repeat("x", 900<<10)
		large = append(large, c)
	}
	for name, tt := range map[string]struct {
		changes []moderation.Change
		most    int
	}{"by its changes": {many, 128}, "by its bytes": {large, 4}} {
		got, err := postgres.Batches(tt.changes...)
		if err != nil || len(got[0]) > tt.most || len(got[0]) < 2 {
			t.Errorf("%s: the first batch has %d changes, %v; want at most %d", name, len(got[0]), err, tt.most)
		}
	}
}

func TestInABatchEachChangeHasItsOwnAnswer(t *testing.T) {
	t.Parallel()
	s := open(t)
	old := sample("a")
	again := change(sample("h"))
	for _, c := range []moderation.Change{change(old), change(executing("b", 5)), again} {
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	sameKey := sample("d")
	sameKey.Action.Key = old.Action.Key
	moved := change(sample("e"))
	moved.Heads = []moderation.HeadIs{{Target: "b", Fence: 4}}
	relied := change(sample("f"))
	relied.Unchanged = []moderation.TicketIs{{Ticket: old.ID, Revision: 7}}
	other := change(sample("g"))
	other.Record.ID = s.records(t)[0].ID
	cases := []struct {
		name   string
		change moderation.Change
		fits   bool
	}{
		{"fits", change(sample("1")), true},
		{"a stale revision", change(old), false},
		{"fits", change(executing("2", 1)), true},
		{"a busy target", change(executing("b", 6)), false},
		{"a taken key", change(sameKey), false},
		{"a head that moved", moved, false},
		{"a ticket that moved", relied, false},
		{"another record's ID", other, false},
		{"there already", again, true},
		{"fits", change(), true},
	}
	before := len(s.records(t))
	var changes []moderation.Change
	for _, c := range cases {
		changes = append(changes, c.change)
	}
	errs, err := s.CommitTogether(changes...)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if got := errs[i]; (got == nil) != c.fits || !c.fits && !errors.Is(got, moderation.ErrConflict) {
			t.Errorf("%d, %s: %v", i, c.name, got)
		}
		if len(c.change.Tickets) == 0 || c.name == "a stale revision" {
			continue
		}
		_, err := s.Ticket(t.Context(), c.change.Tickets[0].ID)
		if stored := err == nil; stored != c.fits {
			t.Errorf("%d, %s: stored %t, %v", i, c.name, stored, err)
		}
	}
	if got := len(s.records(t)) - before; got != 3 {
		t.Errorf("%d records were written, want those of the 3 changes that fit and were not there", got)
	}
	s.verify(t)
}

// What the server can't take of one change is no reason to fail the others.
func TestInABatchAnErrorOfTheServersConcernsItsChangeAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	changes := []moderation.Change{change(sample("a")), change(sample("b")), change(sample("c"))}
	s.exec(t, `CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.id = '`+changes[1].Record.ID+`' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER picky BEFORE INSERT ON interlock.outbox FOR EACH ROW EXECUTE FUNCTION picky()`)
	errs, err := s.CommitTogether(changes...)
	if err != nil {
		t.Fatal(err)
	}
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], audit.ErrNoRoom) {
		t.Errorf("answers %v, want nil, ErrNoRoom, nil", errs)
	}
	s.verify(t)
}

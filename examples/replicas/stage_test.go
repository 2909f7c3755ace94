package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
	"github.com/elevenminutes/interlock/moderation"
)

// stage is a database and three replicas, of which some are killed.
type stage struct {
	*testing.T
	dir     string
	dsn     string
	pool    *pgxpool.Pool
	alive   []*process // the next one to be killed first
	started int
	load    *load
	table   bytes.Buffer
	rows    *tabwriter.Writer
}

func newStage(t *testing.T) *stage {
	server, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &stage{T: t, dir: t.TempDir(), dsn: server.DSN("postgres"), load: newLoad(nil)}
	s.rows = tabwriter.NewWriter(&s.table, 0, 0, 2, ' ', 0)
	if s.pool, err = pgxpool.New(t.Context(), s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	t.Cleanup(func() {
		for _, p := range s.alive {
			_ = p.kill()
		}
	})
	s.replaceTheDead()
	if err := service.Seed(t.Context(), s.pool, 40_000); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) replaceTheDead() {
	s.Helper()
	for len(s.alive) < 3 {
		s.started++
		p, err := start(s.Context(), fmt.Sprint("replica-", s.started), s.dsn, "127.0.0.1:0", s.dir, "-handler", "2s")
		if err != nil {
			s.Fatal(err)
		}
		s.alive = append(s.alive, p)
	}
}

// row prints how long it took until a ticket had come to its end.
func (s *stage) row(name string, status moderation.Status, killed time.Time) {
	fmt.Fprintf(s.rows, "  %s\t%s after\t%v\n", name, status, time.Since(killed).Round(10*time.Millisecond))
}

// conclude holds all that must hold.
func (s *stage) conclude() {
	s.rows.Flush()
	s.Logf("killed while the ticket is ...\n%s", s.table.String())
	var out bytes.Buffer
	err := conclude(s.Context(), options{dir: s.dir}, &scene{pool: s.pool, replicas: s.alive}, s.load, 0, 0, &out)
	s.Log(out.String())
	if err != nil {
		s.Fatal(err)
	}
	if !strings.Contains(out.String(), "verifies: ") {
		s.Error("the trail was not verified")
	}
}

// eventually waits until something holds.
func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !holds(); pause(s.Context(), 5*time.Millisecond) {
		if time.Now().After(end) || s.Context().Err() != nil {
			s.Fatalf("after a minute it does not hold: %s", what)
		}
	}
}

func (s *stage) find(sql string, args ...any) (found string) {
	s.Helper()
	if err := s.pool.QueryRow(s.Context(), `SELECT coalesce((`+sql+`), '')`, args...).Scan(&found); err != nil {
		s.Fatal(err)
	}
	return found
}

// scenario is one ticket and what is done about it.
type scenario struct {
	*stage
	account int
	ticket  string
	digest  string
	killed  time.Time
}

func (x *scenario) action() map[string]any {
	return map[string]any{"target": fmt.Sprint("@user", x.account), "reason": "spam", "key": fmt.Sprint("report-", x.account)}
}

func (x *scenario) undo() map[string]any {
	return map[string]any{"reason": "a mistake", "key": fmt.Sprint("appeal-", x.account)}
}

// ask asks a replica.
func (x *scenario) ask(n int, path, actor string, body any) (service.Answer, int) {
	x.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		x.Fatal(err)
	}
	answer, status, err := x.load.postTo(x.Context(), x.alive[n], path, actor, text)
	if err != nil {
		x.Fatal(err)
	}
	return answer, status
}

// begin asks the replica that will be killed, and expects no answer.
func (x *scenario) begin(path, actor string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		x.Fatal(err)
	}
	asked := x.alive[0]
	go x.load.postTo(x.Context(), asked, path, actor, text) //nolint:errcheck // it is killed
}

// requested asks for what needs a lead.
func (x *scenario) requested() {
	x.Helper()
	x.asked(http.StatusAccepted)
}

func (x *scenario) executed() {
	x.Helper()
	x.asked(http.StatusOK)
}

func (x *scenario) asked(want int) {
	x.Helper()
	answer, status := x.ask(0, "/tickets", "mia", x.action())
	if status != want {
		x.Fatalf("the request is answered with %d: %+v", status, answer)
	}
	x.ticket, x.digest = answer.Ticket, answer.Digest
}

// post is a step about the ticket. A replica may have to try again after another
// was killed.
func (x *scenario) post(n int, step, actor string, body any, want int) {
	x.Helper()
	x.eventually(step, func() bool {
		answer, status := x.ask(n, "/tickets/"+x.ticket+step, actor, body)
		if status != want && status != http.StatusServiceUnavailable && status != http.StatusAccepted {
			x.Fatalf("%s is answered with %d: %+v", step, status, answer)
		}
		return status == want
	})
}

// same wants the same request at another replica to be about the same ticket.
func (x *scenario) same(want moderation.Status) {
	x.Helper()
	if answer, _ := x.ask(0, "/tickets", "mia", x.action()); answer.Status != want || x.ticket != "" && answer.Ticket != x.ticket {
		x.Errorf("the same key elsewhere: %+v, want ticket %s, %s", answer, x.ticket, want)
	}
}

func (x *scenario) signal(signal syscall.Signal, which ...int) {
	x.Helper()
	for _, n := range which {
		if err := x.alive[n].command.Process.Signal(signal); err != nil {
			x.Fatal(err)
		}
	}
}

// kill kills the first replica in a status that the database confirms.
func (x *scenario) kill(in moderation.Status) {
	x.Helper()
	if is := x.status(); is != in {
		x.Fatalf("the ticket is %s, not %s", is, in)
	}
	if err := x.alive[0].kill(); err != nil {
		x.Fatal(err)
	}
	x.alive, x.killed = x.alive[1:], time.Now()
}

// killAfterTheDeed kills the first replica when what it does to the account is
// committed and its outcome can't be.
func (x *scenario) killAfterTheDeed(begin func()) {
	x.Helper()
	before := x.deeds()
	account := x.hold("service.account")
	begin()
	x.waits("service.account")
	chain := x.hold("interlock.chain")
	account()
	x.eventually("the account is changed", func() bool { return x.deeds() != before })
	x.waits("interlock")
	x.kill(x.status())
	chain()
}

// deeds is what was done to the account.
func (x *scenario) deeds() string {
	return x.find(`SELECT string_agg(ticket || lifted, ' ') FROM service.suspension WHERE account = $1`, fmt.Sprint("u", x.account))
}

func (x *scenario) status() moderation.Status {
	x.Helper()
	return moderation.Status(x.find(`SELECT status FROM interlock.ticket WHERE key = $1`, x.action()["key"]))
}

func (x *scenario) until(want moderation.Status) {
	x.Helper()
	x.eventually("the ticket is "+string(want), func() bool { return x.status() == want })
}

// settledUndo waits until the undo has come to an end.
func (x *scenario) settledUndo(want moderation.Status) {
	x.Helper()
	x.eventually("the undo is "+string(want), func() bool {
		return x.find(`SELECT status FROM interlock.ticket WHERE key = $1`, x.undo()["key"]) == string(want)
	})
}

// hold locks the row of the account, or that of the chain, until release.
func (x *scenario) hold(table string) (release func()) {
	x.Helper()
	tx, err := x.pool.Begin(x.Context())
	if err != nil {
		x.Fatal(err)
	}
	where := ``
	if table == "service.account" {
		where = fmt.Sprintf(` WHERE id = 'u%d'`, x.account)
	}
	if _, err := tx.Exec(x.Context(), `SELECT FROM `+table+where+` FOR UPDATE`); err != nil {
		x.Fatal(err)
	}
	return func() { _ = tx.Rollback(x.Context()) }
}

// waits waits until the first replica waits for a lock in a statement that has
// this text.
func (x *scenario) waits(text string) {
	x.Helper()
	name := x.alive[0].name
	x.eventually(name+" waits", func() bool {
		return x.find(`SELECT 'yes' FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1 AND strpos(query, $2) > 0 LIMIT 1`, name, text) != ""
	})
}

// whoWaits waits until a replica that is alive does, and returns its place.
func (x *scenario) whoWaits(text string) (place int) {
	x.Helper()
	x.eventually("somebody waits", func() bool {
		name := x.find(`SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, $1) > 0 LIMIT 1`, text)
		place = slices.IndexFunc(x.alive, func(p *process) bool { return p.name == name })
		return place >= 0
	})
	return place
}

// first makes another replica the next one to be killed.
func (x *scenario) first(place int) {
	x.alive[0], x.alive[place] = x.alive[place], x.alive[0]
}

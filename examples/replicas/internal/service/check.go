package service

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// undo tells which tickets take another one back, and byLead those in which a
	// lead took part.
	undo   = `(convert_from(t.state, 'UTF8')::jsonb ? 'undoes')`
	byLead = `EXISTS (SELECT FROM interlock.involved i WHERE i.ticket = t.id AND i.person IN ('lena', 'luis'))`
)

// claims are what must hold of a service at rest. Each finds the tickets of
// which it does not.
var claims = []struct{ text, violations string }{
	{"no handler was started twice for a ticket",
		`SELECT ticket FROM service.call GROUP BY ticket HAVING count(*) > 1`},
	{"no handler was started without an intent on record",
		`SELECT ticket FROM service.call EXCEPT ` + recorded("intent")},
	{"every intent has an outcome on record, or was withdrawn before any handler started",
		recorded("intent") + ` EXCEPT (` + recorded("outcome") + ` UNION ` + recorded("resolved") + ` UNION (` + withdrawn + ` EXCEPT SELECT ticket FROM service.call))`},
	{"what is executed stands, or was lifted by its undo",
		`SELECT t.id FROM interlock.ticket t LEFT JOIN service.suspension s ON s.ticket = t.id
		 WHERE NOT ` + undo + ` AND t.kind = 'account.suspend' AND (t.status = 'executed' AND s.lifted IS DISTINCT FROM '' OR t.status = 'undone' AND coalesce(s.lifted, '') = '')`},
	{"what stands was executed",
		`SELECT s.ticket FROM service.suspension s LEFT JOIN interlock.ticket t ON t.id = s.ticket
		 WHERE s.lifted = '' AND t.status IS DISTINCT FROM 'executed'`},
	{"nothing was done without a lead that the policy of its decision wants one for",
		`SELECT t.id FROM ` + intents + ` JOIN interlock.ticket t ON t.id = i.ticket JOIN service.account a ON a.id = t.target
		 WHERE t.kind = 'account.suspend' AND NOT ` + undo + ` AND NOT ` + byLead + ` AND EXISTS (
			SELECT FROM interlock.policy_row p WHERE p.version = i.version AND p.type = 'p2'
			AND p.fields[1:3] = ARRAY['request', 'account.suspend', a.tier] AND p.fields[6] = 'lead')`},
	{"no intent was decided under a policy that was no longer in force",
		`SELECT ticket FROM (
			SELECT ticket, version, max(version) OVER (ORDER BY seq) AS newest FROM (
				SELECT seq, ticket, version FROM ` + intents + ` UNION ALL
				SELECT o.seq, '', v.number FROM interlock.outbox o JOIN interlock.policy_version v
				ON v.ticket = convert_from(o.body, 'UTF8')::jsonb->>'ticket' AND convert_from(o.body, 'UTF8')::jsonb->>'event' = 'outcome'
			) known
		 ) ordered WHERE version < newest`},
}

// intents are the intents in the order of their commits, with the version of the
// policy under which each was decided.
const intents = `(SELECT o.seq, r->>'ticket' AS ticket, v.number AS version
	FROM (SELECT seq, convert_from(body, 'UTF8')::jsonb AS r FROM interlock.outbox) o
	JOIN interlock.policy_version v ON v.digest = r->'decision'->>'policy' WHERE r->>'event' = 'intent') i`

// withdrawn selects the tickets that were refused after their intent: where the
// answer to its commit is lost, nobody knows whether it is on record, and the guard
// takes it back.
const withdrawn = `SELECT id FROM interlock.ticket WHERE status = 'refused'`

// recorded selects the tickets of which an event is on record.
func recorded(event string) string {
	return `SELECT r->>'ticket' FROM (SELECT convert_from(body, 'UTF8')::jsonb AS r FROM interlock.outbox) o WHERE r->>'event' = '` + event + `'`
}

// Claim is something that must hold, and the tickets of which it does not.
type Claim struct {
	Text       string
	Violations []string
}

// Check holds what is in the database against what must be true of it once
// nothing is under way. The records must not have been pruned.
func Check(ctx context.Context, pool *pgxpool.Pool) ([]Claim, error) {
	var checked []Claim
	for _, c := range claims {
		rows, err := pool.Query(ctx, c.violations)
		if err != nil {
			return nil, fmt.Errorf("checking that %s: %w", c.text, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("checking that %s: %w", c.text, err)
		}
		checked = append(checked, Claim{c.text, found})
	}
	return checked, nil
}

// Figures are what the database says has happened.
type Figures struct {
	Statuses   map[string]int // tickets by status
	ByReplica  map[string]int // handler calls by replica
	Settled    int            // tickets whose outcome somebody else found out after a crash
	AtWork     int            // tickets that are executing or unknown now
	Unrelayed  int            // records that the trail does not have yet
	Records    int
	Waiting    int // tickets that wait for approval or for their moment
	Undone     int
	Versions   int // of the policy
	ByApproval int // executed after a lead's approval
}

// Count reads the figures.
func Count(ctx context.Context, pool *pgxpool.Pool) (Figures, error) {
	f := Figures{Statuses: map[string]int{}, ByReplica: map[string]int{}}
	for into, query := range map[*map[string]int]string{
		&f.Statuses:  `SELECT status, count(*) FROM interlock.ticket GROUP BY 1`,
		&f.ByReplica: `SELECT replica, count(*) FROM service.call GROUP BY 1`,
	} {
		rows, err := pool.Query(ctx, query)
		if err != nil {
			return f, err
		}
		var name string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { (*into)[name] = n; return nil }); err != nil {
			return f, err
		}
	}
	f.AtWork = f.Statuses["executing"] + f.Statuses["unknown"]
	f.Waiting = f.Statuses["pending"] + f.Statuses["held"]
	f.Undone = f.Statuses["undone"]
	err := pool.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM (`+recorded("resolved")+`) r),
		       (SELECT count(*) FROM interlock.ticket t WHERE status IN ('executed', 'undone') AND NOT `+undo+` AND `+byLead+`),
		       (SELECT count(*) FROM interlock.policy_version),
		       c.seq, c.seq - coalesce((SELECT min(seq) FROM interlock.relay), 0)
		FROM interlock.chain c`).Scan(&f.Settled, &f.ByApproval, &f.Versions, &f.Records, &f.Unrelayed)
	return f, err
}

// Seed makes accounts and staff for a demonstration: every tenth account is
// newsworthy. Accounts that are there already stay as they are.
func Seed(ctx context.Context, pool *pgxpool.Pool, accounts int) error {
	_, err := pool.Exec(ctx, `
		INSERT INTO service.account (id, handle, tier, followers)
		SELECT 'u' || n, '@user' || n, CASE WHEN n % 10 = 0 THEN 'newsworthy' ELSE 'standard' END, n
		FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING`, accounts)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `
		INSERT INTO service.staff (login, person)
		SELECT name, name FROM unnest('{mia,max,moe,lena,luis,pia,paul}'::text[]) name ON CONFLICT DO NOTHING`)
	return err
}

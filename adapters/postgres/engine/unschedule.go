package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

var _ postgres.Unscheduler = (*Scheduler)(nil)

// unscheduling deletes jobs whose moments lie ahead. One that somebody is at
// comes to its end by itself: nobody is waited for. It finds them by River's
// index of arguments.
const unscheduling = `DELETE FROM @schema@.river_job WHERE id IN (
	SELECT id FROM @schema@.river_job
	WHERE args @> ANY ($1::jsonb[]) AND kind = '` + kind + `' AND state = 'scheduled'
	FOR UPDATE SKIP LOCKED)`

// Unschedule deletes, with one statement, the jobs of revisions that nobody
// needs any more, where they have not begun. Those that it misses find that
// their ticket moved on.
func (s *Scheduler) Unschedule(ctx context.Context, conn *pgx.Conn, replaced []postgres.Moment) error {
	if s == nil || s.client == nil {
		return errors.New("engine: the Scheduler was not made by NewScheduler")
	}
	args := make([]string, len(replaced))
	for i, m := range replaced {
		if m.Ticket == "" || m.Revision == 0 { // would match more than one revision's
			return fmt.Errorf("engine: moment %d of %d names no revision of a ticket", i+1, len(replaced))
		}
		a, err := json.Marshal(AdvanceArgs{Ticket: m.Ticket, Revision: m.Revision})
		if err != nil {
			return fmt.Errorf("engine: unscheduling ticket %.60q: %w", m.Ticket, err)
		}
		args[i] = string(a)
	}
	if _, err := conn.Exec(ctx, s.in(unscheduling), args); err != nil {
		return fmt.Errorf("engine: unscheduling %d moments: %w", len(replaced), err)
	}
	return nil
}

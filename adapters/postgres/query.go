package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5"
)

// page is how many tickets are read at a time: neither all of a long answer is
// in memory nor is a connection held while the caller is at it.
const page = 128

// Tickets implements [moderation.Store]. What it yields is the newest at some
// moment while the sequence is read: the tickets come in pages of 128, each as
// of one moment.
func (s *Store) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		if s == nil || s.pool == nil {
			yield(moderation.Ticket{}, errZero)
			return
		}
		if !storableQuery(q) { // which no ticket matches
			return
		}
		if err := s.read(ctx, q, yield); err != nil {
			yield(moderation.Ticket{}, err)
		}
	}
}

func storableQuery(q moderation.Query) bool {
	for _, text := range []string{q.Requester, q.Key, q.Person, q.Target, q.Kind, q.Mandate} {
		if !storable(text) {
			return false
		}
	}
	return true
}

// read yields page after page.
func (s *Store) read(ctx context.Context, q moderation.Query, yield func(moderation.Ticket, error) bool) error {
	from, err := s.place(ctx, q.After)
	if err != nil {
		return err
	}
	left := q.Limit
	for {
		most := page
		if q.Limit > 0 {
			most = min(most, left)
		}
		found, err := s.page(ctx, q, from, most)
		if err != nil {
			return err
		}
		for _, f := range found {
			t, err := decode(f.state)
			if err != nil {
				return err
			}
			if !yield(t, nil) {
				return nil
			}
		}
		if left -= len(found); len(found) < most || q.Limit > 0 && left <= 0 {
			return nil
		}
		from = found[len(found)-1].place
	}
}

// place is where a ticket stands in the order of a query.
type place struct{ due, requested, id string }

// row is a ticket and its place.
type row struct {
	place
	state []byte
}

// place finds where a page continues; the zero place for the start.
func (s *Store) place(ctx context.Context, after string) (p place, err error) {
	if after == "" {
		return place{}, nil
	}
	err = pgx.ErrNoRows
	if storable(after) {
		err = s.pool.QueryRow(ctx, inSchema(s.sql.schema, `SELECT coalesce(due, ''), requested, id FROM @schema@.ticket WHERE id = $1`), after).Scan(&p.due, &p.requested, &p.id)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return place{}, fmt.Errorf("postgres: Query.After: %w: %.60q", moderation.ErrNoTicket, after)
	case err != nil:
		return place{}, fmt.Errorf("postgres: reading where a page continues: %w", err)
	}
	return p, nil
}

// page reads the next tickets behind a place.
func (s *Store) page(ctx context.Context, q moderation.Query, from place, most int) ([]row, error) {
	sql, arguments := question(q, from, most)
	rows, err := s.pool.Query(ctx, inSchema(s.sql.schema, sql), arguments...)
	if err != nil {
		return nil, fmt.Errorf("postgres: reading tickets: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (one row, err error) {
		return one, r.Scan(&one.due, &one.requested, &one.id, &one.state)
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: reading tickets: %w", err)
	}
	return found, nil
}

// question is a query as the database understands it. What it selects by leads
// to an index that has the order already, so that a page costs what it returns.
func question(q moderation.Query, from place, most int) (sql string, arguments []any) {
	var where []string
	and := func(condition string, values ...any) {
		for _, v := range values {
			arguments = append(arguments, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(arguments)), 1)
		}
		where = append(where, condition)
	}
	text := func(column, value string) {
		if value != "" {
			and(column+" = ?", value)
		}
	}
	text("t.actor", q.Requester)
	text("t.key", q.Key)
	text("t.target", q.Target)
	text("t.kind", q.Kind)
	if q.Mandate != "" {
		and("t.mandate <> '' AND t.mandate = ?", q.Mandate)
	}
	if len(q.Status) > 0 {
		and("t.status = ANY(?)", storableStatuses(q.Status))
	}
	if onlyUnfinished(q) {
		and("t.status IN ('pending', 'held', 'executing', 'unknown')")
	}
	if q.Owed {
		and("t.owes")
	}
	source, order := "@schema@.ticket t", "t.requested, t.id"
	switch {
	case q.Person == "":
	case onlyUnfinished(q), q.Owed, q.Target != "", q.Mandate != "", !q.DueBy.IsZero():
		// These are fewer than a person's: the OFFSET keeps the server from
		// going through all of the person's instead.
		and("EXISTS (SELECT FROM @schema@.involved i WHERE i.person = ? AND i.requested = t.requested AND i.ticket = t.id OFFSET 0)", q.Person)
	default:
		source, order = "@schema@.involved i JOIN @schema@.ticket t ON t.id = i.ticket AND t.requested = i.requested", "i.requested, i.ticket"
		and("i.person = ?", q.Person)
	}
	switch {
	case !q.DueBy.IsZero():
		order = "t.due, t.requested, t.id"
		and("t.due <= ?", moment(q.DueBy))
		if from.id != "" {
			and("(t.due, t.requested, t.id) > (?, ?, ?)", from.due, from.requested, from.id)
		}
	case from.id != "":
		and("("+order+") > (?, ?)", from.requested, from.id)
	}
	filter := ""
	if len(where) > 0 {
		filter = " WHERE " + strings.Join(where, " AND ")
	}
	return "SELECT coalesce(t.due, ''), t.requested, t.id, t.state FROM " + source + filter + " ORDER BY " + order + " LIMIT " + strconv.Itoa(most), arguments
}

// onlyUnfinished reports whether a query wants only tickets that wait or are at
// work.
func onlyUnfinished(q moderation.Query) bool {
	return len(q.Status) > 0 && !slices.ContainsFunc(q.Status, func(s moderation.Status) bool {
		return !s.Waiting() && s != moderation.StatusExecuting && s != moderation.StatusUnknown
	})
}

// storableStatuses leaves out what no ticket can have.
func storableStatuses(all []moderation.Status) []string {
	texts := []string{}
	for _, s := range all {
		if storable(string(s)) {
			texts = append(texts, string(s))
		}
	}
	return texts
}

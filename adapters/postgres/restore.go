package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// Restore brings a store that was put back from a backup up to a trail that is
// ahead of it: it commits, in their order, the records that the store does not
// have, with the tickets that they carry. Records that it has are left alone,
// so the trail may be given from its start or from anywhere before the backup,
// and Restore may be called again after an error. It returns how many records
// it was given, and the error that ended it; those before it are durable. A
// record that does not follow from what the store has is moderation.ErrConflict.
//
// It is to be called before any guard or relay uses the store. What the trail
// does not have, since no relay had moved it yet, is lost; so tickets that were
// being executed are unknown, as after any crash, once they are advanced.
func (s *Store) Restore(ctx context.Context, records iter.Seq2[audit.Record, error]) (read int, err error) {
	if s == nil || s.pool == nil {
		return 0, errZero
	}
	r := &restorer{store: s, taken: make(claims)}
	for record, err := range records {
		if err != nil {
			return r.count, errors.Join(fmt.Errorf("postgres: reading the trail: %w", err), r.flush(ctx))
		}
		if err := r.add(ctx, record); err != nil {
			return r.count, err
		}
	}
	return r.count, r.flush(ctx)
}

// restorer collects records as long as none touches what one before it did, so
// that they can be written together and stay in their order.
type restorer struct {
	store *Store
	batch []*request
	taken claims
	size  int
	count int
}

func (r *restorer) add(ctx context.Context, record audit.Record) error {
	tickets, err := ticketsIn(record)
	if err != nil {
		return err
	}
	e, err := encode(moderation.Change{Tickets: tickets, Record: record})
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if len(r.batch) == maxBatch || r.size > maxBatchBytes || !r.taken.admit(e) {
		if err := r.flush(ctx); err != nil {
			return err
		}
		r.taken.admit(e)
	}
	r.batch, r.size = append(r.batch, newRequest(e)), r.size+e.size
	r.count++
	return nil
}

// flush writes what was collected.
func (r *restorer) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.store.write(r.batch)
	var errs []error
	for _, one := range r.batch {
		errs = append(errs, <-one.answer)
	}
	r.batch, r.size = r.batch[:0], 0
	clear(r.taken)
	return errors.Join(errs...)
}

// ticketsIn are the tickets that a record carries.
func ticketsIn(record audit.Record) ([]moderation.Ticket, error) {
	if len(record.State) == 0 {
		return nil, nil
	}
	var state struct {
		Tickets []moderation.Ticket `json:"tickets"`
	}
	d := json.NewDecoder(bytes.NewReader(record.State))
	d.DisallowUnknownFields()
	if err := d.Decode(&state); err != nil {
		return nil, fmt.Errorf("postgres: record %.64q: its state can't be read: %w: %w", record.ID, audit.ErrCorrupt, err)
	}
	return state.Tickets, nil
}

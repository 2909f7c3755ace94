package postgres

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// CommitTogether commits changes in one batch, as if all had been waiting.
func (s *Store) CommitTogether(changes ...moderation.Change) ([]error, error) {
	var batch []*request
	for _, c := range changes {
		e, err := encode(c)
		if err != nil {
			return nil, err
		}
		batch = append(batch, newRequest(e))
	}
	s.write(batch)
	var errs []error
	for _, r := range batch {
		errs = append(errs, <-r.answer)
	}
	return errs, nil
}

// Batches tells how the queue would divide changes that all wait: by their
// position.
func Batches(changes ...moderation.Change) (batches [][]int, err error) {
	position := make(map[*request]int)
	var queue []*request
	for i, c := range changes {
		e, err := encode(c)
		if err != nil {
			return nil, err
		}
		r := newRequest(e)
		position[r], queue = i, append(queue, r)
	}
	for len(queue) > 0 {
		var batch []*request
		batch, queue = next(queue)
		var at []int
		for _, r := range batch {
			at = append(at, position[r])
		}
		batches = append(batches, at)
	}
	return batches, nil
}

// Question is what the database is asked for a query.
func (s *Store) Question(q moderation.Query, behind bool) (string, []any) {
	from := place{}
	if behind {
		from = place{"2017", "2017", "x"}
	}
	sql, arguments := question(q, from, page)
	return inSchema(s.sql.schema, sql), arguments
}

// Page is how many tickets are read at a time.
func Page() int { return page }

// SetPatience sets how long a scheduler may take.
func (s *Store) SetPatience(d time.Duration) { s.patience = d }

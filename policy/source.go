package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// Row is one row of a policy as it was read, not yet understood.
type Row struct {
	// Type is the row's type: p, p2, p3 or g.
	Type string
	// Fields are the columns behind the type.
	Fields []string
	// Source says where the row stands, such as policy.csv:12. Decisions,
	// errors and records name the row by it.
	Source string
}

// String returns the row as a line that [CSV] reads.
func (r Row) String() string {
	var b strings.Builder
	b.WriteString(r.Type)
	for _, field := range r.Fields {
		b.WriteString(", ")
		if strings.ContainsAny(field, "\",") {
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		b.WriteString(field)
	}
	return b.String()
}

// rule returns a row as decisions name it.
func (r Row) rule() moderation.Rule {
	return moderation.Rule{Source: r.Source, Text: r.String()}
}

// clone returns a row that shares nothing with r.
func (r Row) clone() Row {
	r.Fields = slices.Clone(r.Fields)
	return r
}

// Source is where a policy comes from: [File], [CSV], [Adapter], or a host's
// own.
//
// Load returns the whole policy as it is now, or an error; never a part of it,
// and never rows together with an error. It is called again for each reload,
// by one goroutine at a time, and should return soon after ctx is done. The
// rows are copied before they are used.
//
// A source that can tell that somebody edited what it holds returns an
// [*AlteredError], so that this is an alarm and no failed load.
type Source interface {
	Load(ctx context.Context) ([]Row, error)
}

// partialSource is a source of ours, which keeps no hold of its rows. It can go
// on reading behind a row that can't be read, so that all that is wrong is
// reported at once.
type partialSource interface {
	read(ctx context.Context) (rows []Row, unreadable []*RowError, err error)
}

// loaded is what a source answered.
type loaded struct {
	rows       []Row
	unreadable []*RowError
	err        error
}

// loadRows asks a source for its rows. A source that panics, ends its
// goroutine or does not answer while ctx lasts has failed.
func loadRows(ctx context.Context, source Source) ([]Row, []*RowError, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("load: %w", err)
	}
	answer := make(chan loaded, 1)
	go func() {
		got := loaded{err: errors.New("the source ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				got = loaded{err: fmt.Errorf("the source panicked: %v", p)}
			}
			answer <- got
		}()
		got = load(ctx, source)
	}()
	select {
	case got := <-answer:
		if got.err != nil {
			return nil, nil, fmt.Errorf("load: %w", got.err)
		}
		return got.rows, got.unreadable, nil
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("load: the source did not answer: %w", ctx.Err())
	}
}

// load returns rows that share nothing that the source could change.
func load(ctx context.Context, source Source) loaded {
	var got loaded
	if partial, ok := source.(partialSource); ok {
		if got.rows, got.unreadable, got.err = partial.read(ctx); got.err != nil {
			return loaded{err: got.err}
		}
		return got
	}
	rows, err := source.Load(ctx)
	if err != nil {
		return loaded{err: err}
	}
	var room columnRoom
	got.rows = make([]Row, len(rows))
	for i, r := range rows {
		got.rows[i] = r
		got.rows[i].Fields = room.take(len(r.Fields))
		copy(got.rows[i].Fields, r.Fields)
	}
	return got
}

package limit

import (
	"context"
	"reflect"

	"github.com/elevenminutes/interlock/policy"
)

// restart begins a new epoch of the buckets, unless another has.
func (l *Limiter) restart(ctx context.Context) error {
	_, err := l.pool.Exec(ctx, l.sql("SELECT @schema@.limit_restart_1($1)"), l.now())
	return err
}

// register makes known what a policy counts unfinished tickets by.
func (l *Limiter) register(ctx context.Context, p *policy.Policy) error {
	var columns [6][]string
	for _, m := range p.Meters() {
		if m.Unit != unitOpen {
			continue
		}
		for i, text := range []string{m.Name, string(m.Step), m.Per, string(m.Scope.Kind), string(m.Scope.Tier), string(m.Scope.Domain)} {
			columns[i] = append(columns[i], text)
		}
	}
	_, err := l.pool.Exec(ctx, l.sql("SELECT @schema@.limit_register_1($1, $2, $3, $4, $5, $6)"),
		columns[0], columns[1], columns[2], columns[3], columns[4], columns[5])
	return err
}

// isNil reports whether an interface holds nothing that could be called.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

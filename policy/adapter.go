package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// Adapter returns a policy that a Casbin adapter loads, into a model with the
// row types of [Model]. Rows are named after name, their type and their place
// among the rows of that type, counted from 1: name:p[3]. The adapter is used
// by one load at a time and only for loading; one that is a
// persist.ContextAdapter is given the load's context. One that does not answer
// while the context lasts is left behind, and its goroutine with it.
//
// An adapter that hides what it could not load is refused: before its rows are
// used for the first time, it must have failed to load them into a model
// without row types. Casbin's string adapter is such a one; use [CSV]. An
// adapter that says that it loaded only a part (IsFiltered) is refused too.
//
// Columns are taken as the adapter gives them: white space around one is an
// error.
func Adapter(name string, a persist.Adapter) Source {
	return &adapter{name: name, adapter: a}
}

type adapter struct {
	name    string
	adapter persist.Adapter
	honest  atomic.Bool // it was seen to report what it could not load
}

// Load asks the adapter for its rows.
func (a *adapter) Load(ctx context.Context) ([]Row, error) {
	if typednil.Is(a.adapter) {
		return nil, fmt.Errorf("%s: the Casbin adapter is nil", a.name)
	}
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("%s: the Casbin model: %w", a.name, err)
	}
	if err := a.fill(ctx, m); err != nil {
		return nil, fmt.Errorf("%s: the Casbin adapter: %w", a.name, err)
	}
	if f, ok := a.adapter.(persist.FilteredAdapter); ok && f.IsFiltered() {
		return nil, fmt.Errorf("%s: the Casbin adapter loaded only a part of the policy (IsFiltered)", a.name)
	}
	rows := a.rows(m)
	if len(rows) > 0 && !a.reportsErrors(ctx) {
		return nil, fmt.Errorf("%s: the Casbin adapter %T hides errors, so a row that it can't load would be lost in silence; use policy.CSV or an adapter that returns them", a.name, a.adapter)
	}
	return rows, nil
}

func (a *adapter) fill(ctx context.Context, m model.Model) error {
	if c, ok := a.adapter.(persist.ContextAdapter); ok {
		return c.LoadPolicyCtx(ctx, m)
	}
	return a.adapter.LoadPolicy(m)
}

// reportsErrors loads the policy into a model that can hold no row.
func (a *adapter) reportsErrors(ctx context.Context) bool {
	if a.honest.Load() {
		return true
	}
	err := func() (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("panicked")
			}
		}()
		return a.fill(ctx, model.NewModel())
	}()
	// What a context that is done made fail says nothing about the adapter.
	a.honest.Store(err != nil && ctx.Err() == nil)
	return a.honest.Load()
}

// rows takes the rows out of a model, those of unknown types as well, which
// validation refuses.
func (a *adapter) rows(m model.Model) []Row {
	var rows []Row
	for _, section := range []string{"p", "g"} {
		types := m[section]
		for _, ptype := range slices.Sorted(maps.Keys(types)) {
			for i, fields := range types[ptype].Policy {
				rows = append(rows, Row{
					Type:   ptype,
					Fields: slices.Clone(fields),
					Source: fmt.Sprintf("%s:%s[%d]", a.name, ptype, i+1),
				})
			}
		}
	}
	return rows
}

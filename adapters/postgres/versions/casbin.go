package versions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/elevenminutes/interlock/policy"
)

// ErrReadOnly is returned where Casbin would write the policy. An enforcer that
// is told so leaves its own copy as it was.
var ErrReadOnly = errors.New("versions: the policy is not written through Casbin; propose a version (policy.Changes.Propose) and have its ticket of the kind interlock.policy.change approved")

// CasbinAdapter returns the version in force as a Casbin adapter, for enforcers of
// the host's and for Casbin's tools; a model must have the row types of
// policy.Model. A [policy.Authorizer] takes the Table itself, which can also say
// whether anything has changed.
//
// It loads what [Table.Load] does, and nothing else: a policy that was altered is
// an error and loads no row. LoadPolicy, which is given no context, takes at most
// 30 seconds.
//
// All that would write is refused with [ErrReadOnly]. It could not tell who asks,
// and Casbin takes a success for the edit being in force, which a proposal is not.
func (t *Table) CasbinAdapter() *Adapter { return &Adapter{t} }

// Adapter is a Casbin adapter that reads a [Table]: a persist.Adapter and a
// persist.ContextAdapter. The zero Adapter refuses everything. It may be used by
// many goroutines at once.
type Adapter struct{ table *Table }

var (
	_ persist.Adapter        = (*Adapter)(nil)
	_ persist.ContextAdapter = (*Adapter)(nil)
)

// loadTimeout bounds what Casbin asks without a context.
const loadTimeout = 30 * time.Second

// LoadPolicy adds the rows of the version in force to a model, within 30 seconds.
func (a *Adapter) LoadPolicy(m model.Model) error {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	return a.LoadPolicyCtx(ctx, m)
}

// LoadPolicyCtx adds the rows of the version in force to a model. After an error
// the model may hold a part of them; Casbin throws it away then.
func (a *Adapter) LoadPolicyCtx(ctx context.Context, m model.Model) error {
	if a == nil {
		return errNotOpen
	}
	rows, err := a.table.Load(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := addRow(m, r); err != nil {
			return fmt.Errorf("versions: %s: %w", r.Source, err)
		}
	}
	return nil
}

// addRow refuses what Casbin would take for another row, and so leave out.
func addRow(m model.Model, r policy.Row) error {
	if r.Type == "" {
		return errors.New("the row has no type")
	}
	for _, field := range r.Fields {
		if strings.Contains(field, ",") {
			return fmt.Errorf("a column holds a comma: %.80q", field)
		}
	}
	return persist.LoadPolicyArray(append([]string{r.Type}, r.Fields...), m)
}

// SavePolicy returns [ErrReadOnly].
func (a *Adapter) SavePolicy(model.Model) error { return ErrReadOnly }

// SavePolicyCtx returns [ErrReadOnly].
func (a *Adapter) SavePolicyCtx(context.Context, model.Model) error { return ErrReadOnly }

// AddPolicy returns [ErrReadOnly].
func (a *Adapter) AddPolicy(string, string, []string) error { return ErrReadOnly }

// AddPolicyCtx returns [ErrReadOnly].
func (a *Adapter) AddPolicyCtx(context.Context, string, string, []string) error { return ErrReadOnly }

// RemovePolicy returns [ErrReadOnly].
func (a *Adapter) RemovePolicy(string, string, []string) error { return ErrReadOnly }

// RemovePolicyCtx returns [ErrReadOnly].
func (a *Adapter) RemovePolicyCtx(context.Context, string, string, []string) error {
	return ErrReadOnly
}

// RemoveFilteredPolicy returns [ErrReadOnly].
func (a *Adapter) RemoveFilteredPolicy(string, string, int, ...string) error { return ErrReadOnly }

// RemoveFilteredPolicyCtx returns [ErrReadOnly].
func (a *Adapter) RemoveFilteredPolicyCtx(context.Context, string, string, int, ...string) error {
	return ErrReadOnly
}

package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/elevenminutes/interlock/moderation"
)

// modelVersion is one version of a model and its rows. Nothing in it but the
// list of idle enforcers is changed once it is compiled.
type modelVersion struct {
	config *ModelConfig
	words  *vocabulary
	model  *casbinModel
	asOf   time.Time // when the load began that brought it

	rows    []Row
	digest  string
	policy  map[string][][]string       // the p rows by type, as Casbin orders them
	sources map[*string]moderation.Rule // by the first column of a p row
	graphs  map[string]*roleGraph

	idle sync.Pool // of *asker
}

// compile validates rows and makes what answers of them.
func (v *modelVersion) compile(rows []Row, unreadable []*RowError) error {
	rep := &report{errs: unreadable}
	v.model.checkRows(v.config, rows, rep)
	if len(rep.errs) > 0 {
		return joinRowErrors(rep.errs)
	}
	if err := errors.Join(v.model.checkAllows(rows), v.model.checkOrder(rows)); err != nil {
		return err
	}
	if v.model.checkRoles(rows, rep); len(rep.errs) > 0 {
		return joinRowErrors(rep.errs)
	}
	v.rows, v.digest = rows, v.model.digest(rows)
	v.graphs = v.model.graphs(v.config, rows)
	if err := v.order(rows); err != nil {
		return err
	}
	return v.checkExpressions(rows)
}

// order lets Casbin order the rows, as the effect wants them.
func (v *modelVersion) order(rows []Row) error {
	m := v.model.empty()
	v.policy, v.sources = make(map[string][][]string), make(map[*string]moderation.Rule)
	for _, row := range rows {
		definition := m[row.Type[:1]][row.Type]
		definition.Policy = append(definition.Policy, row.Fields)
		if row.Type[0] == 'p' {
			v.sources[&row.Fields[0]] = row.rule()
		}
	}
	if err := errors.Join(m.SortPoliciesBySubjectHierarchy(), m.SortPoliciesByPriority()); err != nil {
		return fmt.Errorf("casbin can't order the rows: %w", err)
	}
	for name, definition := range m["p"] {
		v.policy[name] = definition.Policy
	}
	return nil
}

// digest returns the SHA-256 of the model and its rows, in hexadecimal.
func (m *casbinModel) digest(rows []Row) string {
	h := sha256.New()
	h.Write(encode([]byte("interlock model v1\n"), Row{Type: m.text}))
	if !m.ordered {
		h.Write([]byte(digest(rows)))
		return hex.EncodeToString(h.Sum(nil))
	}
	for _, row := range rows {
		h.Write(encode(nil, Row{Type: string(encode(nil, row))}))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// asker is an enforcer and the question that it is asked; one goroutine at a
// time uses it.
type asker struct {
	enforcer *casbin.Enforcer
	at       time.Time
	reached  map[reachKey]map[string]bool
}

type reachKey struct{ definition, name, asked, domain string }

// asker returns an enforcer that nobody else uses. The rows are shared, since
// asking does not change them; the roles are ours.
func (v *modelVersion) asker() (*asker, error) {
	if a, ok := v.idle.Get().(*asker); ok {
		return a, nil
	}
	m := v.model.empty()
	for name, rows := range v.policy {
		m["p"][name].Policy = rows
	}
	return newAsker(m, v.graphs, v.config.Functions)
}

func newAsker(m model.Model, graphs map[string]*roleGraph, functions map[string]func(...any) (any, error)) (*asker, error) {
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	a := &asker{enforcer: enforcer, reached: make(map[reachKey]map[string]bool)}
	for name, function := range functions {
		enforcer.AddFunction(name, function)
	}
	for name, graph := range graphs {
		// Without a role manager Casbin calls the function of that name.
		m["g"][name].RM, m["g"][name].CondRM = nil, nil
		enforcer.AddFunction(name, func(args ...any) (any, error) {
			return graph.call(args, func(name2, asked, domain string) (map[string]bool, error) {
				return a.reach(name, graph, name2, asked, domain)
			})
		})
	}
	return a, nil
}

// reach remembers, for one question, what a name reaches.
func (a *asker) reach(definition string, g *roleGraph, name, asked, domain string) (map[string]bool, error) {
	key := reachKey{definition, name, "", domain}
	if g.rules.Match != nil {
		key.asked = asked
	}
	if reached, ok := a.reached[key]; ok {
		return reached, nil
	}
	reached, err := g.reach(name, key.asked, domain, a.at)
	if err == nil {
		a.reached[key] = reached
	}
	return reached, err
}

// verdict is what Casbin answered. The zero verdict denies.
type verdict struct {
	allowed bool
	rules   []moderation.Rule // what allowed or denied; none where nothing matched
}

// ask asks Casbin. It allows nothing without a rule: the row that Casbin names,
// or the matcher where it reads no rows.
func (v *modelVersion) ask(at time.Time, r ModelRequest) (verdict, error) {
	use, err := v.model.definitions(r.Definitions)
	if err != nil {
		return verdict{}, err
	}
	a, err := v.asker()
	if err != nil {
		return verdict{}, err
	}
	a.at = at
	clear(a.reached)
	allowed, row, err := a.enforcer.EnforceEx(append([]any{use}, r.Values...)...)
	if err != nil {
		return verdict{}, fmt.Errorf("casbin: %s", firstLine(err))
	}
	v.idle.Put(a)
	read := v.model.matchers[use.MType]
	switch {
	case read.policy == "" && allowed:
		return verdict{true, []moderation.Rule{{Source: "model:" + use.MType, Text: read.expression}}}, nil
	case read.policy == "" || len(row) == 0:
		return verdict{}, nil
	}
	named, known := v.sources[&row[0]]
	if !known {
		return verdict{}, errors.New("casbin names a row that the policy does not have")
	}
	return verdict{allowed, []moderation.Rule{named}}, nil
}

// definitions returns those to use, where the matcher reads them.
func (m *casbinModel) definitions(d ModelDefinitions) (casbin.EnforceContext, error) {
	use := casbin.EnforceContext{RType: orElse(d.Request, "r"), PType: orElse(d.Policy, "p"), EType: orElse(d.Effect, "e"), MType: orElse(d.Matcher, "m")}
	for section, key := range map[string]string{"r": use.RType, "p": use.PType, "e": use.EType, "m": use.MType} {
		if m.parsed[section][key] == nil {
			return use, fmt.Errorf("the model does not define %s", quote(key))
		}
	}
	read := m.matchers[use.MType]
	if read.request != "" && read.request != use.RType || read.policy != "" && read.policy != use.PType {
		return use, fmt.Errorf("matcher %s reads %s and %s, not %s and %s", use.MType, read.request, read.policy, use.RType, use.PType)
	}
	return use, nil
}

func orElse(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// firstLine leaves out the stack that Casbin puts behind a panic.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

package policy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/constant"
	"github.com/casbin/casbin/v2/model"
)

// casbinModel is a Casbin model, read strictly. It is never changed.
type casbinModel struct {
	text     string
	parsed   model.Model // without rows
	matchers map[string]matcher
	roles    map[string]roleDefinition
	heeds    bool // every effect heeds deny rows
	ordered  bool // an effect goes by the order of rows
	subjects bool // an effect goes by roles
}

// matcher is what one of a model's matchers reads.
type matcher struct {
	request, policy string // the definitions; empty for none
	expression      string
}

// roleDefinition is one of g, g2 and so on.
type roleDefinition struct {
	domains bool // has a third column
	columns int  // all of them
	params  int  // how many of them are in parentheses
}

var (
	definitionKey = regexp.MustCompile(`^([rpgem])([0-9]*)$`)
	columnName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	roleText      = regexp.MustCompile(`^_\s*,\s*_(\s*,\s*_)?(\s*,\s*\(\s*_(\s*,\s*_)*\s*\))?$`)
	textLiteral   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	columnRead    = regexp.MustCompile(`\b([rp][0-9]*)_([A-Za-z0-9_]+)`)
)

// readModel parses a model and refuses what Casbin would ignore, and effects
// that allow whatever no row denies.
func readModel(c ModelConfig) (m *casbinModel, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("casbin panicked: %v", p)
		}
	}()
	written, err := definitionsIn(c.Model)
	if err != nil {
		return nil, err
	}
	parsed, err := model.NewModelFromString(c.Model)
	if err != nil {
		return nil, err
	}
	for key, line := range written {
		if parsed[key[:1]][key] == nil {
			return nil, fmt.Errorf("line %d: Casbin does not read %s; number definitions without a gap (%s, %s2, %s3), none of them blank", line, key, key[:1], key[:1], key[:1])
		}
	}
	m = &casbinModel{text: c.Model, parsed: parsed}
	for _, read := range []func(ModelConfig) error{m.readEffects, m.readColumns, m.readRoles, m.readMatchers, m.checkFunctions} {
		if err := read(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// definitionsIn returns the names that a model defines and their lines. Casbin
// passes over sections and names that it does not know, and takes the last of
// two that are alike.
func definitionsIn(text string) (map[string]int, error) {
	sections := map[string]string{"request_definition": "r", "policy_definition": "p", "role_definition": "g", "policy_effect": "e", "matchers": "m"}
	found := make(map[string]int)
	section, continued, number := "", false, 0
	for line := range strings.Lines(text) {
		line, number = strings.TrimSpace(line), number+1
		header := strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]")
		switch name, _, isDefinition := strings.Cut(line, "="); {
		case line == "" || line[0] == '#' || line[0] == ';':
			continued = false
			continue
		case header && !continued:
			if section = sections[line[1:len(line)-1]]; section == "" {
				return nil, fmt.Errorf("line %d: %s is no section; there are %s", number, line, strings.Join(slices.Sorted(maps.Keys(sections)), ", "))
			}
		case !continued:
			name = strings.TrimSpace(name)
			key := definitionKey.FindStringSubmatch(name)
			if !isDefinition || key == nil || key[1] != section {
				return nil, fmt.Errorf("line %d: %s is no definition of its section; Casbin would pass over it", number, quote(line))
			}
			if first := found[name]; first > 0 {
				return nil, fmt.Errorf("line %d: %s is defined already on line %d", number, name, first)
			}
			found[name] = number
		}
		continued = strings.HasSuffix(line, `\`)
	}
	return found, nil
}

func (m *casbinModel) readEffects(ModelConfig) error {
	m.heeds = true
	for _, key := range slices.Sorted(maps.Keys(m.parsed["e"])) {
		switch m.parsed["e"][key].Value {
		case constant.AllowOverrideEffect:
			m.heeds = false
		case constant.AllowAndDenyEffect:
		case constant.PriorityEffect:
			m.ordered = true
		case constant.SubjectPriorityEffect:
			m.ordered, m.subjects = true, true
		case constant.DenyOverrideEffect:
			return fmt.Errorf("effect %s allows everybody whatever no row denies; write some(where (p.eft == allow)) && !some(where (p.eft == deny))", key)
		default:
			return fmt.Errorf("effect %s is none that Casbin knows", key)
		}
	}
	if m.ordered && m.parsed["e"]["e"].Value == constant.AllowOverrideEffect {
		return errors.New("rows are sorted by the effect e only, by Casbin; give the name e to the effect that goes by priority")
	}
	return nil
}

func (m *casbinModel) readColumns(ModelConfig) error {
	for _, section := range []string{"r", "p"} {
		for _, key := range slices.Sorted(maps.Keys(m.parsed[section])) {
			tokens := m.parsed[section][key].Tokens
			for i, token := range tokens {
				if !columnName.MatchString(strings.TrimPrefix(token, key+"_")) || slices.Contains(tokens[:i], token) {
					return fmt.Errorf("%s: column %d is no name, or named twice", key, i+1)
				}
			}
			if section == "p" && (m.heeds || m.ordered) && !slices.Contains(tokens, key+"_eft") {
				return fmt.Errorf("%s has no column eft, which an effect goes by; Casbin would read every row as one that allows", key)
			}
		}
	}
	return nil
}

func (m *casbinModel) readRoles(c ModelConfig) error {
	m.roles = make(map[string]roleDefinition)
	for _, key := range slices.Sorted(maps.Keys(m.parsed["g"])) {
		definition := m.parsed["g"][key]
		if !roleText.MatchString(definition.Value) {
			return fmt.Errorf("%s = %s: a role definition is _, _ or _, _, _, perhaps with conditions behind it such as (_, _); Casbin would drop further columns in silence", key, definition.Value)
		}
		d := roleDefinition{columns: strings.Count(definition.Value, "_"), params: len(definition.ParamsTokens)}
		d.domains = d.columns-d.params == 3
		holds := c.RoleDefinitions[key].Holds
		if d.params > 0 && holds == nil {
			return fmt.Errorf("%s has conditions, which Casbin takes to hold where no function is given; set ModelConfig.RoleDefinitions[%q].Holds", key, key)
		}
		if d.params == 0 && holds != nil {
			return fmt.Errorf("ModelConfig.RoleDefinitions[%q].Holds: %s has no conditions in parentheses that it could go by", key, key)
		}
		m.roles[key] = d
	}
	for key := range c.RoleDefinitions {
		if _, ok := m.roles[key]; !ok {
			return fmt.Errorf("ModelConfig.RoleDefinitions: the model does not define %s", quote(key))
		}
	}
	if m.subjects && m.parsed["g"]["g"] == nil {
		return errors.New("subjectPriority goes by the roles of g, which the model does not define")
	}
	return nil
}

func (m *casbinModel) readMatchers(ModelConfig) error {
	m.matchers = make(map[string]matcher)
	for _, key := range slices.Sorted(maps.Keys(m.parsed["m"])) {
		read := matcher{expression: m.parsed["m"][key].Value}
		for _, found := range columnRead.FindAllStringSubmatch(textLiteral.ReplaceAllString(read.expression, "''"), -1) {
			name, definition := found[1], m.parsed[found[1][:1]][found[1]]
			if definition == nil || !slices.Contains(definition.Tokens, found[0]) {
				return fmt.Errorf("matcher %s reads %s.%s, which the model does not define", key, name, found[2])
			}
			of := &read.request
			if name[0] == 'p' {
				of = &read.policy
			}
			if *of != "" && *of != name {
				return fmt.Errorf("matcher %s reads both %s and %s; Casbin gives it the values of one", key, *of, name)
			}
			*of = name
		}
		m.matchers[key] = read
	}
	return nil
}

// checkFunctions refuses functions that Casbin would not call: it keeps its own.
func (m *casbinModel) checkFunctions(c ModelConfig) error {
	own := model.LoadFunctionMap()
	names := own.GetFunctions()
	for name, function := range c.Functions {
		if _, taken := names[name]; taken || name == "eval" || m.parsed["g"][name] != nil {
			return fmt.Errorf("ModelConfig.Functions: %s is Casbin's or the model's own name; Casbin would not call the function", quote(name))
		}
		if function == nil || !columnName.MatchString(name) {
			return fmt.Errorf("ModelConfig.Functions[%s] is nil, or its name is none that a matcher can call", quote(name))
		}
	}
	return nil
}

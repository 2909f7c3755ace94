package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

var (
	patternCall = regexp.MustCompile(`\b(regexMatch|keyMatch[2-5]?|keyGet[23]?|ipMatch|globMatch)\s*\([^(),]*,\s*(p[0-9]*_[A-Za-z0-9_]+)`)
	evalCall    = regexp.MustCompile(`\beval\s*\(\s*(p[0-9]*_[A-Za-z0-9_]+)\s*\)`)
)

// callsFunction reports whether an expression calls a function.
func callsFunction(expression, name string) bool {
	return regexp.MustCompile(`\b` + name + `\s*\(`).MatchString(textLiteral.ReplaceAllString(expression, "''"))
}

// checkExpressions reports matchers that can't be read, and rows whose pattern
// or expression can't: Casbin fails every request that reaches such a row.
func (v *modelVersion) checkExpressions(rows []Row) error {
	rep := new(report)
	for _, key := range slices.Sorted(maps.Keys(v.model.matchers)) {
		if err := v.checkMatcher(key); err != nil {
			return err
		}
		read := v.model.matchers[key]
		bare := textLiteral.ReplaceAllString(read.expression, "''")
		for _, call := range patternCall.FindAllStringSubmatch(bare, -1) {
			v.checkColumn(rows, read.policy, call[2], rep, func(value string) error { return tryPattern(call[1], value) })
		}
		for _, call := range evalCall.FindAllStringSubmatch(bare, -1) {
			try, err := v.tryRule(read.policy, call[1])
			if err != nil {
				return err
			}
			v.checkColumn(rows, read.policy, call[1], rep, try)
		}
	}
	if len(rep.errs) > 0 {
		return joinRowErrors(rep.errs)
	}
	return nil
}

// checkMatcher asks with no values: Casbin reads the matcher before it counts
// them.
func (v *modelVersion) checkMatcher(key string) error {
	a, err := v.asker()
	if err != nil {
		return err
	}
	read := v.model.matchers[key]
	use := casbin.EnforceContext{RType: orElse(read.request, "r"), PType: orElse(read.policy, "p"), EType: "e", MType: key}
	if _, err := a.enforcer.Enforce(use); err == nil || !strings.HasPrefix(err.Error(), "invalid request size") {
		return fmt.Errorf("casbin can't read matcher %s: %v", key, err)
	}
	return nil
}

// checkColumn tries each value of a column once.
func (v *modelVersion) checkColumn(rows []Row, rowType, token string, rep *report, try func(value string) error) {
	column := slices.Index(v.model.tokens(rowType), token)
	tried := make(map[string]error)
	for _, row := range rows {
		if row.Type != rowType {
			continue
		}
		value := row.Fields[column]
		err, known := tried[value]
		if !known {
			err = try(value)
			tried[value] = err
		}
		if err != nil {
			rep.add(row, v.model.column(rowType, column), value, "can't be read, and would fail every question that reaches the row: %v", firstLine(err))
		}
	}
}

// tryPattern calls one of Casbin's functions, which take a pattern second and
// panic where it is malformed.
func tryPattern(function, value string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	arguments := []any{"", value}
	switch function {
	case "keyGet2", "keyGet3":
		arguments = append(arguments, "")
	case "ipMatch":
		arguments[0] = "192.0.2.1"
	}
	own := model.LoadFunctionMap()
	_, err = own.GetFunctions()[function](arguments...)
	return err
}

// tryRule returns a function that reads an expression as eval in a matcher
// would.
func (v *modelVersion) tryRule(rowType, token string) (func(value string) error, error) {
	m := v.model.empty()
	m["m"]["m"].Value = "eval(" + token + ")"
	row := make([]string, len(m["p"][rowType].Tokens))
	m["p"][rowType].Policy = [][]string{row}
	a, err := newAsker(m, v.graphs, v.config.Functions)
	if err != nil {
		return nil, err
	}
	column := slices.Index(m["p"][rowType].Tokens, token)
	use := casbin.EnforceContext{RType: "r" + rowType[1:], PType: rowType, EType: "e", MType: "m"}
	if m["r"][use.RType] == nil {
		use.RType = "r"
	}
	values := []any{use}
	for range m["r"][use.RType].Tokens {
		values = append(values, "")
	}
	return func(value string) error {
		row[column] = value
		_, err := a.enforcer.Enforce(values...)
		// That "" has no fields, and the like, says nothing about the row.
		if err != nil && (strings.Contains(err.Error(), "error while parsing eval parameter") || strings.Contains(err.Error(), "No parameter '")) {
			return err
		}
		return nil
	}, nil
}

package policy

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// RowError says what is wrong with one row of a policy and how to mend it.
// [Open] and [Authorizer.Reload] report those of a load together: find the
// first with errors.As, all of them in the list of a
// github.com/hashicorp/go-multierror Error.
type RowError struct {
	Source  string // the row, such as policy.csv:12; the policy where no row is at fault
	Column  string // the column at fault, such as tier; empty for the whole row
	Value   string // what stands there
	Problem string // what is wrong with it, and how to mend it
}

// Error returns the row, the column, the value and the problem. The package's
// name stands before the first row error of a load only.
func (e *RowError) Error() string {
	if e.Column == "" {
		return e.Source + ": " + e.Problem
	}
	return fmt.Sprintf("%s: %s %s: %s", e.Source, e.Column, quote(e.Value), e.Problem)
}

// maxErrorsShown bounds the text of a load's error, not its list.
const maxErrorsShown = 100

// joinRowErrors makes one error of one or more.
func joinRowErrors(rows []*RowError) error {
	all := &multierror.Error{ErrorFormat: formatRowErrors}
	for _, e := range rows {
		all.Errors = append(all.Errors, e)
	}
	return all
}

func formatRowErrors(errs []error) string {
	var b strings.Builder
	if len(errs) == 1 {
		return "the policy has an error: " + errs[0].Error()
	}
	fmt.Fprintf(&b, "the policy has %d errors:", len(errs))
	for i, err := range errs {
		if i == maxErrorsShown {
			fmt.Fprintf(&b, "\n\tand %d more", len(errs)-i)
			break
		}
		b.WriteString("\n\t" + err.Error())
	}
	return b.String()
}

// quote shows a value, cut where it is long.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%.80q…", s)
	}
	return fmt.Sprintf("%q", s)
}

// report collects what is wrong with the rows of a load.
type report struct{ errs []*RowError }

func (r *report) add(row Row, column, value, format string, args ...any) {
	r.errs = append(r.errs, &RowError{row.Source, column, value, fmt.Sprintf(format, args...)})
}

// at is a report about one row, which remembers whether anything was wrong.
type at struct {
	*report
	row     Row
	number  int // the row's place in the policy, from 0
	bad     bool
	columns []string // room for those of a row
}

func (a *at) wrong(column, value, format string, args ...any) {
	a.bad = true
	a.add(a.row, column, value, format, args...)
}

// Package finding holds what a check of the repository reports.
package finding

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one thing that is wrong in one place.
type Finding struct {
	File    string // slash-separated, relative to the repository
	Line    int    // from 1; 0 where the finding is about the whole file
	Message string // what is wrong and, where it is not plain, how to mend it
}

// At returns a finding whose message is formatted as by fmt.Sprintf.
func At(file string, line int, format string, args ...any) Finding {
	return Finding{File: file, Line: line, Message: fmt.Sprintf(format, args...)}
}

// String returns the finding as file:line: message, or file: message.
func (f Finding) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// Sort orders findings by file, line and message.
func Sort(findings []Finding) {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

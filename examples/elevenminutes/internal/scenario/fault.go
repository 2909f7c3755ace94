package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong in a folder.
type Fault struct {
	File   string
	Line   int // from 1; zero where the whole file is meant
	Column int // from 1, in characters; zero where the whole line is meant
	Text   string
}

// Error begins with the position, as compilers write it.
func (f Fault) Error() string {
	switch {
	case f.Line == 0:
		return f.File + ": " + f.Text
	case f.Column == 0:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Faults are all that is wrong in a folder, file by file.
type Faults []Fault

// Error has a line for each fault.
func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, fault := range f {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "\n")
}

// byLine puts the faults of one file in the order of their lines.
func (f Faults) byLine() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f
}

// unknown says that a word is not among those that are allowed, and which may
// have been meant.
func unknown(what, word string, allowed []string) string {
	text := fmt.Sprintf("%q is no %s", word, what)
	if len(allowed) == 0 {
		return text + "; there is none yet"
	}
	if near, ok := nearest(word, allowed); ok {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	const shown = 12
	if len(allowed) > shown {
		return fmt.Sprintf("%s (%s and %d more)", text, strings.Join(allowed[:shown], ", "), len(allowed)-shown)
	}
	return fmt.Sprintf("%s (%s)", text, strings.Join(allowed, ", "))
}

// nearest finds the word that was probably meant: at most a third of the
// letters, or one, differ.
func nearest(word string, among []string) (string, bool) {
	if len(word) > 64 {
		return "", false
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range among {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best, best != ""
}

// distance is how many letters are inserted, left out, changed or swapped with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			changed := 1
			if s[i-1] == t[j-1] {
				changed = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+changed)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}

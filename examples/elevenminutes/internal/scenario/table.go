package scenario

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is a column that a table may have.
type column struct {
	name     string
	required bool
	// fill is what stands where the column is left out.
	fill string
}

// cell is one value of a table and where it stands.
type cell struct {
	text   string
	line   int
	column int
}

// list splits a cell with several values, which spaces part.
func (c cell) list() []string { return strings.Fields(c.text) }

// row is one line of a table: a cell for each column that the table may have.
type row map[string]cell

// parseTable reads CSV with a header line, whose columns may stand in any
// order. Lines that begin with # are comments.
func parseTable(file, text string, columns []column) ([]row, Faults) {
	var faults Faults
	fault := func(line, col int, text string) {
		faults = append(faults, Fault{File: file, Line: line, Column: col, Text: text})
	}
	if !utf8.ValidString(text) {
		fault(0, 0, "is not valid UTF-8")
		return nil, faults
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		fault(headerFault(err))
		return nil, faults
	}
	headLine, _ := r.FieldPos(0)
	names, bad := readHeader(header, columns)
	for i, text := range bad {
		line, col := r.FieldPos(i)
		fault(line, col, text)
	}
	for _, c := range columns {
		if c.required && !slices.Contains(names, c.name) {
			fault(headLine, 0, fmt.Sprintf("the column %s is missing; the header needs %s", c.name, headerText(columns)))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	var rows []row
	for {
		fields, err := r.Read()
		switch {
		case err == io.EOF:
			return rows, faults
		case err != nil:
			fault(csvFault(err)) // what follows a broken quote can't be told apart
			return rows, faults
		}
		line, _ := r.FieldPos(0)
		if len(fields) != len(names) {
			fault(line, 0, fmt.Sprintf("has %d columns; the header has %d (%s)", len(fields), len(names), strings.Join(names, ",")))
			continue
		}
		rows = append(rows, readRow(r, fields, names, columns))
	}
}

func readRow(r *csv.Reader, fields, names []string, columns []column) row {
	cells := make(row)
	line, _ := r.FieldPos(0)
	for _, c := range columns {
		cells[c.name] = cell{text: c.fill, line: line}
	}
	for i, name := range names {
		line, col := r.FieldPos(i)
		cells[name] = cell{text: strings.TrimSpace(fields[i]), line: line, column: col}
	}
	return cells
}

// readHeader returns the names of the columns, and faults by position.
func readHeader(header []string, columns []column) (names []string, bad map[int]string) {
	bad = make(map[int]string)
	allowed := columnNames(columns)
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case !slices.Contains(allowed, name):
			bad[i] = unknown("column", name, allowed)
		case slices.Contains(names, name):
			bad[i] = fmt.Sprintf("the column %s is there twice", name)
		}
		names = append(names, name)
	}
	return names, bad
}

func columnNames(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// headerText shows a header; what need not be there stands in brackets.
func headerText(columns []column) string {
	var b strings.Builder
	for i, c := range columns {
		name := c.name
		if i > 0 {
			name = "," + name
		}
		if !c.required {
			name = "[" + name + "]"
		}
		b.WriteString(name)
	}
	return b.String()
}

func headerFault(err error) (line, col int, text string) {
	if err == io.EOF {
		return 0, 0, "is empty; it needs a header line"
	}
	return csvFault(err)
}

func csvFault(err error) (line, col int, text string) {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return parse.Line, parse.Column, fmt.Sprintf("is not CSV from here on: %v", parse.Err)
	}
	return 0, 0, err.Error()
}

package policy

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Bounds of a policy's text, in bytes.
const (
	maxText = 512 << 20
	maxLine = 8 << 10
)

// File returns a policy in a CSV file, which is read afresh by each load; the
// form is that of [CSV]. The file must be a regular one. Rows are named after
// path as it is given, such as policy.csv:12. Nothing is read before the first
// load.
func File(path string) Source { return file{path} }

type file struct{ path string }

// Load reads the file.
func (f file) Load(ctx context.Context) ([]Row, error) { return wholeLoad(f.read(ctx)) }

func (f file) read(context.Context) ([]Row, []*RowError, error) {
	// Opening a named pipe could block for ever, so look before opening.
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", f.path)
	}
	if info.Size() > maxText {
		return nil, nil, tooLarge(f.path)
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, nil, err
	}
	return parseCSV(f.path, text)
}

// CSV returns a policy in a text. Each line is a row: its type and its columns,
// separated by commas. White space around a column does not count. Columns may
// be quoted as in RFC 4180, but no row goes over a line's end and no column
// holds a comma. Blank lines, and lines that begin with #, are left out. The
// text is UTF-8, with or without a byte order mark; lines end with LF or CRLF.
// Rows are named after name, such as policy.csv:12.
func CSV(name, text string) Source { return inline{name, text} }

type inline struct{ name, text string }

// Load reads the text.
func (c inline) Load(ctx context.Context) ([]Row, error) { return wholeLoad(c.read(ctx)) }

func (c inline) read(context.Context) ([]Row, []*RowError, error) {
	return parseCSV(c.name, []byte(c.text))
}

// wholeLoad keeps Load's promise of all rows or none.
func wholeLoad(rows []Row, unreadable []*RowError, err error) ([]Row, error) {
	if err != nil {
		return nil, err
	}
	if len(unreadable) > 0 {
		return nil, joinRowErrors(unreadable)
	}
	return rows, nil
}

// parseCSV reads line by line, so that each error has its line and an open
// quote swallows no row that follows.
func parseCSV(name string, text []byte) ([]Row, []*RowError, error) {
	if len(text) > maxText {
		return nil, nil, tooLarge(name)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var rows []Row
	var unreadable []*RowError
	for number := 1; len(text) > 0; number++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		row := Row{Source: fmt.Sprintf("%s:%d", name, number)}
		fields, err := parseLine(line)
		switch {
		case err != nil:
			unreadable = append(unreadable, &RowError{Source: row.Source, Problem: err.Error()})
		case len(fields) > 0:
			row.Type, row.Fields = fields[0], fields[1:]
			rows = append(rows, row)
		}
	}
	return rows, unreadable, nil
}

func tooLarge(name string) error {
	return fmt.Errorf("%s has more than %d bytes", name, maxText)
}

// parseLine returns the columns of a line; none for a blank one or a comment.
func parseLine(line []byte) ([]string, error) {
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("the line has %d bytes; at most %d are allowed", len(line), maxLine)
	case !utf8.Valid(line):
		return nil, errors.New("the line is not valid UTF-8")
	case bytes.IndexByte(line, 0) >= 0:
		return nil, errors.New("the line has a NUL byte")
	}
	text := strings.TrimSpace(string(line))
	if text == "" || text[0] == '#' {
		return nil, nil
	}
	fields, err := splitLine(text)
	if err != nil {
		return nil, err
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields, nil
}

func splitLine(text string) ([]string, error) {
	if !strings.Contains(text, `"`) {
		return strings.Split(text, ","), nil
	}
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	fields, err := r.Read()
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		return nil, fmt.Errorf("the line is not CSV: %w at byte %d; quote a whole column, and double the quotes in it", parse.Err, parse.Column)
	}
	return fields, err
}

package policy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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
	return parseCSV(f.path, string(text))
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
	return parseCSV(c.name, c.text)
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
// quote swallows no row that follows. The rows are parts of a few texts and
// lists that they share, so that a million of them is quickly read.
func parseCSV(name, text string) ([]Row, []*RowError, error) {
	if len(text) > maxText {
		return nil, nil, tooLarge(name)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if text == "" {
		return nil, nil, nil
	}
	lines := strings.Count(text, "\n") + 1
	rows := make([]Row, 0, lines)
	var unreadable []*RowError
	var room columnRoom
	sources, ends := new(strings.Builder), make([]int, 0, lines)
	for number := 1; len(text) > 0; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		columns, err := parseLine(line, &room)
		switch {
		case err != nil:
			unreadable = append(unreadable, &RowError{Source: name + ":" + strconv.Itoa(number), Problem: err.Error()})
		case len(columns) > 0:
			rows = append(rows, Row{Type: columns[0], Fields: columns[1:]})
			var digits [20]byte
			sources.WriteString(name)
			sources.WriteByte(':')
			sources.Write(strconv.AppendInt(digits[:0], int64(number), 10))
			ends = append(ends, sources.Len())
		}
	}
	start := 0
	for i, end := range ends {
		rows[i].Source = sources.String()[start:end]
		start = end
	}
	return rows, unreadable, nil
}

// columnRoom hands out room for the columns of rows.
type columnRoom struct{ free []string }

func (r *columnRoom) take(n int) []string {
	if len(r.free) < n {
		r.free = make([]string, max(n, 4096))
	}
	columns := r.free[:n:n]
	r.free = r.free[n:]
	return columns
}

func tooLarge(name string) error {
	return fmt.Errorf("%s has more than %d bytes", name, maxText)
}

// parseLine returns the columns of a line; none for a blank one or a comment.
func parseLine(line string, room *columnRoom) ([]string, error) {
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("the line has %d bytes; at most %d are allowed", len(line), maxLine)
	case !utf8.ValidString(line):
		return nil, errors.New("the line is not valid UTF-8")
	case strings.IndexByte(line, 0) >= 0:
		return nil, errors.New("the line has a NUL byte")
	}
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil, nil
	}
	if strings.IndexByte(line, '"') >= 0 {
		return splitQuoted(line)
	}
	columns := room.take(strings.Count(line, ",") + 1)
	for i := range columns {
		var column string
		column, line, _ = strings.Cut(line, ",")
		columns[i] = strings.TrimSpace(column)
	}
	return columns, nil
}

func splitQuoted(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.TrimLeadingSpace = true
	columns, err := r.Read()
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		return nil, fmt.Errorf("the line is not CSV: %w at byte %d; quote a whole column, and double the quotes in it", parse.Err, parse.Column)
	}
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	return columns, err
}

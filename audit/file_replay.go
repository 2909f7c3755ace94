package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Replay yields the records that were acknowledged when the iteration begins,
// and those that were found at opening, in order. It needs the same memory,
// some 1 MiB, for a file of any length, and may run while records are appended.
//
// It ends with [ErrCorrupt], which names file and line, at a line that is not,
// byte by byte, what a File of this version writes, and where the file ends too
// early; with [ErrClosed] or [ErrFailed] if the file is closed or has failed;
// and with ctx's error when ctx is done before the last record.
func (f *File) Replay(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f.mu.Lock()
		size, err := f.stored, f.usable()
		f.mu.Unlock()
		if err != nil {
			yield(Record{}, err)
			return
		}
		lines := newLineReader(f.path, f.handle, size)
		for {
			r, err := lines.record(ctx)
			if err == io.EOF {
				return
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// errTorn is what a line without its end is.
var errTorn = errors.New("the line has no end")

// lineReader reads the lines of a file up to a size.
type lineReader struct {
	path   string
	buffer *bufio.Reader
	size   int64
	offset int64 // where the next line begins
	number int   // of the last line, from 1
}

func newLineReader(path string, r io.ReaderAt, size int64) *lineReader {
	section := io.NewSectionReader(r, 0, size)
	return &lineReader{path: path, size: size, buffer: bufio.NewReaderSize(section, MaxRecord+1)}
}

// record reads and checks the next record. It returns io.EOF after the last.
func (l *lineReader) record(ctx context.Context) (Record, error) {
	line, err := l.next()
	switch {
	case err == io.EOF:
		return Record{}, err
	case err == errTorn:
		return Record{}, l.corrupt(err)
	case err != nil:
		return Record{}, err
	}
	if err := replaying(ctx); err != nil {
		return Record{}, err
	}
	r, err := decodeStored(line)
	if err != nil {
		return Record{}, l.corrupt(err)
	}
	return r, nil
}

// next returns the next line without its end, which is good until the next call.
// A last line that has no end comes with errTorn.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.buffer.ReadSlice('\n')
	if len(line) > 0 {
		l.number++
	}
	switch {
	case err == nil:
		l.offset += int64(len(line))
		return line[:len(line)-1], nil
	case err == bufio.ErrBufferFull:
		return nil, l.corrupt(fmt.Errorf("it is longer than %d bytes", MaxRecord))
	case err != io.EOF:
		return nil, fmt.Errorf("audit: reading records: %w", err)
	case l.offset+int64(len(line)) != l.size:
		return nil, l.corrupt(fmt.Errorf("the file ends %d bytes too early", l.size-l.offset-int64(len(line))))
	case len(line) > 0:
		return line, errTorn
	}
	return nil, io.EOF
}

// corrupt blames the line that was read last.
func (l *lineReader) corrupt(problem error) error {
	return fmt.Errorf("%w: %s, line %d: %v", ErrCorrupt, l.path, l.number, problem)
}

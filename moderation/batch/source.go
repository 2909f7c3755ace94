package batch

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"os"

	"github.com/elevenminutes/interlock/moderation"
)

// Members names the targets of a batch. It is read several times, and must give
// the same names in the same order each time.
type Members = moderation.MemberSource

// Slice are members in memory. It is not copied: it must not be changed while a
// batch needs it.
type Slice []string

// Members yields the names in their order.
func (s Slice) Members(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range s {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// File is the path of a file with a name on each line, in UTF-8. Lines end with LF
// or CRLF; those that are empty are passed over. A line of more than
// [moderation.MaxName] bytes is an error.
type File string

// Members yields the names in the order of their lines. The file is opened for each
// reading, and closed at its end.
func (f File) Members(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := f.each(ctx, yield); err != nil {
			yield("", fmt.Errorf("batch: members of %s: %w", string(f), err))
		}
	}
}

func (f File) each(ctx context.Context, yield func(string, error) bool) error {
	file, err := os.Open(string(f))
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	const longest = moderation.MaxName + len("\r\n")
	lines.Buffer(make([]byte, 0, longest), longest)
	for lines.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name := lines.Text(); name != "" && !yield(name, nil) {
			return nil
		}
	}
	return lines.Err()
}

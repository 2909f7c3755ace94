package trails

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/elevenminutes/interlock/internal/disk"
)

// step is what a run is doing with a trail.
type step string

const (
	writing  step = "writing"
	removing step = "removing"
)

// journal says what a run is doing with which trail, so that one that is killed
// is not taken for one that was tampered with. It stands in the locked file, a
// line for each trail.
type journal map[string]step

// maxJournal is more than any journal has.
const maxJournal = 1 << 20

var errJournal = errors.New("it is not this program's; move it away, or name another folder with -trail")

func readJournal(f disk.File) (journal, error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxJournal))
	if err != nil {
		return nil, err
	}
	j := make(journal)
	for line := range bytes.Lines(text) {
		var what step
		var name string
		n, err := fmt.Sscanf(string(line), "%s %q\n", &what, &name)
		if n != 2 || err != nil || what != writing && what != removing {
			return nil, errJournal
		}
		j[name] = what
	}
	return j, nil
}

// write replaces what the file says.
func (j journal) write(f disk.File) error {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(j)) {
		text = fmt.Appendf(text, "%s %q\n", j[name], name)
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(text, 0)
	return err
}

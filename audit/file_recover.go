package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/jsontext"
)

// recordStart is how each line begins.
const recordStart = `{"id":"`

// errNoRecord is what a line is that File can't have written, not even in part.
var errNoRecord = errors.New("it is not a record as File writes them: give another path, or restore the file from a copy")

// maxTorn is how many torn lines are kept beside one file.
const maxTorn = 10_000

// prepare takes the file for this process alone and brings it into a state to
// which records can be appended.
func (f *File) prepare() error {
	size, err := f.claim()
	if err != nil {
		return err
	}
	whole, err := survey(f.path, f.handle, size)
	if err != nil {
		return err
	}
	if whole < size {
		if err := f.setAside(whole, size); err != nil {
			return fmt.Errorf("audit: setting a torn line aside: %w", err)
		}
	}
	// A predecessor that was killed may have written without syncing.
	if err := errors.Join(f.handle.Sync(), f.disk.SyncDir(filepath.Dir(f.path))); err != nil {
		return fmt.Errorf("audit: syncing the file of records: %w", err)
	}
	f.stored = whole
	return nil
}

// claim locks the file and returns its size.
func (f *File) claim() (int64, error) {
	if err := f.handle.Lock(); err != nil {
		return 0, err
	}
	info, err := f.handle.Stat()
	if err != nil {
		return 0, fmt.Errorf("audit: opening the file of records: %w", err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("audit: %s is not a regular file", f.path)
	}
	f.info = info
	// Who had it open before may have moved it away until it was ours.
	return info.Size(), f.unchanged(info.Size())
}

// survey returns how many bytes of the file are whole lines. What follows them
// is torn.
func survey(path string, r io.ReaderAt, size int64) (whole int64, err error) {
	lines := newLineReader(path, r, size)
	for {
		line, err := lines.next()
		switch {
		case err == io.EOF:
			return whole, nil
		case err == errTorn && !isTorn(line):
			return 0, lines.corrupt(errNoRecord)
		case err == errTorn:
			return whole, nil
		case err != nil:
			return 0, err
		case !isStored(line):
			if lines.offset == size && isTorn(line) && !jsontext.Valid(line) {
				return whole, nil
			}
			return 0, lines.corrupt(errNoRecord)
		}
		whole = lines.offset
	}
}

// isStored tells, without decoding it, whether a line looks like a record.
func isStored(line []byte) bool {
	return bytes.HasPrefix(line, []byte(recordStart)) && utf8.Valid(line) && jsontext.Valid(line)
}

// isTorn reports whether a crash may have left the line: the beginning of a
// record, or the zeros that some file systems put in place of one. A line that
// begins otherwise is somebody else's.
func isTorn(line []byte) bool {
	start := recordStart[:min(len(line), len(recordStart))]
	return bytes.HasPrefix(line, []byte(start)) || line[0] == 0
}

// setAside moves what follows the whole lines to a file of its own. It is
// durable there before it is cut off here.
func (f *File) setAside(whole, size int64) error {
	torn, path, err := f.createTorn()
	if err != nil {
		return err
	}
	_, err = io.Copy(torn, io.NewSectionReader(f.handle, whole, size-whole))
	if err == nil {
		err = torn.Sync()
	}
	if err = errors.Join(err, torn.Close()); err != nil {
		return err
	}
	if err := f.disk.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	f.torn = path
	return f.handle.Truncate(whole)
}

func (f *File) createTorn() (disk.File, string, error) {
	for n := 1; n <= maxTorn; n++ {
		path := fmt.Sprintf("%s.torn-%d", f.path, n)
		h, err := f.disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return h, path, err
	}
	return nil, "", &os.PathError{Op: "create", Path: f.path + ".torn-*", Err: errors.New("too many exist: move them away")}
}

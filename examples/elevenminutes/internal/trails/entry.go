package trails

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"

	"github.com/elevenminutes/interlock/audit"
)

// Entry is an entry as it reads now, whether that is what was written or not.
type Entry struct {
	Index uint64
	// Record is what it says; nil where it can't be read as a record.
	Record *audit.Record
	// Bytes are those of the entry, and Err says why they are no record.
	Bytes []byte
	Err   error
}

const (
	perBundle = 256
	maxBundle = perBundle * (2 + 1<<16 - 1)
)

// readEntry reads an entry from its bundle; ok is false where there is none to
// be read.
func readEntry(public fs.FS, index uint64) (e Entry, ok bool) {
	bundle := readBundle(public, index/perBundle, int(index%perBundle))
	for range index % perBundle {
		if _, bundle, ok = cut(bundle); !ok {
			return Entry{}, false
		}
	}
	e.Index = index
	if e.Bytes, _, ok = cut(bundle); !ok {
		return Entry{}, false
	}
	var r audit.Record
	switch {
	case len(e.Bytes) == 0:
		e.Err = errors.New("it is empty")
	case e.Bytes[0] != '{':
		e.Err = fmt.Errorf("its first byte is 0x%02x; a record begins with {", e.Bytes[0])
	default:
		if e.Err = json.Unmarshal(e.Bytes, &r); e.Err == nil {
			e.Record = &r
		}
	}
	return e, true
}

// cut returns the first entry of a bundle, which stands behind its length, and
// the rest.
func cut(bundle []byte) (entry, rest []byte, ok bool) {
	if len(bundle) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(bundle))
	if len(bundle) < n {
		return nil, nil, false
	}
	return bundle[2:n], bundle[n:], true
}

// readBundle reads the bundle with a number: the full one, or the partial one
// that has most entries. It is nil where none can be read.
func readBundle(public fs.FS, number uint64, entry int) []byte {
	path := bundlePath(number)
	if b, err := readFile(public, path); err == nil {
		return b
	}
	partial, err := fs.ReadDir(public, path+".p")
	if err != nil {
		return nil
	}
	widest := slices.MaxFunc(append(partial, nil), func(a, b fs.DirEntry) int { return cmp.Compare(width(a), width(b)) })
	if width(widest) <= entry {
		return nil
	}
	b, err := readFile(public, path+".p/"+widest.Name())
	if err != nil {
		return nil
	}
	return b
}

// width is how many entries a partial bundle has, by its name.
func width(e fs.DirEntry) int {
	if e == nil {
		return 0
	}
	n, err := strconv.Atoi(e.Name())
	if err != nil {
		return 0
	}
	return n
}

// bundlePath is C2SP tlog-tiles' name for a bundle: its number in groups of
// three digits, of which all but the last have an x before them.
func bundlePath(number uint64) string {
	path := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		path = fmt.Sprintf("x%03d/%s", number%1000, path)
	}
	return "tile/entries/" + path
}

// readFile reads a regular file that is not longer than any bundle.
func readFile(public fs.FS, path string) ([]byte, error) {
	if info, err := fs.Stat(public, path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := public.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBundle))
}

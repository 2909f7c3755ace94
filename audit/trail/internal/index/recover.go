package index

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// recoverRuns opens the runs of a directory that follow one upon the other from
// the first leaf on, and removes the others.
func recoverRuns(fs disk.FS, dir string, root Root) ([]*run, error) {
	found, err := findRuns(fs, dir)
	if err != nil {
		return nil, err
	}
	var kept []*run
	var end uint64
	for _, r := range found {
		if r.first == end && holds(r, root) {
			kept, end = append(kept, r), r.end
			continue
		}
		r.release()
		remove(fs, r.file.Name())
	}
	return kept, nil
}

// holds reports whether the log is the one that the run was made from. If it
// can't tell, the run is of no use either.
func holds(r *run, root Root) bool {
	h, err := root(r.end)
	return err == nil && h == r.root
}

// findRuns opens the runs of a directory and removes what is damaged or was
// never finished. Of those that begin with the same leaf the longest comes
// first: it was made of the others, which a crash has left.
func findRuns(fs disk.FS, dir string) (found []*run, err error) {
	defer func() {
		if err != nil {
			for _, r := range found {
				r.release()
			}
		}
	}()
	files, err := fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch name, tmp := strings.CutSuffix(f.Name(), unfinished); {
		case f.IsDir() || !isRun(name):
			continue
		case tmp:
			remove(fs, path)
			continue
		}
		r, err := loadRun(fs, path)
		switch {
		case err == nil:
			found = append(found, r)
		case errors.Is(err, audit.ErrCorrupt):
			remove(fs, path)
		default:
			return found, err
		}
	}
	slices.SortFunc(found, func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.first, b.first), -cmp.Compare(a.end, b.end))
	})
	return found, nil
}

// remove removes a file that is of no use. If that fails, it is of no use the
// next time either.
func remove(fs disk.FS, path string) { _ = fs.Remove(path) }

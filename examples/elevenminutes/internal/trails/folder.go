// Package trails keeps the audit trails of the program's runs in one folder, one
// for each scenario. It verifies those that earlier runs have left there, says
// what was changed in them, and makes room for a new one only in place of one
// that it has verified.
package trails

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// lockName is the file that the one run has locked that uses the folder.
const lockName = "elevenminutes.lock"

// Folder is a folder with trails, for this process alone. [Open] opens it; the
// zero Folder has no trails and takes none. It is for one goroutine.
type Folder struct {
	path    string
	lock    disk.File
	journal journal
	intact  map[string]bool // the earlier trails that were verified
}

// Default returns the folder of runs that name none: elevenminutes in the
// user's cache directory ([os.UserCacheDir]). There it outlives the run, and
// other users of the machine can't write to it.
func Default() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for the trails (%w); name one with -trail", err)
	}
	return filepath.Join(cache, "elevenminutes"), nil
}

// Open opens a folder, and makes it if there is none. One that another run uses
// is an error that wraps [audit.ErrLocked]. The owner must call
// [Folder.Close].
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := disk.OS{}.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock.Lock(); err != nil {
		if errors.Is(err, audit.ErrLocked) {
			err = fmt.Errorf("another run is using %s at this moment; wait until it is over, or name another folder with -trail: %w", path, err)
		}
		return nil, errors.Join(err, lock.Close())
	}
	f := &Folder{path: path, lock: lock, intact: make(map[string]bool)}
	if f.journal, err = readJournal(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", filepath.Join(path, lockName), err), f.Close())
	}
	return f, nil
}

// Close gives the folder free.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return errors.Join(f.lock.Unlock(), f.lock.Close())
}

// Inspect verifies every trail of earlier runs. It writes to none of them,
// except that it finishes what a run that was killed had begun. An error says
// that it could not be found out.
func (f *Folder) Inspect(ctx context.Context) (intact []Verified, changed []*Changed, err error) {
	names, err := f.names()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		v, err := f.inspect(ctx, name)
		var c *Changed
		switch {
		case errors.As(err, &c):
			changed = append(changed, c)
		case err != nil:
			return nil, nil, err
		case v.Place.Name != "":
			f.intact[name] = true
			intact = append(intact, v)
		}
	}
	return intact, changed, nil
}

// inspect verifies one trail. It returns the zero Verified where nothing is left
// to be verified.
func (f *Folder) inspect(ctx context.Context, name string) (Verified, error) {
	place, err := f.place(name)
	if err != nil {
		return Verified{}, err
	}
	switch f.journal[name] {
	case removing:
		return Verified{}, f.remove(place)
	case writing:
		if place.free() {
			return Verified{}, f.note(name, "")
		}
		return place.resume(ctx)
	}
	return place.Verify(ctx)
}

// names returns what trails there are, in alphabetical order: those of which any
// file says so, and those that a run has not finished.
func (f *Folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for name := range f.journal {
		seen[name] = true
	}
	for _, e := range entries {
		name := e.Name()
		for _, suffix := range []string{publicSuffix, keySuffix, headSuffix} {
			if rest, ok := strings.CutSuffix(name, suffix); ok {
				name = rest
				break
			}
		}
		place, err := f.place(name)
		seen[name] = seen[name] || err == nil && place.ours()
	}
	names := make([]string, 0, len(seen))
	for name, ours := range seen {
		if ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Begin returns the places for new trails. What earlier runs have left there is
// removed, if Inspect has found it intact; where anything else is in the way of
// one of them, nothing is removed, and that is an error.
func (f *Folder) Begin(names ...string) ([]Place, error) {
	places := make([]Place, len(names))
	for i, name := range names {
		var err error
		if places[i], err = f.place(name); err != nil {
			return nil, err
		}
		if f.intact[name] {
			err = places[i].checkLayout()
		} else if at := places[i].occupied(); at != "" {
			err = fmt.Errorf("%s is in the way, and no trail of this program; name another folder with -trail", at)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, place := range places {
		if f.intact[place.Name] {
			if err := f.remove(place); err != nil {
				return nil, err
			}
		}
		if err := f.note(place.Name, writing); err != nil {
			return nil, err
		}
	}
	return places, nil
}

// End notes that a trail is written and closed.
func (f *Folder) End(p Place) error { return f.note(p.Name, "") }

// remove removes a trail that was verified.
func (f *Folder) remove(p Place) error {
	if err := p.checkLayout(); err != nil {
		return err
	}
	if err := f.note(p.Name, removing); err != nil {
		return err
	}
	if err := p.remove(); err != nil {
		return err
	}
	delete(f.intact, p.Name)
	return f.note(p.Name, "")
}

func (f *Folder) note(name string, what step) error {
	if f.lock == nil {
		return fmt.Errorf("trails: the Folder is not open: %w", audit.ErrClosed)
	}
	if what == "" {
		delete(f.journal, name)
	} else {
		f.journal[name] = what
	}
	if err := f.journal.write(f.lock); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(f.path, lockName), err)
	}
	return nil
}

package trails

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/elevenminutes/interlock/audit/trail"
)

// Place is where one trail lies: a directory, and beside it, where who can write
// to the directory need not be able to write, its key and its trusted head. Here
// all four are in one folder, for an example; a host keeps the head elsewhere.
type Place struct {
	// Name is that of the scenario's folder.
	Name string
	// Dir is the log's directory.
	Dir string
	// Key is the file of the private key; see Public.
	Key string
	// Head is the file of the trusted head.
	Head string
	// Origin is the log's name in checkpoints.
	Origin string
}

const (
	keySuffix    = ".key"
	publicSuffix = ".key.pub"
	headSuffix   = ".head"
)

// room is enough for records of 256 KiB, and made in no time.
const room = 1 << 20

// place returns where a trail lies. The name is that of a scenario's folder.
func (f *Folder) place(name string) (Place, error) {
	if name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return Place{}, fmt.Errorf("%q can't be the name of a trail; give the scenario's folder another one", name)
	}
	at := filepath.Join(f.path, name)
	// An origin has no plus signs, which PathEscape leaves as they are.
	origin := "elevenminutes.example/" + strings.ReplaceAll(url.PathEscape(name), "+", "%2B")
	return Place{Name: name, Dir: at, Key: at + keySuffix, Head: at + headSuffix, Origin: origin}, nil
}

// Public is the file of the public key.
func (p Place) Public() string { return p.Key + ".pub" }

// Config is how the trail is opened.
func (p Place) Config() trail.Config {
	return trail.Config{
		Dir:         p.Dir,
		Origin:      p.Origin,
		KeyFile:     p.Key,
		TrustedHead: trail.HeadFile(p.Head),
		Room:        room,
	}
}

// occupied returns the first of the trail's paths at which something is; empty
// for none. An empty directory is nothing.
func (p Place) occupied() string {
	for _, at := range []string{p.Dir, p.Key, p.Public(), p.Head} {
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if inside, err := os.ReadDir(at); err == nil && len(inside) == 0 {
			continue
		}
		return at
	}
	return ""
}

func (p Place) free() bool { return p.occupied() == "" }

// ours reports whether any file of a trail says that it is the one of this name.
func (p Place) ours() bool {
	for file, mark := range map[string]string{
		p.Key:                              "PRIVATE+KEY+" + p.Origin + "+",
		p.Public():                         p.Origin + "+",
		p.Head:                             p.Origin + "\n",
		filepath.Join(p.Dir, "checkpoint"): p.Origin + "\n",
	} {
		if text, err := readStart(file); err == nil && bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// readStart reads the beginning of a regular file, which is more than all of a
// key or a trusted head.
func readStart(file string) ([]byte, error) {
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4096))
}

// layout is what a trail's directory may have in it; see docs/trail-format.md.
// What ends in .new was being written when its writer was killed.
var layout = regexp.MustCompile(`^(checkpoint(\.new)?` +
	`|tile(/([0-9]|entries)(/x[0-9]{3})*(/[0-9]{3}(\.p(/[0-9]{1,3})?)?)?)?` +
	`|log(/(lock|wal-[01]|hashes|history|snapshot(\.new)?|index(/[^/]+)?))?)$`)

// checkLayout returns an error where there is anything in a trail's directory
// that no trail has, so that nothing is removed but trails.
func (p Place) checkLayout() error {
	return filepath.WalkDir(p.Dir, func(at string, e fs.DirEntry, err error) error {
		switch {
		case at == p.Dir && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case at == p.Dir && e.IsDir():
			return nil
		}
		inside, err := filepath.Rel(p.Dir, at)
		if err != nil || !layout.MatchString(filepath.ToSlash(inside)) || !e.IsDir() && !e.Type().IsRegular() {
			return fmt.Errorf("%s is no part of a trail, so that nothing in %s is removed; move it away, or name another folder with -trail", at, p.Dir)
		}
		return nil
	})
}

// remove removes the trail, of which checkLayout has found nothing else.
func (p Place) remove() error {
	if err := os.RemoveAll(p.Dir); err != nil {
		return err
	}
	for _, file := range []string{p.Key, p.Key + ".new", p.Public(), p.Head} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

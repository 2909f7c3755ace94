package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/elevenminutes/interlock/internal/disk"
)

// unsynced is what a crash can take back. Paths in it are absolute.
type unsynced struct {
	nodes   map[string]*node        // those met so far, by their names now
	durable map[string]*node        // what the disk holds under names that have changed; nil: nothing
	changes map[string][]nameChange // by directory, since it was last synced
}

// nameChange is a change of one directory: a name that is gone, or one that
// stands for another node, or both.
type nameChange struct {
	gone, set string
	node      *node
}

// node returns what a path names, or nil.
func (u *unsynced) node(behind disk.FS, path string) (*node, error) {
	if n := u.nodes[path]; n != nil {
		return n, nil
	}
	info, err := behind.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := &node{dir: info.IsDir(), path: path, durable: image{size: info.Size()}}
	u.name(path, n)
	return n, nil
}

func (u *unsynced) name(path string, n *node) {
	if u.nodes == nil {
		u.nodes = map[string]*node{}
	}
	u.nodes[path] = n
	n.path = path
}

// change notes a change of a directory, or of two if the names are in two.
func (u *unsynced) change(c nameChange) {
	if u.durable == nil {
		u.durable, u.changes = map[string]*node{}, map[string][]nameChange{}
	}
	for _, path := range []string{c.gone, c.set} {
		if _, known := u.durable[path]; path != "" && !known {
			u.durable[path] = u.nodes[path]
		}
	}
	if c.gone != "" && c.set != "" && filepath.Dir(c.gone) != filepath.Dir(c.set) {
		u.note(nameChange{gone: c.gone})
		c.gone = ""
	}
	u.note(c)
}

func (u *unsynced) note(c nameChange) {
	dir := filepath.Dir(c.gone)
	if c.set != "" {
		dir = filepath.Dir(c.set)
	}
	u.changes[dir] = append(u.changes[dir], c)
}

func (u *unsynced) openFile(behind disk.FS, path string, flag int, perm os.FileMode) (disk.File, *node, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	n, err := u.node(behind, path)
	if err != nil {
		return nil, nil, err
	}
	cut := flag&os.O_TRUNC != 0 && n != nil
	if flag&os.O_WRONLY != 0 {
		flag = flag&^os.O_WRONLY | os.O_RDWR // blocks are read before they are written
	}
	f, err := behind.OpenFile(path, flag&^os.O_TRUNC, perm)
	if err != nil {
		return nil, nil, err
	}
	if n == nil {
		n = &node{}
		u.change(nameChange{set: path, node: n})
		u.name(path, n)
	}
	if cut {
		if err := errors.Join(n.truncate(f, 0), f.Truncate(0)); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
	}
	return f, n, nil
}

func (u *unsynced) rename(behind disk.FS, from, to string) error {
	from, to, err := absolute(from, to)
	if err != nil {
		return err
	}
	n, err := u.node(behind, from)
	if err != nil {
		return err
	}
	if n != nil && n.dir {
		return fmt.Errorf("disktest: %s is a directory, whose renaming can't be taken back", from)
	}
	replaced, err := u.keep(behind, to)
	if err != nil {
		return err
	}
	if err := behind.Rename(from, to); err != nil {
		return err
	}
	u.change(nameChange{gone: from, set: to, node: n})
	if replaced != nil {
		replaced.path = ""
	}
	delete(u.nodes, from)
	u.name(to, n)
	return nil
}

func absolute(from, to string) (string, string, error) {
	from, err := filepath.Abs(from)
	if err != nil {
		return "", "", err
	}
	to, err = filepath.Abs(to)
	return from, to, err
}

func (u *unsynced) remove(behind disk.FS, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	n, err := u.keep(behind, path)
	if err != nil {
		return err
	}
	if err := behind.Remove(path); err != nil {
		return err
	}
	u.change(nameChange{gone: path})
	n.path = ""
	delete(u.nodes, path)
	return nil
}

// keep returns what a path names, with a copy of what it holds.
func (u *unsynced) keep(behind disk.FS, path string) (*node, error) {
	n, err := u.node(behind, path)
	if err != nil || n == nil || n.dir {
		return n, err
	}
	n.content, err = readFile(behind, path)
	return n, err
}

func (u *unsynced) mkdirAll(behind disk.FS, path string, perm os.FileMode) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	var missing []string
	for p := path; p != filepath.Dir(p); p = filepath.Dir(p) {
		n, err := u.node(behind, p)
		if err != nil {
			return err
		}
		if n != nil {
			break
		}
		missing = append(missing, p)
	}
	if err := behind.MkdirAll(path, perm); err != nil {
		return err
	}
	for _, p := range missing {
		n := &node{dir: true}
		u.change(nameChange{set: p, node: n})
		u.name(p, n)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func (u *unsynced) syncDir(behind disk.FS, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := behind.ReadDir(path); err != nil {
		return err
	}
	delete(u.changes, path)
	maps.DeleteFunc(u.durable, func(name string, _ *node) bool { return filepath.Dir(name) == path })
	return nil
}

// lose makes the disk behind hold no more than what was synced and what
// survives.
func (u *unsynced) lose(behind disk.FS, survives func(path string, change int) bool) error {
	for _, path := range slices.Sorted(maps.Keys(u.nodes)) {
		if err := u.loseContent(behind, u.nodes[path], survives); err != nil {
			return err
		}
	}
	held := u.heldNames(survives)
	contents := map[string][]byte{}
	for path, n := range held {
		content, err := contentOf(behind, n)
		if err != nil {
			return err
		}
		contents[path] = content
	}
	for _, path := range slices.Sorted(maps.Keys(held)) { // directories before what is in them
		if err := u.putBack(behind, path, held[path], contents[path]); err != nil {
			return err
		}
	}
	return nil
}

func (u *unsynced) loseContent(behind disk.FS, n *node, survives func(path string, change int) bool) error {
	if n.dir || len(n.changes) == 0 {
		return nil
	}
	n.crash(survives)
	f, err := behind.OpenFile(n.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(n.durable.restore(f), f.Close())
}

// heldNames returns what the disk holds under each name that has changed.
func (u *unsynced) heldNames(survives func(path string, change int) bool) map[string]*node {
	held := maps.Clone(u.durable)
	for _, dir := range slices.Sorted(maps.Keys(u.changes)) {
		for i, c := range u.changes[dir] {
			if !survives(dir, i) {
				continue
			}
			if c.gone != "" {
				held[c.gone] = nil
			}
			if c.set != "" {
				held[c.set] = c.node
			}
		}
	}
	return held
}

// contentOf returns what a file holds on the disk.
func contentOf(behind disk.FS, n *node) ([]byte, error) {
	switch {
	case n == nil || n.dir:
		return nil, nil
	case n.path != "":
		return readFile(behind, n.path) // taken back already
	}
	n.crash(func(string, int) bool { return false })
	return n.durable.restored(n.content), nil
}

// putBack makes a path name a node, or nothing.
func (u *unsynced) putBack(behind disk.FS, path string, n *node, content []byte) error {
	now := u.nodes[path]
	if now == n {
		return nil
	}
	if _, err := behind.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil // lost together with its directory
	}
	if now != nil {
		if err := removeAll(behind, path); err != nil {
			return err
		}
	}
	switch {
	case n == nil:
		return nil
	case n.dir:
		return behind.MkdirAll(path, 0o700)
	}
	f, err := behind.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	return errors.Join(err, f.Close())
}

// removeAll removes a file, or a directory and all that is in it.
func removeAll(behind disk.FS, path string) error {
	info, err := behind.Stat(path)
	if err != nil || !info.IsDir() {
		return errors.Join(err, behind.Remove(path))
	}
	entries, err := behind.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := removeAll(behind, filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return behind.Remove(path)
}

func readFile(behind disk.FS, path string) ([]byte, error) {
	f, err := behind.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	info, err := f.Stat()
	if err == nil {
		_, err = io.Copy(&content, io.NewSectionReader(f, 0, info.Size()))
	}
	return content.Bytes(), errors.Join(err, f.Close())
}

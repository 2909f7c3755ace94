package trails

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// Part is which part of a trail was changed.
type Part string

// The parts of a trail.
const (
	Directory  Part = "directory"  // the log's directory itself
	Key        Part = "key"        // the private key or the public one
	Head       Part = "head"       // the trusted head
	Checkpoint Part = "checkpoint" // its text or its signature
	Hashes     Part = "hashes"     // a tile of the tree
	Entries    Part = "entries"    // a bundle of entries
	Private    Part = "private"    // what the writer has for itself, in log/
	End        Part = "end"        // what the trusted head has seen is not there
	History    Part = "history"    // all of it is another one than the trusted head has seen
)

// Changed says what was changed in a trail. The zero Changed names no trail.
type Changed struct {
	// Place is where the trail lies.
	Place Place
	// File is the path of the file at fault, and Part what it is part of.
	File string
	Part Part
	// Missing says that there is no such file.
	Missing bool
	// Entry is the index of the first entry that nobody can vouch for. Where Part
	// is Key, Head or Directory it means nothing.
	Entry uint64
	// Size is how many entries the trail had, as the trusted head remembers.
	Size uint64
	// Problem is what is wrong, as the end of a sentence that begins with the
	// entry, or with the file where Entry means nothing.
	Problem string
	// Err is the cause, or nil.
	Err error
	// Around are that entry and its neighbours, as they read now; those that
	// there are.
	Around []Entry
}

// Error implements error.
func (c *Changed) Error() string {
	text := fmt.Sprintf("%s was changed: %s", c.Place.Dir, c.File)
	if c.AboutEntry() {
		text += fmt.Sprintf(": entry %d", c.Entry)
	}
	text += " " + c.Problem
	if c.Err != nil {
		text += ": " + c.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (c *Changed) Unwrap() error { return c.Err }

// AboutEntry reports whether Entry means something.
func (c *Changed) AboutEntry() bool {
	switch c.Part {
	case Checkpoint, Hashes, Entries, Private, End, History:
		return true
	}
	return false
}

// damaged adds to what [trail.Verify] has found how the entries read now.
func (p Place) damaged(d *trail.DamageError, remembered proof.Checkpoint) *Changed {
	c := &Changed{
		Place: p, File: filepath.Join(p.Dir, filepath.FromSlash(d.File)), Part: partOf(d),
		Entry: d.Index, Size: remembered.Size, Problem: d.Problem, Err: d.Err,
	}
	_, err := os.Lstat(c.File)
	c.Missing = errors.Is(err, fs.ErrNotExist)
	if c.Part != Hashes && c.Part != Entries {
		return c
	}
	public := os.DirFS(p.Dir)
	for i := c.Entry - min(c.Entry, 1); i <= c.Entry+1 && i < c.Size; i++ {
		if e, ok := readEntry(public, i); ok {
			c.Around = append(c.Around, e)
		}
	}
	return c
}

func partOf(d *trail.DamageError) Part {
	switch {
	case errors.Is(d, trail.ErrRolledBack):
		return End
	case errors.Is(d, trail.ErrRewritten):
		return History
	case strings.HasPrefix(d.File, "tile/entries/"):
		return Entries
	case strings.HasPrefix(d.File, "tile/"):
		return Hashes
	case strings.HasPrefix(d.File, "log/"):
		return Private
	}
	return Checkpoint
}

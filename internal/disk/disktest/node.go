package disktest

import (
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/elevenminutes/interlock/internal/disk"
)

const (
	// blockSize is how much of a file is remembered around a change.
	blockSize = 4096
	// sectorSize is what a disk writes whole or not at all.
	sectorSize = 512
)

// node is a file or a directory, whatever its name is. Its methods do nothing
// on a nil node.
type node struct {
	dir     bool
	path    string // its name now, unless it has none
	content []byte // all that it held when its name was removed or replaced

	durable image
	changes []change // since it was last synced
}

// image is what a file holds on the disk: its length, and those blocks of it
// that have changed since.
type image struct {
	size   int64
	blocks map[int64][]byte // by number
}

// change is what was done to a file and not synced.
type change struct {
	off  int64
	data []byte // nil: off is the file's new length
	lost bool   // by a sync that failed
}

// write notes that data is about to be written to the file at off.
func (n *node) write(f disk.File, data []byte, off int64) error {
	if n == nil {
		return nil
	}
	if err := n.durable.remember(f, off, off+int64(len(data))); err != nil {
		return err
	}
	for len(data) > 0 {
		piece := min(sectorSize-off%sectorSize, int64(len(data)))
		n.changes = append(n.changes, change{off: off, data: slices.Clone(data[:piece])})
		data, off = data[piece:], off+piece
	}
	return nil
}

// truncate notes that the file is about to have another length.
func (n *node) truncate(f disk.File, size int64) error {
	if n == nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := n.durable.remember(f, size, info.Size()); err != nil {
		return err
	}
	n.changes = append(n.changes, change{off: size})
	return nil
}

// sync makes the changes durable, apart from those that are lost.
func (n *node) sync() {
	if n == nil {
		return
	}
	lost := slices.DeleteFunc(slices.Clone(n.changes), func(c change) bool { return !c.lost })
	for _, c := range n.changes {
		if !c.lost {
			n.durable.apply(c)
		}
	}
	n.changes = lost
	if len(lost) == 0 {
		n.durable.blocks = nil // the file holds the same
	}
}

// failSync lets no later sync make the changes so far durable.
func (n *node) failSync() {
	if n == nil {
		return
	}
	for i := range n.changes {
		n.changes[i].lost = true
	}
}

// crash decides what of the changes the disk holds.
func (n *node) crash(survives func(path string, change int) bool) {
	asked := 0
	for _, c := range n.changes {
		if c.lost {
			continue
		}
		if survives(n.path, asked) {
			n.durable.apply(c)
		}
		asked++
	}
	n.changes = nil
}

// remember keeps what the disk holds between two offsets before that is changed
// in the file.
func (i *image) remember(f io.ReaderAt, from, to int64) error {
	if i.blocks == nil {
		i.blocks = map[int64][]byte{}
	}
	for number := from / blockSize; number*blockSize < to; number++ {
		if i.blocks[number] != nil {
			continue
		}
		block := make([]byte, blockSize)
		if held := min(blockSize, i.size-number*blockSize); held > 0 {
			if _, err := f.ReadAt(block[:held], number*blockSize); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		i.blocks[number] = block
	}
	return nil
}

// apply does to the image what was done to the file, whose blocks there are
// remembered.
func (i *image) apply(c change) {
	if c.data != nil {
		for k, b := range c.data {
			at := c.off + int64(k)
			i.blocks[at/blockSize][at%blockSize] = b
		}
		i.size = max(i.size, c.off+int64(len(c.data)))
		return
	}
	for number, block := range i.blocks {
		if start := number * blockSize; start+blockSize > c.off {
			clear(block[max(0, c.off-start):])
		}
	}
	i.size = c.off
}

// restore makes a file hold what the image says.
func (i *image) restore(f disk.File) error {
	if err := f.Truncate(i.size); err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(i.blocks)) {
		start := number * blockSize
		if start >= i.size {
			break
		}
		if _, err := f.WriteAt(i.blocks[number][:min(blockSize, i.size-start)], start); err != nil {
			return err
		}
	}
	return nil
}

// restored returns what a file holds whose content is given.
func (i *image) restored(content []byte) []byte {
	held := make([]byte, i.size)
	copy(held, content)
	for number, block := range i.blocks {
		if start := number * blockSize; start < i.size {
			copy(held[start:], block)
		}
	}
	return held
}

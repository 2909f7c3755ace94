package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// run is a file of sorted entries with what is kept of it in memory.
type run struct {
	header
	identity   uint32
	file       disk.File
	firsts     []uint64 // the first hash of each page
	zones      []zone
	filter     atomic.Pointer[filter]
	unfiltered bool // it was tried to give it one; of x.mu
	holders    atomic.Int64
}

// length is the number of leaves that a run covers.
func (h header) length() uint64 { return h.end - h.first }

// loadRun opens a run and reads all but its entries. Its error wraps
// audit.ErrCorrupt where the run is damaged, and not where it can't be read.
func loadRun(fs disk.FS, path string) (*run, error) {
	f, err := fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	r := &run{file: f}
	r.holders.Store(1)
	if err := r.load(); err != nil {
		r.release()
		return nil, err
	}
	return r, nil
}

func (r *run) load() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	var p page
	if err := r.read(p[:], 0); err != nil {
		return err
	}
	if r.header, r.identity, err = decodeHeader(&p); err != nil {
		return r.damaged(err.Error())
	}
	if r.name() != filepath.Base(r.file.Name()) {
		return r.damaged("it has the name of another run")
	}
	if size := r.fileSize(); info.Size() != size {
		return r.damaged(fmt.Sprintf("it has %d bytes instead of %d", info.Size(), size))
	}
	return r.loadTables()
}

func (r *run) loadTables() error {
	b := make([]byte, r.tablesSize())
	if err := r.read(b, r.tables()); err != nil {
		return err
	}
	if !sealed(b, seedOf(r.identity, r.pageCount())) {
		return r.damaged("the checksum of its tables does not match")
	}
	r.firsts = make([]uint64, r.pageCount())
	for i := range r.firsts {
		r.firsts[i] = binary.BigEndian.Uint64(b)
		b = b[firstSize:]
	}
	if !slices.IsSorted(r.firsts) {
		return r.damaged("its pages are not in order")
	}
	r.zones = make([]zone, r.zoneCount())
	for i := range r.zones {
		r.zones[i] = decodeZone(b)
		b = b[zoneSize:]
	}
	return nil
}

// read fills b.
func (r *run) read(b []byte, offset int64) error {
	n, err := r.file.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return r.damaged("it was cut")
	}
	return fmt.Errorf("index: %w", err)
}

func (r *run) damaged(what string) error {
	path := r.file.Name()
	return fmt.Errorf("%w: index run %s: %s; close the log and delete the directory %s, which is then built anew", audit.ErrCorrupt, path, what, filepath.Dir(path))
}

// readPage reads the n-th page with entries and returns them.
func (r *run) readPage(n uint64, p *page) (entries, error) {
	if err := r.read(p[:], pageOffset(n)); err != nil {
		return nil, err
	}
	return r.check(n, p)
}

// check returns the entries of the n-th page if it is that.
func (r *run) check(n uint64, p *page) (entries, error) {
	if !sealed(p[:], seedOf(r.identity, n)) {
		return nil, r.damaged(fmt.Sprintf("the checksum of page %d does not match", n))
	}
	return entries(p[:min(perPage, r.entries-n*perPage)*entrySize]), nil
}

// hold keeps the file open until release. Who calls it knows that it is open.
func (r *run) hold() { r.holders.Add(1) }

// release closes the file unless others hold it. It was only read: there is
// nothing that closing could lose.
func (r *run) release() {
	if r.holders.Add(-1) == 0 {
		_ = r.file.Close()
	}
}

// entries are those of a page, as they are on disk.
type entries []byte

func (e entries) count() int { return len(e) / entrySize }

func (e entries) at(i int) entry {
	b := e[i*entrySize : (i+1)*entrySize]
	return entry{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
)

// writeBuffer is how much is written to a run at a time.
const writeBuffer = 1 << 18

// write makes a run of ascending entries, durable and open. Their hashes are
// added to the filter unless that is nil.
func (x *Index) write(h header, ascending iter.Seq2[entry, error], zones []zone, f *filter) (*run, error) {
	path := filepath.Join(x.dir, h.name())
	if err := x.writeFile(path+unfinished, h, ascending, zones, f); err != nil {
		_ = x.fs.Remove(path + unfinished)
		return nil, err
	}
	if err := x.fs.Rename(path+unfinished, path); err != nil {
		return nil, err
	}
	if err := x.fs.SyncDir(x.dir); err != nil {
		return nil, err
	}
	r, err := loadRun(x.fs, path)
	if err != nil {
		return nil, err
	}
	r.filter.Store(f)
	return r, nil
}

func (x *Index) writeFile(path string, h header, ascending iter.Seq2[entry, error], zones []zone, to *filter) error {
	f, err := x.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(f, writeBuffer)
	w := runWriter{header: h, to: buffer, filter: to}
	if err = w.write(ascending, zones); err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// runWriter writes a run from its beginning to its end.
type runWriter struct {
	header
	to       io.Writer
	identity uint32
	page     page
	held     uint64 // entries in page
	firsts   []uint64
	last     entry
	filter   *filter // or nil
}

func (w *runWriter) write(ascending iter.Seq2[entry, error], zones []zone) error {
	head, identity := w.encode()
	w.identity = identity
	w.firsts = make([]uint64, 0, w.pageCount())
	if _, err := w.to.Write(head[:]); err != nil {
		return err
	}
	var count uint64
	for e, err := range ascending {
		if err != nil {
			return err
		}
		if err := w.add(e); err != nil {
			return err
		}
		count++
	}
	if count != w.entries {
		return fmt.Errorf("index: %d entries for a run of %d", count, w.entries)
	}
	if err := w.endPage(); err != nil {
		return err
	}
	return w.writeTables(zones)
}

func (w *runWriter) add(e entry) error {
	if e.compare(w.last) < 0 {
		return errors.New("index: the entries of a run do not ascend")
	}
	if w.filter != nil {
		w.filter.add(e.hash)
	}
	w.last = e
	if w.held == perPage {
		if err := w.endPage(); err != nil {
			return err
		}
	}
	if w.held == 0 {
		w.firsts = append(w.firsts, e.hash)
	}
	b := w.page[w.held*entrySize:]
	binary.BigEndian.PutUint64(b, e.hash)
	binary.BigEndian.PutUint64(b[8:], e.leaf)
	w.held++
	return nil
}

func (w *runWriter) endPage() error {
	if w.held == 0 {
		return nil
	}
	runtime.Gosched() // before others who wait for a processor
	seal(w.page[:], seedOf(w.identity, uint64(len(w.firsts)-1)))
	_, err := w.to.Write(w.page[:])
	w.page, w.held = page{}, 0
	return err
}

func (w *runWriter) writeTables(zones []zone) error {
	b := make([]byte, 0, w.tablesSize())
	for _, first := range w.firsts {
		b = binary.BigEndian.AppendUint64(b, first)
	}
	for _, z := range zones {
		b = z.append(b)
	}
	b = b[:len(b)+checksumSize]
	seal(b, seedOf(w.identity, w.pageCount()))
	_, err := w.to.Write(b)
	return err
}

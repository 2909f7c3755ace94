package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/elevenminutes/interlock/internal/disk"
)

// File is a sink that appends records to a file of JSON lines, and a
// [Replayer]. It is opened by [OpenFile]; the zero File refuses every record
// with [ErrClosed]. Its methods may be called by many goroutines at once.
type File struct {
	path   string
	torn   string
	disk   disk.FS
	handle disk.File
	info   os.FileInfo // which file the handle is
	wake   chan struct{}
	ended  chan struct{}
	most   int // bytes of a group that others may still join

	mu      sync.Mutex
	closed  bool
	failure error  // set by the first failed write, for good
	pending *group // what the next commit will write
	stored  int64  // bytes that were acknowledged or found at opening
}

// OpenFile opens the file of JSON lines at path, or creates it, readable by its
// owner only; the directory must exist.
//
// An append is acknowledged when the record's line has been synced to the disk
// (appends under way at the same time share one write and one sync) and the
// file is still the one that path names, with the length it ought to have. If
// it was removed, replaced, cut or written to by others, that append and all
// later ones fail with [ErrReplaced]. After the first write or sync that fails
// nothing more is accepted either, since trying again after a failed sync
// proves nothing: all appends fail with [ErrFailed] until the file is closed
// and opened again. What was written without being acknowledged is cut off
// again as far as the disk lets us, so records in doubt are to be appended
// again after that. When an append's context is done first, it returns, and
// the record may still be stored.
//
// One process at a time can have the file open; for others OpenFile returns
// [ErrLocked]. Where files can't be locked (Windows and Plan 9 among others) it
// returns [errors.ErrUnsupported].
//
// A last line that a crash left without its end, or that is no JSON, is taken
// for one that was never acknowledged. It is moved to a new file,
// <path>.torn-<n>, and [File.Torn] tells which. Any other line that is not a
// JSON object as File writes them is [ErrCorrupt], which names file and line,
// and nothing is changed: OpenFile reads the file once to find out, and
// [File.Replay] checks each record in full.
//
// The file holds no more than its lines: it shows damage, but not that somebody
// has changed, removed or cut records on purpose while it was closed, and a
// file that is not there is a new one.
//
// The owner must call [File.Close]; until then one goroutine runs.
func OpenFile(path string) (*File, error) {
	return openFile(disk.OS{}, path)
}

func openFile(fsys disk.FS, path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	h, err := fsys.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: opening the file of records: %w", err)
	}
	f := &File{
		path:    path,
		disk:    fsys,
		handle:  h,
		wake:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		most:    maxGroup,
		pending: newGroup(nil),
	}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, h.Unlock(), h.Close())
	}
	go f.commitGroups()
	return f, nil
}

// Torn returns the path of the file to which OpenFile moved a torn last line,
// or "" if there was none. It is worth an alarm: a crash explains it, but
// so does damage to the last record.
func (f *File) Torn() string {
	return f.torn
}

// Append stores the record and returns nil when it is on the disk. See
// [OpenFile] for its errors; a record that is not valid is [ErrNotWritten].
func (f *File) Append(ctx context.Context, r Record) error {
	for {
		if err := alive(ctx); err != nil {
			return err
		}
		g, joined, err := f.join(&r)
		if err != nil {
			return err
		}
		select {
		case <-g.done:
		case <-ctx.Done():
			return g.abandon(ctx, f.path)
		}
		if joined {
			return g.err
		}
	}
}

// join adds the record to the group that will be written next. If the group is
// full it reports false, and who wants to append waits until it is written.
func (f *File) join(r *Record) (g *group, joined bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return nil, false, err
	}
	g = f.pending
	if len(g.lines) >= f.most {
		return g, false, nil
	}
	lines, err := appendValid(g.lines, r)
	if err != nil {
		return nil, false, err
	}
	g.lines = append(lines, '\n')
	select {
	case f.wake <- struct{}{}:
	default: // awake already
	}
	return g, true, nil
}

// usable returns why the file takes no records, if so. f.mu must be held.
func (f *File) usable() error {
	switch {
	case f.handle == nil:
		return fmt.Errorf("%w: a File is opened by OpenFile", ErrClosed)
	case f.closed:
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	return f.failure
}

// Close waits until the disk has answered the appends under way, however long
// that takes, and closes the file. Later
// appends are refused with [ErrClosed]. Further calls of Close, and one on the
// zero File, do nothing.
func (f *File) Close() error {
	f.mu.Lock()
	if f.handle == nil || f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	close(f.wake)
	f.mu.Unlock()

	<-f.ended
	if err := errors.Join(f.handle.Unlock(), f.handle.Close()); err != nil {
		return fmt.Errorf("audit: closing the file of records: %w", err)
	}
	return nil
}

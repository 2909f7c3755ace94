package audit

import (
	"context"
	"fmt"
	"io"
	"os"
)

// maxGroup is how many bytes a group has when no more records may join it: 4
// MiB. It bounds what is in memory while a disk hangs.
const maxGroup = 4 << 20

// group is the lines that are written and synced together.
type group struct {
	lines []byte
	done  chan struct{} // closed when err tells what came of it
	err   error
}

func newGroup(buffer []byte) *group {
	return &group{lines: buffer[:0], done: make(chan struct{})}
}

// abandon returns what to tell somebody who can't wait any longer.
func (g *group) abandon(ctx context.Context, path string) error {
	select {
	case <-g.done:
		return g.err // just in time
	default:
		return fmt.Errorf("audit: %s: the record may be stored or not: %w", path, causeOf(ctx))
	}
}

// commitGroups writes one group after the other until the file is closed. A
// group that is not empty has always been announced on f.wake.
func (f *File) commitGroups() {
	defer close(f.ended)
	var spare []byte
	for range f.wake {
		spare = f.commit(spare)
	}
}

// commit writes the pending group, puts an empty one that uses the spare buffer
// in its place, and returns the buffer of the one that was written.
func (f *File) commit(spare []byte) []byte {
	f.mu.Lock()
	g, size, err := f.pending, f.stored, f.failure
	if len(g.lines) == 0 {
		f.mu.Unlock()
		return spare
	}
	f.pending = newGroup(spare)
	f.mu.Unlock()

	if err == nil {
		err = f.write(g.lines, size)
	}
	f.mu.Lock()
	if err == nil {
		f.stored = size + int64(len(g.lines))
	}
	f.failure = err
	f.mu.Unlock()

	g.err = err
	close(g.done)
	return g.lines
}

// write appends lines to the file, which has the given size, and syncs them.
func (f *File) write(lines []byte, size int64) error {
	if err := f.unchanged(size); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	n, err := f.handle.Write(lines)
	if err == nil && n != len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.handle.Sync()
	}
	if err != nil {
		// What is not known to be on the disk must not be read as if it were.
		_ = f.handle.Truncate(size)
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	if err := f.unchanged(size + int64(len(lines))); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return nil
}

// unchanged returns an error unless the path still names the open file, and it
// has the given size. The open handle keeps the file's number from being used
// for another one.
func (f *File) unchanged(size int64) error {
	info, err := f.disk.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrReplaced, err)
	case !os.SameFile(info, f.info):
		return fmt.Errorf("%w: %s is another file now", ErrReplaced, f.path)
	case info.Size() != size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrReplaced, f.path, info.Size(), size)
	}
	return nil
}

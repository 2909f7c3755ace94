package index

import (
	"iter"
	"slices"
	"sync/atomic"
)

// merged yields the entries of all runs in ascending order.
func merged(runs []*run, stop *atomic.Bool) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var heads []*cursor
		for _, r := range runs {
			if r.entries > 0 {
				heads = append(heads, newCursor(r, stop))
			}
		}
		for _, c := range heads {
			if err := c.next(); err != nil {
				yield(entry{}, err)
				return
			}
		}
		for len(heads) > 0 {
			least := 0 // there are few
			for i, c := range heads {
				if c.entry.compare(heads[least].entry) < 0 {
					least = i
				}
			}
			c := heads[least]
			if !yield(c.entry, nil) {
				return
			}
			if c.ended() {
				heads = slices.Delete(heads, least, least+1)
				continue
			}
			if err := c.next(); err != nil {
				yield(entry{}, err)
				return
			}
		}
	}
}

// cursorPages is how many pages a cursor reads at a time.
const cursorPages = 64

// cursor goes through the entries of a run.
type cursor struct {
	*run
	stop   *atomic.Bool
	entry  entry // where it is
	passed uint64
	held   entries // of the page that it is in, those after entry
	page   uint64  // the page after that
	buffer []byte
	unread []byte // the part of buffer with pages that it has not been in
}

func newCursor(r *run, stop *atomic.Bool) *cursor {
	return &cursor{run: r, stop: stop, buffer: make([]byte, min(cursorPages, r.pageCount())*pageSize)}
}

func (c *cursor) ended() bool { return c.passed == c.entries }

// next goes to the next entry, which there must be.
func (c *cursor) next() error {
	if len(c.held) == 0 {
		if err := c.nextPage(); err != nil {
			return err
		}
	}
	c.entry = c.held.at(0)
	c.held = c.held[entrySize:]
	c.passed++
	return nil
}

func (c *cursor) nextPage() error {
	if c.stop.Load() {
		return errStopped
	}
	if len(c.unread) == 0 {
		c.unread = c.buffer[:min(cursorPages, c.pageCount()-c.page)*pageSize]
		if err := c.read(c.unread, pageOffset(c.page)); err != nil {
			return err
		}
	}
	held, err := c.check(c.page, (*page)(c.unread))
	c.held, c.unread = held, c.unread[pageSize:]
	c.page++
	return err
}

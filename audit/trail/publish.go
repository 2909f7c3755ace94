package trail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// publishAt is how many bytes of entries are published without waiting.
func (l *Log) publishAt() int { return int(min(l.config.Room/4, 8<<20)) }

// indexAt is how many records the index holds in memory before they are flushed.
const indexAt = 1 << 16

// maxIndexed is how many they are when an index that can't be flushed keeps
// records from being accepted.
const maxIndexed = 16 * indexAt

// publishSoon asks for publication.
func (l *Log) publishSoon() {
	select {
	case l.kick <- struct{}{}:
	default: // asked for already
	}
}

// publishGroups publishes what was committed, from time to time, until the log
// is closed.
func (l *Log) publishGroups() {
	defer l.ended.Done()
	ticker := time.NewTicker(l.config.PublishEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.closing:
			return
		case <-l.kick:
		case <-ticker.C:
			if !l.unsettled() {
				continue
			}
		}
		_ = l.publishNow(context.Background()) // what it says is kept for the appends
	}
}

// unsettled reports whether there is something to publish.
func (l *Log) unsettled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable > l.published || l.publishErr != nil
}

// Publish brings the public face up to date and returns when it is durable. The
// log does so by itself, at the latest after Config.PublishEvery; what
// is not published is as durable, in the write-ahead files.
func (l *Log) Publish(ctx context.Context) error {
	if err := l.ready(); err != nil {
		return err
	}
	return l.publishNow(ctx)
}

func (l *Log) publishNow(ctx context.Context) error {
	select {
	case l.publishing <- struct{}{}:
		defer func() { <-l.publishing }()
	case <-ctx.Done():
		return fmt.Errorf("trail: waiting to publish: %w", ctx.Err())
	}
	groups, size := l.toPublish()
	err := l.publisher.publish(groups)
	var flushed error
	if err == nil {
		l.markPublished(groups)
		flushed = l.flushIndex(size)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publishErr = err
	if l.index.Pending() >= maxIndexed {
		l.publishErr = errors.Join(err, flushed)
	}
	close(l.attempted)
	l.attempted = make(chan struct{})
	if err := errors.Join(err, flushed); err != nil {
		return fmt.Errorf("trail: publishing %s: %w", l.config.Dir, err)
	}
	return nil
}

// flushIndex keeps what the index has in memory from growing for ever.
func (l *Log) flushIndex(size uint64) error {
	if l.index.Pending() < indexAt {
		return nil
	}
	return l.index.Flush(size)
}

// toPublish returns the groups that are durable and not published, and the size
// of the tree with them.
func (l *Log) toPublish() ([]*group, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.groups) && l.groups[n].size() <= l.durable {
		n++
	}
	return l.groups[:n:n], l.durable
}

// markPublished notes that groups are durable in the public face.
func (l *Log) markPublished(groups []*group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range groups {
		l.bytes -= len(g.buffer)
		l.published, l.publicNote = g.size(), g.note
		l.public = tlog.Tree{N: int64(g.size()), Hash: g.root}
	}
	l.groups = append([]*group(nil), l.groups[len(groups):]...)
	for _, g := range groups {
		l.reuse(g)
	}
	if l.published >= l.room.start {
		l.room.other = l.room.whole
	}
}

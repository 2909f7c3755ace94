package audit

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// Memory is a sink that keeps records in memory and forgets them when the
// process ends: for tests and for trying things out, never for a trail that
// somebody may ask for.
//
// It keeps the JSON form of each record, so that it refuses and replays what a
// file would; nothing that it is given or hands out shares memory with it. It
// grows with each record. The zero Memory is empty and ready. It must not be
// copied after first use. Its methods may be called by many goroutines at once.
type Memory struct {
	mu      sync.Mutex
	records [][]byte
	free    []byte // room for records to come, of length 0
}

// memoryBlock is how much room is allocated at once.
const memoryBlock = 64 << 10

// Append stores a copy of the record. It returns an error that wraps
// [ErrNotWritten] if the record is not valid, and that of ctx if ctx is done.
func (m *Memory) Append(ctx context.Context, r Record) error {
	if err := alive(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := appendValid(m.free, &r)
	if err != nil {
		return err
	}
	if cap(b) != cap(m.free) { // it did not fit
		b = append(make([]byte, 0, max(memoryBlock, len(b))), b...)
	}
	m.records = append(m.records, b[:len(b):len(b)])
	m.free = b[len(b):]
	return nil
}

// Volatile reports that the records are lost with the process.
func (m *Memory) Volatile() bool { return true }

// Records returns the records in the order in which they were appended. They
// are the caller's to keep and to change.
func (m *Memory) Records() []Record {
	var records []Record
	for r, err := range m.Replay(context.Background()) {
		if err != nil {
			panic(err) // what Append has encoded can be decoded
		}
		records = append(records, r)
	}
	return records
}

// Replay yields the records that are stored when the iteration begins, in order. It
// ends with an error if ctx is done before the last one.
func (m *Memory) Replay(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		m.mu.Lock()
		records := m.records
		m.mu.Unlock()
		for i, stored := range records {
			if err := replaying(ctx); err != nil {
				yield(Record{}, err)
				return
			}
			r, err := decodeStored(stored)
			if err != nil {
				yield(Record{}, fmt.Errorf("%w: record %d in memory: %v", ErrCorrupt, i, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// replaying returns an error if ctx is done, so that a replay that was cut
// short does not look like a whole one.
func replaying(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("audit: replay was cut short: %w", context.Cause(ctx))
}

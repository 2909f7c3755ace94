package policy

import "sync"

// shardCount is how many locks all buckets share. With a million buckets each
// lock has a thousand, so that nothing that is done to all of them under one
// lock takes long.
const shardCount = 1 << shardBits

const shardBits = 10

// shardOf returns which shard a hash belongs to, by bits that its table makes no
// use of.
func shardOf(hash uint64) uint16 { return uint16(hash >> (64 - shardBits)) }

// shard is a part of the buckets, under one lock. The zero shard is empty.
type shard struct {
	mu sync.Mutex
	table
	draws uint32 // that were made
	next  int    // the place where the next sweep begins
	// swept is the latest time at which a full bucket was forgotten. A
	// bucket that comes anew begins there, so that a clock that goes back
	// does not fill it twice.
	swept int64
	_     [48]byte // fills two cache lines, so that no two shards share one
}

// sweep looks at up to n buckets, goes on where the last sweep ended, and
// forgets those that are full. It returns how many it looked at and forgot.
func (s *shard) sweep(gs *gauges, t int64, n int) (looked, forgot int) {
	for n = min(n, len(s.buckets)); looked < n; looked++ {
		if s.next >= len(s.buckets) {
			s.next = 0
		}
		b := &s.buckets[s.next]
		if !b.full(gs.inForce(b.rates), t) {
			s.next++
			continue
		}
		s.swept = max(s.swept, b.at, t)
		s.remove(s.next)
		forgot++
	}
	s.shrink()
	return looked, forgot
}

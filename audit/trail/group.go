package trail

import (
	"encoding/binary"
	"sort"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// group is the entries that are written, signed and synced together.
type group struct {
	first  uint64
	buffer []byte      // room for the frame's header, then the entries as in a bundle
	ends   []int       // where each entry ends in buffer
	leaves []tlog.Hash // of each entry
	turn   bool        // it is the first of the other write-ahead file

	// Set when it is sealed.
	stored []tlog.Hash // what the tree stores for it
	root   tlog.Hash   // of the tree with it
	note   []byte      // the signed checkpoint that covers it

	done chan struct{} // closed when err tells what came of it
	err  error
}

// newGroup returns an empty group with room for so many entries of so many
// bytes in all; more may be added.
func newGroup(first uint64, entries, bytes int) *group {
	return &group{
		first:  first,
		buffer: make([]byte, wal.GroupHeader, wal.GroupHeader+bytes),
		ends:   make([]int, 0, entries),
		leaves: make([]tlog.Hash, 0, entries),
		done:   make(chan struct{}),
	}
}

// add appends an entry with its leaf hash.
func (g *group) add(entry []byte, leaf tlog.Hash) {
	g.buffer = binary.BigEndian.AppendUint16(g.buffer, uint16(len(entry)))
	g.buffer = append(g.buffer, entry...)
	g.ends = append(g.ends, len(g.buffer))
	g.leaves = append(g.leaves, leaf)
}

// size is that of the tree with the group.
func (g *group) size() uint64 { return g.first + uint64(len(g.ends)) }

// end is where the first n entries end in buffer.
func (g *group) end(n int) int {
	if n == 0 {
		return wal.GroupHeader
	}
	return g.ends[n-1]
}

// entry returns the i-th entry of the group.
func (g *group) entry(i int) []byte {
	return g.buffer[g.end(i)+2 : g.ends[i] : g.ends[i]]
}

// find returns the group among ascending ones that has an index.
func find(groups []*group, index uint64) (*group, bool) {
	i := sort.Search(len(groups), func(i int) bool { return groups[i].size() > index })
	if i == len(groups) || groups[i].first > index {
		return nil, false
	}
	return groups[i], true
}

// usual is how large groups have been lately, so that the next one has room.
type usual struct{ entries, bytes int }

// note takes a group into account: a larger one at once, smaller ones bit by
// bit.
func (u *usual) note(g *group) {
	u.entries = max(len(g.ends), u.entries-u.entries/8)
	u.bytes = max(len(g.buffer), u.bytes-u.bytes/8)
}

package trail

import (
	"encoding/binary"
	"sort"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// group is the entries that are written, signed and synced together.
type group struct {
	first  uint64
	turn   bool // it is the first of the other write-ahead file
	shared bool // readers have parts of its buffer; of l.mu
	groupRoom

	// Set when it is sealed.
	root tlog.Hash // of the tree with it
	note []byte    // the signed checkpoint that covers it

	done chan struct{} // closed when err tells what came of it
	err  error

	joined int          // how many appends have joined it
	left   atomic.Int64 // how many of them have not gone on, and one for the committer
}

// groupRoom is the memory that a group needs for its entries until they are
// published.
type groupRoom struct {
	buffer []byte      // room for the frame's header, then the entries as in a bundle
	ends   []int       // where each entry ends in buffer
	leaves []tlog.Hash // of each entry
	stored []tlog.Hash // what the tree stores for it, once it is sealed
}

// maxRoomKept is how many bytes of entries there is room for in memory that is
// used again.
const maxRoomKept = 1 << 20

// newGroup returns an empty group with room for so many entries of so many
// bytes in all; more may be added.
func newGroup(first uint64, entries, bytes int) *group {
	return newGroupIn(groupRoom{
		buffer: make([]byte, 0, wal.GroupHeader+bytes),
		ends:   make([]int, 0, entries),
		leaves: make([]tlog.Hash, 0, entries),
	}, first)
}

// newGroupIn returns an empty group in memory that nobody else uses any more.
func newGroupIn(r groupRoom, first uint64) *group {
	g := &group{first: first, done: make(chan struct{}), groupRoom: groupRoom{
		buffer: append(r.buffer[:0], make([]byte, wal.GroupHeader)...),
		ends:   r.ends[:0],
		leaves: r.leaves[:0],
		stored: r.stored[:0],
	}}
	g.left.Store(1)
	return g
}

// emptyGroup returns an empty group, in the memory of one that was published if
// there is some. l.mu must be held.
func (l *Log) emptyGroup(first uint64, bytes int) *group {
	if r, ok := l.rooms.Get().(*groupRoom); ok {
		return newGroupIn(*r, first)
	}
	return newGroup(first, l.usual.entries, max(bytes, l.usual.bytes)+l.noteSize)
}

// reuse takes the memory of a group that was published and that nobody can find
// any more. Who was reading its entries keeps them. l.mu must be held.
func (l *Log) reuse(g *group) {
	if g.shared || cap(g.buffer) > maxRoomKept {
		return
	}
	r := g.groupRoom
	g.groupRoom = groupRoom{}
	l.rooms.Put(&r)
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

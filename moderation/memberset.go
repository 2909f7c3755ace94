package moderation

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxMembers is the most targets that one batch may have.
const MaxMembers = 1 << 20

// MemberSource names the targets of a batch, as handles or IDs. It is read more
// than once, and must then give the same names in the same order. A sequence
// ends with a non-nil error where it could not be finished. The guard waits for
// a few members no longer than Config.DecideTimeout.
type MemberSource interface {
	// Members yields the names.
	Members(ctx context.Context) iter.Seq2[string, error]
}

// MemberSet is a set of canonical IDs with its Merkle tree (RFC 6962, section
// 2.1): sorted bytewise, each of them once. It is never changed, and may be used
// by many goroutines at once. Besides the IDs it takes 68 bytes a member. The
// zero MemberSet is empty, and no batch has it.
type MemberSet struct {
	text   string   // the IDs, one behind the other
	ends   []uint32 // where each ends
	hashes []tlog.Hash
	root   Digest
}

// Member is one target of a batch, with the proof that the batch has it.
type Member struct {
	ID    string   // canonical
	Index int      // its place in the set, from 0
	Proof []Digest // the RFC 6962 audit path, the leaf's sibling first
}

// memberTag keeps the leaves of a set apart from those of any other tree.
const memberTag = "interlock/member/v1\x00"

// NewMemberSet makes a set of canonical IDs, in any order; an ID that comes again
// counts once. None, more than [MaxMembers], or one that is not a proper name is
// an error that matches [ErrInvalid].
func NewMemberSet(ids iter.Seq[string]) (*MemberSet, error) {
	all := &names{}
	for id := range ids {
		if err := all.add(id); err != nil {
			return nil, err
		}
	}
	return all.set()
}

// names collects IDs before they are sorted.
type names struct {
	text strings.Builder
	ends []uint32
}

// add takes an ID, if it is a proper one and there is room.
func (n *names) add(id string) error {
	if err := checkName("a member's ID", id, true); err != nil {
		return err
	}
	if len(n.ends) == MaxMembers {
		return invalid("the members", fmt.Sprintf("are more than %d; ask for them in parts", MaxMembers))
	}
	n.text.WriteString(id)
	n.ends = append(n.ends, uint32(n.text.Len()))
	return nil
}

// idAt cuts the ID at a place out of a text.
func idAt(text string, ends []uint32, i int) string {
	if i == 0 {
		return text[:ends[0]]
	}
	return text[ends[i-1]:ends[i]]
}

// set sorts the IDs and builds their tree.
func (n *names) set() (*MemberSet, error) {
	if len(n.ends) == 0 {
		return nil, invalid("the members", "are none")
	}
	text := n.text.String()
	order := make([]uint32, len(n.ends))
	for i := range order {
		order[i] = uint32(i)
	}
	id := func(i uint32) string { return idAt(text, n.ends, int(i)) }
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(id(a), id(b)) })
	order = slices.CompactFunc(order, func(a, b uint32) bool { return id(a) == id(b) })
	var sorted strings.Builder
	sorted.Grow(len(text))
	s := &MemberSet{ends: make([]uint32, 0, len(order)), hashes: make([]tlog.Hash, 0, 2*len(order))}
	for i, from := range order {
		sorted.WriteString(id(from))
		s.ends = append(s.ends, uint32(sorted.Len()))
		// A reader of hashes that are there can't fail.
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leafOf(id(from)), tlog.HashReaderFunc(s.read))
		if err != nil {
			return nil, fmt.Errorf("moderation: the tree of the members: %w", err)
		}
		s.hashes = append(s.hashes, hashes...)
	}
	s.text = sorted.String()
	root, err := tlog.TreeHash(int64(len(s.ends)), tlog.HashReaderFunc(s.read))
	if err != nil {
		return nil, fmt.Errorf("moderation: the tree of the members: %w", err)
	}
	s.root = Digest(root)
	return s, nil
}

func leafOf(id string) tlog.Hash { return tlog.RecordHash([]byte(memberTag + id)) }

// read returns stored hashes.
func (s *MemberSet) read(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(s.hashes)) {
			return nil, fmt.Errorf("there is no hash %d", index)
		}
		hashes[i] = s.hashes[index]
	}
	return hashes, nil
}

// Len returns how many members there are.
func (s *MemberSet) Len() int {
	if s == nil {
		return 0
	}
	return len(s.ends)
}

// Root returns the root of the tree: what a batch pins.
func (s *MemberSet) Root() Digest {
	if s == nil {
		return Digest{}
	}
	return s.root
}

// ID returns the ID at a place from 0 to Len()-1; any other panics.
func (s *MemberSet) ID(i int) string { return idAt(s.text, s.ends, i) }

// Find returns the place of an ID.
func (s *MemberSet) Find(id string) (i int, found bool) {
	return sort.Find(s.Len(), func(i int) int { return strings.Compare(id, s.ID(i)) })
}

// All returns the IDs in their order. To keep what a batch is about while
// handles change hands, write them down and give them back as its members.
func (s *MemberSet) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range s.Len() {
			if !yield(s.ID(i)) {
				return
			}
		}
	}
}

// Member returns the member at a place from 0 to Len()-1 with its proof; any
// other panics.
func (s *MemberSet) Member(i int) Member {
	path, err := tlog.ProveRecord(int64(len(s.ends)), int64(i), tlog.HashReaderFunc(s.read))
	if err != nil {
		panic(fmt.Sprintf("moderation: MemberSet.Member(%d) of %d: %v", i, s.Len(), err))
	}
	m := Member{ID: s.ID(i), Index: i, Proof: make([]Digest, len(path))}
	for j, hash := range path {
		m.Proof[j] = Digest(hash)
	}
	return m
}

// in reports whether the proof shows the member to be in a set.
func (m Member) in(root Digest, count int) bool {
	const longest = 64
	if len(m.Proof) > longest || m.Index < 0 || m.Index >= count {
		return false
	}
	path := make(tlog.RecordProof, len(m.Proof))
	for i, hash := range m.Proof {
		path[i] = tlog.Hash(hash)
	}
	return tlog.CheckRecord(path, int64(count), tlog.Hash(root), int64(m.Index), leafOf(m.ID)) == nil
}

package moderation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
)

// maxMarks is how many of those whose its members are a mandate tells of: four
// bytes each, of which a record has room for some thousand.
const maxMarks = 1024

// mark stands for one whose a member is. A stranger has the mark of one of 1,024
// once in four million times, and is then refused.
type mark [4]byte

func markOf(root Digest, name string) (m mark) {
	const tag = "interlock/whose/v1"
	sum := sha256.Sum256(appendText(append(appendText(nil, tag), root[:]...), name))
	copy(m[:], sum[:])
	return m
}

// marks collects those of a batch, as long as they are few.
type marks struct {
	root Digest
	all  map[mark]bool
}

func (m *marks) add(name string) {
	if m.all == nil {
		m.all = make(map[mark]bool)
	}
	if len(m.all) <= maxMarks {
		m.all[markOf(m.root, name)] = true
	}
}

// sorted are the marks as a mandate has them; nil where they are too many.
func (m *marks) sorted() []byte {
	if len(m.all) > maxMarks {
		return nil
	}
	var list []mark
	for one := range m.all {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b mark) int { return bytes.Compare(a[:], b[:]) })
	var whose []byte
	for _, one := range list {
		whose = append(whose, one[:]...)
	}
	return whose
}

// marked reports whether a mandate says that somebody has a part in a member.
func (b *Batch) marked(name string) bool {
	const size = len(mark{})
	one := markOf(b.Root, name)
	at := func(i int) uint32 { return binary.BigEndian.Uint32(b.Whose[i*size:]) }
	_, found := sort.Find(len(b.Whose)/size, func(i int) int {
		return int(int64(binary.BigEndian.Uint32(one[:])) - int64(at(i)))
	})
	return found
}

// owned remembers whose the members are.
func (b *batches) owned(id string, owners []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.of(id)
	k.looked, k.owners = true, owners
}

// part reports whether one of the names has a part in a member of one of the
// batches, as far as this process has looked at them.
func (b *batches) part(names []string, ids ...string) (part, looked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		k := b.all[id]
		if k == nil {
			continue
		}
		looked = looked || k.looked
		for _, name := range names {
			if _, found := slices.BinarySearch(k.owners, b.hash(name)); found {
				return true, true
			}
		}
	}
	return false, looked
}

// stranger keeps whose a member is, and who has a conflict of interest with one,
// from what is for others to do about a batch: by what the mandate says of its
// members, and by what this process has seen of them. It is known for certain
// unless the mandate has more members than it tells of and this process has not
// looked at them.
func (g *Guard) stranger(t Ticket, a Actor) (known bool, err error) {
	names := append([]string{a.Person, a.Login}, a.Owners...)
	part, looked := g.batches.part(names, t.ID, t.Undoes)
	if part || slices.ContainsFunc(names, t.Batch.marked) {
		return true, &Refusal{Code: CodeSelf, Ticket: t.ID, Text: fmt.Sprintf("A member of the batch belongs to the person behind %q, or they have declared a conflict of interest with it; nobody acts on what is their own.", a.Login)}
	}
	return looked || len(t.Batch.Whose) > 0, nil
}

// certainStranger is the same where not to know means no, but for who asked or
// approved: they were held against each member.
func (g *Guard) certainStranger(t Ticket, a Actor) error {
	known, err := g.stranger(t, a)
	if err == nil && !known && !t.concerns(a) {
		err = &Refusal{Code: CodeMembers, Ticket: t.ID, Needed: "StartBatch with the members, in this process",
			Text: fmt.Sprintf("Whether %q has a part in a member is not known here: the members are too many for the mandate to tell, and this process has not looked at them.", a.Login)}
	}
	return err
}

// acquaint looks at the members of a batch that this process knows too little of.
// Where that fails nothing is lost: what depends on it is refused.
func (g *Guard) acquaint(ctx context.Context, t Ticket, members *MemberSet) {
	if _, looked := g.batches.part(nil, t.ID); looked || len(t.Batch.Whose) > 0 {
		return
	}
	s := &surveyor{guard: g, action: t.Action}
	if seen, err := s.look(ctx, members); err == nil {
		g.batches.owned(t.ID, seen.owners)
	}
}

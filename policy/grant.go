package policy

import (
	"iter"
	"math"
	"time"
)

// grant is a g row: a login, or everyone with a role, has a role.
type grant struct {
	grantee string // a login or a role
	role    string
	domain  pattern
	from    time.Time // inclusive; zero for always
	until   time.Time // exclusive; zero for ever
}

func parseGrant(a *at, v *vocabulary) grant {
	f := a.row.Fields
	g := grant{grantee: f[0], role: f[1]}
	if problem := checkLogin(f[0]); problem != "" {
		a.wrong("login", f[0], "%s", problem)
	}
	if problem := checkRole(f[1]); problem != "" {
		a.wrong("role", f[1], "%s", problem)
	}
	g.domain = parseDomain(a, v, f[2])
	g.from = parseInstant(a, "from", f[3])
	g.until = parseInstant(a, "until", f[4])
	if !g.from.IsZero() && !g.until.IsZero() && !g.until.After(g.from) {
		a.wrong("until", f[4], "is not after from (%s); the role would never be held", f[3])
	}
	return g
}

// span is from when (inclusive) until when (exclusive) something holds, in
// nanoseconds since 1970.
type span struct{ from, until int64 }

// always is the span without bounds.
func always() span { return span{math.MinInt64, math.MaxInt64} }

func (s span) holds(now int64) bool { return s.from <= now && now < s.until }

func (s span) isBounded() bool { return s != always() }

func (g *grant) span() span {
	s := always()
	if !g.from.IsZero() {
		s.from = g.from.UnixNano()
	}
	if !g.until.IsZero() {
		s.until = g.until.UnixNano()
	}
	return s
}

// nanoseconds returns a moment as spans count it. Bounds are within the years
// that fit; moments before or after are all the same to them.
func nanoseconds(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64 - 1
	}
	return t.UnixNano()
}

// grantBook are the g rows of a policy: who is granted what, by numbers. It
// lasts as long as a load.
type grantBook struct {
	table *rowTable
	// people numbers all names that could be logins or roles, in the order in
	// which they are met; at is where they stand in the table's text.
	people *nameTable
	at     []textAt
	// domains numbers those that rows name, from 1 on; 0 is all of them.
	domains map[string]uint32
	grants  []numbered
	roleOf  []uint32 // the role that each person is, or noRole; from newRoles
}

type textAt struct{ start, size uint32 }

// numbered is a g row by numbers.
type numbered struct {
	grantee, role uint32 // numbers of people
	domain        uint32
	row           uint32
	span          span
}

func newGrantBook(rows []Row, table *rowTable) *grantBook {
	n := 0
	for i := range rows {
		if rows[i].Type == "g" {
			n++
		}
	}
	return &grantBook{
		table:   table,
		people:  newNameTable(table.text, n),
		at:      make([]textAt, 0, n),
		domains: make(map[string]uint32),
		grants:  make([]numbered, 0, n),
	}
}

// add takes a row; the grantee and the role are its first columns.
func (b *grantBook) add(row int, g *grant) {
	start := b.table.start(row) + uint32(len("g"+joint))
	n := numbered{row: uint32(row), span: g.span(), grantee: b.person(g.grantee, start)}
	n.role = b.person(g.role, start+uint32(len(g.grantee)+len(joint)))
	if g.domain.form == exact {
		n.domain = b.domain(g.domain.text)
	}
	b.grants = append(b.grants, n)
}

// person returns the number of a name, which stands at start in the text.
func (b *grantBook) person(name string, start uint32) uint32 {
	number, added := b.people.add(name, start, uint32(len(b.at)))
	if added {
		b.at = append(b.at, textAt{start, uint32(len(name))})
	}
	return number
}

func (b *grantBook) name(person uint32) string {
	at := b.at[person]
	return b.table.text[at.start : at.start+at.size]
}

func (b *grantBook) domain(name string) uint32 {
	number, ok := b.domains[name]
	if !ok {
		number = uint32(len(b.domains)) + 1
		b.domains[name] = number
	}
	return number
}

func (b *grantBook) link(g *numbered) link {
	return link{role: b.roleOf[g.role], domain: g.domain, span: g.span}
}

func (b *grantBook) numberedDomains() *nameTable {
	list := make([]string, len(b.domains))
	for name, number := range b.domains {
		list[number-1] = name
	}
	return numberNames(list, 1)
}

// byGrantee yields each person with the grants that it is given, in their order.
func (b *grantBook) byGrantee() iter.Seq2[int, []uint32] {
	order, ends := group(len(b.at), len(b.grants), func(i int) uint32 { return b.grants[i].grantee })
	return func(yield func(int, []uint32) bool) {
		start := uint32(0)
		for person, end := range ends {
			if !yield(person, order[start:end]) {
				return
			}
			start = end
		}
	}
}

// group sorts the numbers of items, stably, by a key below keys. It returns
// them and where those of each key end.
func group(keys, items int, key func(int) uint32) (order, ends []uint32) {
	ends = make([]uint32, keys+1)
	for i := range items {
		ends[key(i)+1]++
	}
	for k := range keys {
		ends[k+1] += ends[k]
	}
	order = make([]uint32, items)
	for i := range items {
		k := key(i)
		order[ends[k]] = uint32(i)
		ends[k]++
	}
	return order, ends[:keys]
}

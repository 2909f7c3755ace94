package policy

import "slices"

// rowList is the rules and then the needs of an answer, by number, each in the
// order of the policy. It needs no room of its own for up to eight.
type rowList struct {
	few   [8]uint32
	many  []uint32 // instead of few where there are more
	size  uint32
	rules uint32 // how many of them are rules
}

func (l *rowList) len() int { return int(l.size) }

func (l *rowList) all() []uint32 {
	if l.many != nil {
		return l.many
	}
	return l.few[:l.size]
}

func (l *rowList) ruleRows() []uint32 { return l.all()[:l.rules] }
func (l *rowList) needRows() []uint32 { return l.all()[l.rules:] }

// endRules ends the rules; what is added from here on are needs.
func (l *rowList) endRules() {
	l.settle()
	l.rules = l.size
}

// add puts a row in its place, once. Where there are many, settle does that.
func (l *rowList) add(row uint32) {
	if int(l.size) == len(l.few) && l.many == nil {
		l.many = append(make([]uint32, 0, 4*len(l.few)), l.few[:]...)
	}
	if l.many != nil {
		l.many = append(l.many, row)
		l.size++
		return
	}
	i := l.size
	for i > l.rules && l.few[i-1] > row {
		i--
	}
	if i > l.rules && l.few[i-1] == row {
		return
	}
	copy(l.few[i+1:l.size+1], l.few[i:l.size])
	l.few[i] = row
	l.size++
}

// settle puts many rows in their places.
func (l *rowList) settle() {
	if l.many == nil {
		return
	}
	latest := l.many[l.rules:]
	slices.Sort(latest)
	l.size = l.rules + uint32(len(slices.Compact(latest)))
	l.many = l.many[:l.size]
}

// addHeld adds the entries about a role that is held; both lists are in the
// order of roles.
func (l *rowList) addHeld(entries []entry, held []uint32) {
	if len(entries) <= len(held) {
		for _, e := range entries {
			if contains(held, e.subject) {
				l.add(e.row)
			}
		}
		return
	}
	for _, role := range held {
		l.addSubject(entries, role)
	}
}

// addSubject adds the entry about a subject. The search always takes as many
// steps, so that the processor need not guess which way it goes.
func (l *rowList) addSubject(entries []entry, subject uint32) {
	at := 0
	for rest := len(entries); rest > 1; {
		half := rest / 2
		if entries[at+half].subject <= subject {
			at += half
		}
		rest -= half
	}
	if at < len(entries) && entries[at].subject == subject {
		l.add(entries[at].row)
	}
}

// contains reports whether a role is in a list in the order of roles.
func contains(held []uint32, role uint32) bool {
	_, found := slices.BinarySearch(held, role)
	return found
}

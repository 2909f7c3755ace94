package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// digestTag keeps a policy's digest apart from digests of anything else.
const digestTag = "interlock policy v1\n"

// Digest returns the digest that a policy of these rows has; see
// [Authorizer.Digest]. It does not look at whether they are a policy. Where rows
// are stored, it tells whether they are still those that were written.
func Digest(rows []Row) string { return digest(rows) }

// digest returns the SHA-256 of the rows, in hexadecimal. The order of rows
// and where they stand do not count: they change no decision, and a database
// promises no order.
func digest(rows []Row) string { return sortRows(rows).digest() }

// sortedRows are rows in the order of their encodings.
type sortedRows struct {
	encoded []byte
	starts  []int // where each row's encoding begins, and one end more
	order   []sortedRow
}

type sortedRow struct {
	key uint64 // the eight bytes of the encoding that are compared next
	row uint32
}

func sortRows(rows []Row) *sortedRows {
	size := 0
	for _, r := range rows {
		size += len(r.Type) + 2
		for _, field := range r.Fields {
			size += len(field) + 2
		}
	}
	s := &sortedRows{encoded: make([]byte, 0, size), starts: make([]int, len(rows)+1), order: make([]sortedRow, len(rows))}
	for i, row := range rows {
		s.encoded = encode(s.encoded, row)
		s.starts[i+1] = len(s.encoded)
		s.order[i].row = uint32(i)
	}
	s.sort(s.order, 0)
	return s
}

func (s *sortedRows) encoding(row uint32) []byte {
	return s.encoded[s.starts[row]:s.starts[row+1]]
}

// sort orders rows that agree in their first depth bytes: by the next eight,
// as one number, and those that agree in these by what follows.
func (s *sortedRows) sort(rows []sortedRow, depth int) {
	for i := range rows {
		rest := s.encoding(rows[i].row)[depth:]
		if len(rest) < 8 { // too short for a number, which could not tell 0 from an end
			slices.SortFunc(rows, func(a, b sortedRow) int {
				return bytes.Compare(s.encoding(a.row)[depth:], s.encoding(b.row)[depth:])
			})
			return
		}
		rows[i].key = binary.BigEndian.Uint64(rest)
	}
	slices.SortFunc(rows, func(a, b sortedRow) int { return cmp.Compare(a.key, b.key) })
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].key == rows[0].key {
			n++
		}
		if n > 1 {
			s.sort(rows[:n], depth+8)
		}
		rows = rows[n:]
	}
}

// repeated returns the rows that stand in the policy before, with the first
// that is the same.
func (s *sortedRows) repeated() map[int]int {
	var again map[int]int
	for rest := s.order; len(rest) > 0; {
		n := 1
		for n < len(rest) && bytes.Equal(s.encoding(rest[n].row), s.encoding(rest[0].row)) {
			n++
		}
		if n > 1 {
			if again == nil {
				again = make(map[int]int)
			}
			first := slices.MinFunc(rest[:n], func(a, b sortedRow) int { return cmp.Compare(a.row, b.row) }).row
			for _, r := range rest[:n] {
				if r.row != first {
					again[int(r.row)] = int(first)
				}
			}
		}
		rest = rest[n:]
	}
	return again
}

func (s *sortedRows) digest() string {
	h := sha256.New()
	text := append(make([]byte, 0, 64<<10), digestTag...)
	for _, r := range s.order {
		e := s.encoding(r.row)
		text = binary.BigEndian.AppendUint64(text, uint64(len(e)))
		text = append(text, e...)
		if len(text) > 32<<10 {
			h.Write(text)
			text = text[:0]
		}
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// encode appends a row's type and columns, each behind its length, so that no
// two rows are written alike.
func encode(b []byte, row Row) []byte {
	b = binary.AppendUvarint(b, uint64(len(row.Type)))
	b = append(b, row.Type...)
	for _, field := range row.Fields {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return b
}

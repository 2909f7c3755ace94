package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// digestTag keeps a policy's digest apart from digests of anything else.
const digestTag = "interlock policy v1\n"

// digest returns the SHA-256 of the rows, in hexadecimal. The order of rows
// and where they stand do not count: they change no decision, and a database
// promises no order.
func digest(rows []Row) string {
	encoded := make([][]byte, len(rows))
	for i, row := range rows {
		encoded[i] = encode(nil, row)
	}
	slices.SortFunc(encoded, bytes.Compare)
	h := sha256.New()
	h.Write([]byte(digestTag))
	for _, e := range encoded {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(e)))
		h.Write(size[:])
		h.Write(e)
	}
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

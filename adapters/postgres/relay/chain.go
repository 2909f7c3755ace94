package relay

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/audit"
)

// ChainError says that the chain of records is not whole, or that a record in
// it can never reach its sink. The store is halted then. A record that is gone
// can be put back from a backup; then call [Lift].
type ChainError struct {
	Seq     int64  // the record's number in the chain, from 1
	Problem string // what is wrong with it
	Err     error  // what the sink said, or nil
}

// Error names the record and the problem.
func (e *ChainError) Error() string {
	return fmt.Sprintf("relay: record %d of the outbox %s; the store is halted until that is mended and Lift is called", e.Seq, e.Problem)
}

// Unwrap returns Err.
func (e *ChainError) Unwrap() error { return e.Err }

// place is a place in the chain: behind the record seq.
type place struct {
	seq  int64
	hash []byte
}

// entry is a row of the outbox.
type entry struct {
	seq  int64
	id   string
	sum  []byte
	hash []byte
	body []byte // nil where it was pruned
}

// link is the hash of a record whose body has a sum, behind a place.
func (p place) link(sum []byte) []byte {
	h := sha256.New()
	h.Write(p.hash)
	h.Write(sum)
	return h.Sum(nil)
}

// next takes an entry for the one behind a place, or says why it is not.
func (p place) next(e entry) (place, error) {
	broken := func(problem string) (place, error) { return p, &ChainError{Seq: p.seq + 1, Problem: problem} }
	switch {
	case e.seq != p.seq+1:
		return broken("is missing")
	case e.body != nil && sumOf(e.body) != [sha256.Size]byte(pad(e.sum)):
		return broken("is not what was committed: its body was changed")
	case !bytes.Equal(p.link(e.sum), e.hash):
		return broken("is not what was committed: it does not fit what is before it")
	}
	return place{e.seq, e.hash}, nil
}

func sumOf(body []byte) [sha256.Size]byte { return sha256.Sum256(body) }

// pad makes a sum of any length comparable; a false length makes a false sum.
func pad(sum []byte) []byte {
	if len(sum) != sha256.Size {
		return make([]byte, sha256.Size)
	}
	return sum
}

// record reads the record of an entry that is in its place.
func (e entry) record() (audit.Record, error) {
	if e.body == nil {
		return audit.Record{}, &ChainError{Seq: e.seq, Problem: "was pruned before it was relayed"}
	}
	var r audit.Record
	if err := json.Unmarshal(e.body, &r); err != nil {
		return audit.Record{}, &ChainError{Seq: e.seq, Problem: "can't be read: " + err.Error(), Err: err}
	}
	if again, err := r.AppendJSON(nil); err != nil || !bytes.Equal(again, e.body) {
		return audit.Record{}, &ChainError{Seq: e.seq, Problem: "is not in the form in which records are written", Err: err}
	}
	if r.ID != e.id {
		return audit.Record{}, &ChainError{Seq: e.seq, Problem: fmt.Sprintf("has the ID %.64q, but stands as %.64q", r.ID, e.id)}
	}
	return r, nil
}

// atEnd holds the place behind the last record that is there against the end of
// the chain as the store knows it.
func (p place) atEnd(end place) error {
	switch {
	case p.seq < end.seq:
		return &ChainError{Seq: p.seq + 1, Problem: "is missing"}
	case p.seq > end.seq:
		return &ChainError{Seq: end.seq + 1, Problem: "was there before: the chain was put back"}
	case !bytes.Equal(p.hash, end.hash):
		return &ChainError{Seq: p.seq, Problem: "is not the one with which the store's chain ends"}
	}
	return nil
}

// The columns of an entry, in the order of scanEntry.
const entryColumns = "seq, id, sum, hash, body"

func scanEntry(row pgx.CollectableRow) (e entry, err error) {
	return e, row.Scan(&e.seq, &e.id, &e.sum, &e.hash, &e.body)
}

func inSchema(schema, statement string) string {
	return strings.ReplaceAll(statement, "@schema@", schema)
}

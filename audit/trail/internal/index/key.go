package index

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Kind is what a text that a record can be found by is. The zero Kind is none.
type Kind byte

// The kinds. Their numbers are part of what is on disk.
const (
	ID     Kind = iota + 1 // the record's ID
	Ticket                 // the ticket that it is about
	Actor                  // the login and the person of who did it
	Target                 // to whom or what it was done
)

// Keys is what a record can be found by. Texts that are empty are not indexed.
type Keys struct {
	// ID, Ticket and Target are texts of the kinds with those names.
	ID, Ticket, Target string
	// Login and Person are both of kind Actor.
	Login, Person string
	// Time is the record's time, of a year from 0 to 9999. Parts of a second
	// are not kept.
	Time time.Time
}

// maxKeys is how many hashes a record has at most.
const maxKeys = 5

// Prepared is the keys of a record as [Index.Add] takes them. Prepare makes it;
// the zero Prepared is refused.
type Prepared struct {
	hashes [maxKeys]uint64
	count  int
	second int64
	made   bool
	byID   bool // the first hash is the ID's
}

// Prepare hashes the keys of a record. It takes about half a microsecond.
func Prepare(k Keys) Prepared {
	p := Prepared{second: k.Time.Unix(), made: true, byID: k.ID != ""}
	p.add(ID, k.ID)
	p.add(Ticket, k.Ticket)
	p.add(Target, k.Target)
	p.add(Actor, k.Login)
	if k.Person != k.Login {
		p.add(Actor, k.Person)
	}
	return p
}

func (p *Prepared) add(k Kind, text string) {
	if text == "" {
		return
	}
	p.hashes[p.count] = hashOf(k, text)
	p.count++
}

// hashOf is cryptographic so that nobody can choose texts that crowd one hash.
func hashOf(k Kind, text string) uint64 {
	var room [256]byte
	sum := sha256.Sum256(append(append(room[:0], byte(k)), text...))
	return binary.BigEndian.Uint64(sum[:])
}

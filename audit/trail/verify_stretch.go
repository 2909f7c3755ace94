package trail

import (
	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// work verifies a stretch and says so to who waits for it.
func (w *walk) work(s *stretch) {
	s.err = errEnded
	defer func() { s.done <- struct{}{} }()
	s.err = w.verify(s)
}

// verify returns what is wrong with the tile or the bundle of a stretch.
func (w *walk) verify(s *stretch) error {
	if s.unread {
		e, err := w.expect(s.tile, s.Tile, s.root)
		if err != nil {
			return err
		}
		s.expected, s.tile = e, e.hashes
	}
	if s.flaw != nil {
		return s.flaw // found with the help of the bundle
	}
	at, err := w.bundle(s.bundle.data, s.Tile)
	if err != nil {
		return damaged(err, at.path, s.First())
	}
	s.bundle = at
	return s.verifyEntries()
}

// verifyEntries compares the entries with the hashes of the tile.
func (s *stretch) verifyEntries() error {
	var malformed error
	s.leaves, malformed = tiles.AppendLeafHashes(s.leaves[:0], s.bundle.data, s.Width)
	good := firstDifference(s.leaves, s.hashes)
	if good == s.Width && malformed == nil {
		s.records = onlyRecords(s.bundle.data, s.Width)
		return nil
	}
	damage := &DamageError{File: s.bundle.path, Index: s.First() + uint64(good)}
	switch {
	case good < len(s.leaves)/tiles.HashSize:
		damage.Problem = "is not the one whose hash is in the tree"
	case good < s.Width:
		damage.Problem, damage.Err = "can't be read", malformed
	default:
		damage.Index--
		damage.Problem, damage.Err = "should be the last one in this file", malformed
	}
	return damage
}

// onlyRecords reports whether all entries of a bundle are whole records.
func onlyRecords(bundle []byte, width int) bool {
	for r := tiles.NewReader(bundle, width); r.Next(); {
		if entry.Kind(r.Entry()[0]) != entry.KindRecord {
			return false
		}
	}
	return true
}

// parts finds records in parts that are not whole, and entries that are no part
// of any. The zero parts begins before the first entry.
type parts struct {
	assembler entry.Assembler
	begun     bool // a record in parts has begun and not ended
	last      string
}

// check takes the stretches in order.
func (p *parts) check(s *stretch) error {
	p.last = s.bundle.path
	if s.records && !p.begun {
		return nil
	}
	r := tiles.NewReader(s.bundle.data, s.Width)
	for index := s.First(); r.Next(); index++ {
		if _, _, err := p.assembler.Add(index, r.Entry()); err != nil {
			return &DamageError{File: p.last, Index: index, Problem: "makes no record with those before it", Err: err}
		}
	}
	p.begun = p.assembler.End() != nil
	if !p.begun {
		p.assembler = entry.Assembler{} // so that stretches can be left out
	}
	return nil
}

// end is for the end of the log.
func (p *parts) end(size uint64) error {
	if err := p.assembler.End(); err != nil {
		return &DamageError{File: p.last, Index: size - 1, Problem: "is the last one of the log", Err: err}
	}
	return nil
}

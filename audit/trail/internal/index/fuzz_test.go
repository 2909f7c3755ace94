package index_test

import (
	"math"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

// FuzzOpen opens whatever may be in the file of a run: a whole one in which
// something was put in another's place, cut or made longer. With the checksums
// that it then has no record is missed; with right ones nothing panics, goes on
// for ever, or takes memory that the file does not account for.
func FuzzOpen(f *testing.F) {
	ram, log := newRAMDisk(), smallLog()
	fill(f, ram, log, log.next())
	whole := ram.read(f, runName(0, log.next()))
	for _, resealed := range []bool{false, true} {
		f.Add(uint(0), []byte{}, uint(len(whole)), resealed)
		f.Add(uint(0), []byte{}, uint(pageSize+10), resealed)
		f.Add(uint(0), []byte{}, uint(10), resealed)
		for field := range uint(4) { // of the header
			f.Add(16+8*field, []byte{0, 0, 0, 0, 0, 0, 0, 9}, uint(len(whole)), resealed)
			f.Add(16+8*field, []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint(len(whole)), resealed)
		}
		f.Add(uint(pageSize+8), []byte{0xff, 0xff}, uint(len(whole)), resealed)         // a leaf
		f.Add(uint(pageSize+32), []byte{0, 0}, uint(len(whole)), resealed)              // a hash
		f.Add(uint(3*pageSize), []byte{0xff, 0xff, 0, 0}, uint(len(whole)), resealed)   // a first hash
		f.Add(uint(len(whole)-20), make([]byte, 16), uint(len(whole)), resealed)        // a zone
		f.Add(uint(len(whole)-4), make([]byte, 4), uint(len(whole)+pageSize), resealed) // the end
	}
	f.Fuzz(func(t *testing.T, at uint, patch []byte, length uint, resealed bool) {
		b := make([]byte, min(length, 1<<20))
		copy(b, whole)
		copy(b[min(at, uint(len(b))):], patch)
		fs := newRAMDisk()
		closeIndex(t, open(t, fs))
		if resealed {
			fs.write(index.Reseal(b), b)
			useForged(t, fs)
			return
		}
		fs.write(runName(0, log.next()), b)
		log.rightOrDamaged(t, fs, 1)
	})
}

// useForged does with an index what can be done, whatever comes of it.
func useForged(t *testing.T, fs *ramDisk) {
	x, err := index.Open(fs, dir, func(uint64) (tlog.Hash, error) { return tlog.Hash{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, from := range []uint64{0, 50, math.MaxInt64} {
		for k := index.ID; k <= index.Target; k++ {
			last := uint64(0)
			for leaf, err := range x.Find(k, "record-3", from, math.MaxInt64) {
				if err == nil && (leaf < from || leaf < last) {
					t.Errorf("leaf %d from %d after %d", leaf, from, last)
				}
				last = leaf
			}
		}
		last := from
		for s, err := range x.Spans(epoch, time.Time{}, from, math.MaxInt64) {
			if err != nil || s.First < last || s.End <= s.First {
				t.Errorf("span %v after %d: %v", s, last, err)
			}
			last = s.End
		}
	}
	leaf := x.Covered()
	if leaf >= math.MaxInt64 {
		return // a log is never that long
	}
	x.Add(leaf, index.Prepare(usual(1)))
	if err := x.Flush(leaf + 1); x.Covered() != leaf+1 {
		t.Errorf("%d covered: %v", x.Covered(), err)
	}
	x.Settle()
}

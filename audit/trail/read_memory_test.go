package trail_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/elevenminutes/interlock/audit/trail"
)

// TestReadingDoesNotHoldTheLogInMemory runs alone: it measures the whole heap.
func TestReadingDoesNotHoldTheLogInMemory(t *testing.T) {
	const (
		records = 1500
		size    = 6000 // bytes of each: 9 MB in all
		bound   = 4 << 20
	)
	p := newPlace(t)
	c := p.config()
	c.Room = 4 << 20
	l := openWith(t, c)
	for i := 0; i < records; i += 250 {
		some := briefs(i, i+250)
		for k := range some {
			some[k] = exactly(fmt.Sprint("id-", i+k), size)
			some[k].Ticket = "ticket"
		}
		addSome(t, l, some)
	}
	closeLog(t, l)
	l = openWith(t, c)

	queries := map[string]trail.Query{
		"all":       {},
		"a ticket":  {Ticket: "ticket"},
		"from when": {Since: brief(0).Time},
	}
	for name, q := range queries {
		before, n := inUse(), 0
		for e, err := range l.Records(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if n%500 != 0 {
				continue
			}
			if grown := inUse() - before; grown > bound {
				t.Errorf("%s: %d bytes more are in use at entry %d", name, grown, e.Index)
			}
		}
		if n != records {
			t.Errorf("%s: %d records", name, n)
		}
	}
	before, n := inUse(), 0
	for _, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if grown := inUse() - before; n != records || grown > bound {
		t.Errorf("replay of %d records: %d bytes more are in use", n, grown)
	}
}

// inUse is how many bytes of the heap are.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

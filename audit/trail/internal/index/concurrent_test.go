package index_test

import (
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// TestWhatWasAddedIsFoundWhileOthersAddFlushAndMerge has one goroutine that
// adds, one that flushes, with merges in the background, and three that look.
func TestWhatWasAddedIsFoundWhileOthersAddFlushAndMerge(t *testing.T) {
	t.Parallel()
	const count = 4000
	x, err := index.Open(disk.OS{}, filepath.Join(t.TempDir(), "index"), rootOf)
	if err != nil {
		t.Fatal(err)
	}
	x.MergeInBackground(500)
	log := usualHistory(count)
	var added atomic.Uint64
	var work sync.WaitGroup
	work.Go(func() {
		for _, r := range log.records {
			x.Add(r.leaf, index.Prepare(r.keys))
			added.Store(r.leaf + 1)
		}
	})
	work.Go(func() {
		for flushed := uint64(0); flushed < count; {
			if flushed = added.Load(); flushed%3 == 2 {
				flushed-- // what is not durable in the log stays
			}
			if err := x.Flush(flushed); err != nil {
				t.Error(err)
				return
			}
			if got := x.Covered(); got != flushed {
				t.Errorf("%d covered, want %d", got, flushed)
			}
		}
	})
	for seed := range uint64(3) {
		work.Go(func() {
			random := rand.New(rand.NewPCG(seed, 3))
			for x.Covered() < count && !t.Failed() {
				log.look(t, random, x, added.Load())
			}
		})
	}
	work.Wait()
	log.everything(t, x)
	closeIndex(t, x)
}

// look asks for what is below a leaf, all of which was added.
func (h *history) look(t *testing.T, random *rand.Rand, x *index.Index, below uint64) {
	if below == 0 {
		return
	}
	k := h.records[random.Uint64N(below)].keys
	h.compare(t, x, index.ID, k.ID, 0, math.MaxInt64)
	h.compare(t, x, index.Actor, k.Person, 0, below)
	h.compare(t, x, index.Ticket, k.Ticket, 0, below)
	all, err := spans(x, time.Time{}, time.Time{}, 0, below)
	if err != nil || len(all) != 1 || all[0] != (index.Span{First: 0, End: below}) {
		t.Errorf("spans below %d: %v, %v", below, all, err)
	}
}

func TestAnIterationGoesOnThoughItsRunsAreMergedAndTheIndexIsClosed(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), usualHistory(500)
	fill(t, fs, log, 100, 200, 300)
	x := open(t, fs)
	log.addTo(x, 300)
	text := usual(0).Login
	next, stop := iter.Pull2(x.Find(index.Actor, text, 0, math.MaxInt64))
	defer stop()
	var got []uint64
	for leaf, err, ok := next(); ok; leaf, err, ok = next() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, leaf)
		switch len(got) {
		case 1:
			flush(t, x, 500)
			if len(fs.list()) != 1 {
				t.Errorf("the runs were not merged: %v", fs.list())
			}
		case 2:
			closeIndex(t, x)
		}
	}
	if want := len(log.find(index.Actor, text, 0, 500)); len(got) != want {
		t.Errorf("found %d leaves, want %d", len(got), want)
	}
	if n := fs.open.Load(); n != 0 {
		t.Errorf("%d files were left open", n)
	}
}

func TestAMergeInTheBackgroundHoldsUpNobodyAndIsEndedByClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ram, log, goOn := newRAMDisk(), usualHistory(720), make(chan struct{})
		fill(t, ram, log, 100, 200)
		fs := &disktest.Faulty{FS: ram, During: func(op, path string) {
			if op == disktest.OpOpen && filepath.Base(path) == runName(0, 500)+".tmp" {
				<-goOn
			}
		}}
		x := open(t, fs)
		x.MergeInBackground(100)
		log.addTo(x, 200)
		flush(t, x, 500)
		log.everything(t, x)
		for _, end := range []uint64{570, 600, 720} { // the first two are merged meanwhile
			flush(t, x, end)
			log.everything(t, x)
		}
		synctest.Wait()
		if x.Covered() != 720 || x.Runs() != 5 {
			t.Errorf("%d covered by %d runs", x.Covered(), x.Runs())
		}

		closed := make(chan error)
		go func() { closed <- x.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close did not wait for the merge: %v", err)
		default:
		}
		close(goOn)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if n, files := ram.open.Load(), ram.list(); n != 0 || len(files) != 5 {
			t.Errorf("%d files were left open; there are %q", n, files)
		}
	})
}

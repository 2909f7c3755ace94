package index_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

// record is one of a log's.
type record struct {
	leaf uint64
	keys index.Keys
}

// history is the records of a log, which an index is to know.
type history struct {
	records []record
	leaves  map[text][]uint64
}

type text struct {
	kind index.Kind
	text string
}

// next is the lowest leaf that the log does not have.
func (h *history) next() uint64 {
	if len(h.records) == 0 {
		return 0
	}
	return h.records[len(h.records)-1].leaf + 1
}

func (h *history) append(leaf uint64, k index.Keys) {
	h.records = append(h.records, record{leaf, k})
	if h.leaves == nil {
		h.leaves = map[text][]uint64{}
	}
	texts := []text{{index.ID, k.ID}, {index.Ticket, k.Ticket}, {index.Actor, k.Login}, {index.Actor, k.Person}, {index.Target, k.Target}}
	for i, t := range texts {
		if !slices.Contains(texts[:i], t) {
			h.leaves[t] = append(h.leaves[t], leaf)
		}
	}
}

func (h *history) find(k index.Kind, s string, from, below uint64) []uint64 {
	var found []uint64
	for _, leaf := range h.leaves[text{k, s}] {
		if leaf >= from && leaf < below {
			found = append(found, leaf)
		}
	}
	return found
}

// addTo adds what an index that covers less than the log misses.
func (h *history) addTo(x *index.Index, from uint64) {
	for _, r := range h.records {
		if r.leaf >= from {
			x.Add(r.leaf, index.Prepare(r.keys))
		}
	}
}

// grow adds records to the log. Texts recur more or less often, in more than
// one kind, and some are empty; times go back; some leaves are no record's.
func (h *history) grow(random *rand.Rand, count int) {
	for range count {
		gap := uint64(0)
		if random.IntN(10) == 0 {
			gap = random.Uint64N(400)
		}
		h.append(h.next()+gap, index.Keys{
			ID:     fmt.Sprintf("id-%d", len(h.records)),
			Ticket: oneOf(random, "", "a", "b", fmt.Sprintf("ticket-%d", len(h.records)/8)),
			Login:  oneOf(random, "", "a", "b", "c"),
			Person: oneOf(random, "a", "b"),
			Target: oneOf(random, "", "a", fmt.Sprintf("target-%d", random.IntN(100))),
			Time:   epoch.Add(time.Duration(len(h.records)-random.IntN(500)) * 900 * time.Millisecond),
		})
	}
}

var epoch = time.Date(2017, 11, 2, 22, 57, 1, 0, time.UTC)

func oneOf(random *rand.Rand, texts ...string) string { return texts[random.IntN(len(texts))] }

// found collects what Find yields up to an error.
func found(x *index.Index, k index.Kind, text string, from, below uint64) ([]uint64, error) {
	var leaves []uint64
	for leaf, err := range x.Find(k, text, from, below) {
		if err != nil {
			return leaves, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

// everything compares what an index finds with what is in the log.
func (h *history) everything(t *testing.T, x *index.Index) {
	t.Helper()
	for _, r := range h.records {
		h.compare(t, x, index.ID, r.keys.ID, 0, math.MaxInt64)
		if x.Lacks(index.Prepare(r.keys)) {
			t.Errorf("record %q is said to be missing", r.keys.ID)
		}
	}
	for _, k := range []index.Kind{index.ID, index.Ticket, index.Actor, index.Target} {
		for _, text := range []string{"a", "b", "c", "ticket-3", "target-7", "nobody"} {
			h.compare(t, x, k, text, 0, math.MaxInt64)
		}
	}
	if got, err := spans(x, time.Time{}, time.Time{}, 0, math.MaxInt64); err != nil || len(h.records) > 0 && len(got) == 0 {
		t.Errorf("spans of all time: %v, %v", got, err)
	}
}

func (h *history) compare(t *testing.T, x *index.Index, k index.Kind, text string, from, below uint64) {
	t.Helper()
	got, err := found(x, k, text, from, below)
	if err != nil {
		t.Fatalf("kind %d, text %q: %v", k, text, err)
	}
	if want := h.find(k, text, from, below); !slices.Equal(want, got) {
		t.Fatalf("kind %d, text %q, from %d below %d of %d covered (-want +got):\n%s", k, text, from, below, x.Covered(), cmp.Diff(want, got))
	}
}

func spans(x *index.Index, since, until time.Time, from, below uint64) ([]index.Span, error) {
	var all []index.Span
	for s, err := range x.Spans(since, until, from, below) {
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (h *history) compareSpans(t *testing.T, x *index.Index, since, until time.Time, from, below uint64) {
	t.Helper()
	all, err := spans(x, since, until, from, below)
	if err != nil {
		t.Fatal(err)
	}
	end := from
	for i, s := range all {
		if s.First < end || s.End <= s.First || s.End > below || i > 0 && s.First == end {
			t.Fatalf("spans from %d below %d: %v", from, below, all)
		}
		end = s.End
	}
	in := func(leaf uint64) bool {
		return slices.ContainsFunc(all, func(s index.Span) bool { return s.First <= leaf && leaf < s.End })
	}
	touched := h.zonesTouched(since, until)
	for _, r := range h.records {
		asked := r.leaf >= from && r.leaf < below
		matches := !r.keys.Time.Before(since) && (until.IsZero() || r.keys.Time.Before(until))
		if asked && matches && !in(r.leaf) {
			t.Fatalf("leaf %d of %v is in none of %v, of [%v, %v)", r.leaf, r.keys.Time, all, since, until)
		}
		if in(r.leaf) && !touched[r.leaf/256] {
			t.Fatalf("leaf %d of %v is in one of %v, of [%v, %v)", r.leaf, r.keys.Time, all, since, until)
		}
	}
}

// zonesTouched tells which 256 leaves have times, in seconds, before and after
// which there are some of the window's.
func (h *history) zonesTouched(since, until time.Time) map[uint64]bool {
	earliest, latest := map[uint64]int64{}, map[uint64]int64{}
	for _, r := range h.records {
		zone, second := r.leaf/256, r.keys.Time.Unix()
		if _, ok := earliest[zone]; !ok {
			earliest[zone], latest[zone] = second, second
		}
		earliest[zone], latest[zone] = min(earliest[zone], second), max(latest[zone], second)
	}
	touched := map[uint64]bool{}
	for zone := range earliest {
		touched[zone] = (since.IsZero() || latest[zone] >= since.Unix()) && (until.IsZero() || earliest[zone] <= until.Unix())
	}
	return touched
}

// TestIndexKnowsWhatIsInTheLogWhateverWasDoneBefore does one thing after the
// other with an index and asks it in between.
func TestIndexKnowsWhatIsInTheLogWhateverWasDoneBefore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			fs := newRAMDisk()
			log := &history{}
			x := open(t, fs)
			for range 60 {
				switch random.IntN(10) {
				case 0:
					if err := x.Close(); err != nil {
						t.Fatal(err)
					}
					x = open(t, fs)
					log.addTo(x, x.Covered())
				case 1, 2, 3:
					if err := x.Flush(random.Uint64N(log.next() + 1)); err != nil {
						t.Fatal(err)
					}
				case 4:
					x.MergeInBackground(random.Uint64N(2000))
					x.FilterAfter(random.Uint64N(300))
					x.LimitFilters(random.Uint64N(8000))
				default:
					before := log.next()
					log.grow(random, random.IntN(300))
					log.addTo(x, before)
				}
				log.ask(t, random, x)
			}
			log.everything(t, x)
		})
	}
}

// ask asks this and that.
func (h *history) ask(t *testing.T, random *rand.Rand, x *index.Index) {
	t.Helper()
	for i := range 6 {
		from, below := random.Uint64N(h.next()+1), random.Uint64N(h.next()+2)
		if random.IntN(2) == 0 {
			from, below = 0, math.MaxInt64
		}
		k := index.Kind(1 + random.IntN(4))
		text := oneOf(random, "a", "b", "c", fmt.Sprintf("id-%d", random.IntN(len(h.records)+1)), fmt.Sprintf("ticket-%d", random.IntN(len(h.records)+1)))
		h.compare(t, x, k, text, from, below)
		if x.Lacks(index.Prepare(index.Keys{ID: text})) && len(h.find(index.ID, text, 0, math.MaxInt64)) > 0 {
			t.Fatalf("record %q is said to be missing", text)
		}
		if i > 0 {
			continue
		}
		since := epoch.Add(time.Duration(random.IntN(len(h.records)+1)) * time.Second)
		until := since.Add(time.Duration(random.IntN(100_000)) * time.Millisecond)
		switch random.IntN(4) {
		case 0:
			since = time.Time{}
		case 1:
			until = time.Time{}
		}
		h.compareSpans(t, x, since, until, from, below)
	}
	pending := 0
	for _, r := range h.records {
		if r.leaf >= x.Covered() {
			pending++
		}
	}
	if got := x.Pending(); got != pending {
		t.Fatalf("%d records pending, want %d", got, pending)
	}
}

package index

import (
	"iter"
	"math"
	"time"
)

// Span is the leaves from First to before End.
type Span struct {
	// First is the first leaf.
	First uint64
	// End is the leaf after the last.
	End uint64
}

// Spans yields ascending spans of leaves, from the leaf from on and below the
// leaf below, some of which may have a time that is not before since and before
// until. Every such leaf that was added before the iteration began is in one of
// them. The zero time is an open end. Times need not ascend with the leaves.
// Nothing is read from the disk.
//
// An error ends the iteration: that of an index that is closed or was misused.
func (x *Index) Spans(since, until time.Time, from, below uint64) iter.Seq2[Span, error] {
	return func(yield func(Span, error) bool) {
		x.mu.RLock()
		runs, frozen, active, err := x.runs, x.frozen.times(), x.active.times(), x.usable()
		x.mu.RUnlock()
		if err != nil {
			yield(Span{}, err)
			return
		}
		s := spans{from: from, below: below, yield: func(span Span) bool { return yield(span, nil) }}
		w := window(since, until)
		if s.runs(runs, w) && s.records(frozen, w) && s.records(active, w) {
			s.flush()
		}
	}
}

// window returns the first and the last second with a time that is not before
// since and before until.
func window(since, until time.Time) zone {
	w := zone{math.MinInt64, math.MaxInt64}
	if !since.IsZero() {
		w.earliest = since.Unix()
	}
	if !until.IsZero() {
		w.latest = until.Add(-time.Nanosecond).Unix()
	}
	return w
}

// spans joins spans that follow one upon the other.
type spans struct {
	from, below uint64
	open        Span // not yet yielded, if it is not empty
	yield       func(Span) bool
}

func (s *spans) runs(runs []*run, w zone) bool {
	for _, r := range runs {
		base := zoneOf(r.first)
		for at := zoneOf(max(r.first, min(s.from, r.end-1))) - base; at < r.zoneCount(); at++ {
			begin := (base + at) * zoneLeaves
			if begin >= s.below {
				break
			}
			if !r.zones[at].touches(w) {
				continue
			}
			if !s.add(Span{max(begin, r.first), min(begin+zoneLeaves, r.end)}) {
				return false
			}
		}
	}
	return true
}

func (s *spans) records(t times, w zone) bool {
	for r := range t.from(s.from) {
		if r.leaf >= s.below {
			break
		}
		if !(zone{r.second, r.second}).touches(w) {
			continue
		}
		if !s.add(Span{r.leaf, r.leaf + 1}) {
			return false
		}
	}
	return true
}

// add adds a span that begins where the last one ended or later.
func (s *spans) add(span Span) bool {
	span = Span{max(span.First, s.from), min(span.End, s.below)}
	if span.First >= span.End {
		return true
	}
	if s.open.First < s.open.End && s.open.End == span.First {
		s.open.End = span.End
		return true
	}
	more := s.flush()
	s.open = span
	return more
}

// flush yields what was not yielded yet.
func (s *spans) flush() bool {
	return s.open.First >= s.open.End || s.yield(s.open)
}

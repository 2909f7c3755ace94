package policy

// table is a hash table of buckets that costs little beside them: they lie
// side by side, and each slot is where one lies. A slot is found by its bucket's
// hash, and those that meet go to the next free one. The zero table is empty.
//
// Adding a bucket leaves all others in their places; removing one moves the
// last one into its place.
type table struct {
	buckets []bucket
	slots   []uint32 // 1 + the place; 0 is free
}

// absent is the place of a bucket that is not there.
const absent = -1

// find returns the place of a bucket.
func (t *table) find(hash uint64, r *rates, value string) int {
	if len(t.slots) == 0 {
		return absent
	}
	for i := t.home(hash); t.slots[i] != 0; i = t.next(i) {
		place := int(t.slots[i]) - 1
		if b := &t.buckets[place]; b.hash == hash && b.is(r, value) {
			return place
		}
	}
	return absent
}

// add adds a bucket that is not there and returns its place.
func (t *table) add(b bucket) int {
	if len(t.buckets) == cap(t.buckets) {
		t.resize(len(t.buckets) + len(t.buckets)/4 + 4)
	}
	t.buckets = append(t.buckets, b)
	t.link(len(t.buckets) - 1)
	return len(t.buckets) - 1
}

// remove removes the bucket in a place, and fills that with the last one.
func (t *table) remove(place int) {
	last := len(t.buckets) - 1
	t.unlink(place)
	if place != last {
		t.unlink(last)
		t.buckets[place] = t.buckets[last]
		t.link(place)
	}
	t.buckets[last] = bucket{} // keep its text no longer
	t.buckets = t.buckets[:last]
}

// shrink gives back the room of buckets that were removed, once it is most.
func (t *table) shrink() {
	if cap(t.buckets) > 2*len(t.buckets)+8 {
		t.resize(len(t.buckets))
	}
}

// resize makes room for n buckets, of which not more than half as many slots
// are taken.
func (t *table) resize(n int) {
	t.buckets = append(make([]bucket, 0, n), t.buckets...)
	size := 8
	for size < 2*n {
		size *= 2
	}
	t.slots = make([]uint32, size)
	for place := range t.buckets {
		t.link(place)
	}
}

func (t *table) link(place int) {
	i := t.home(t.buckets[place].hash)
	for t.slots[i] != 0 {
		i = t.next(i)
	}
	t.slots[i] = uint32(place + 1)
}

// unlink frees the slot of a place, and moves up what would not be found behind
// a free one.
func (t *table) unlink(place int) {
	free := t.home(t.buckets[place].hash)
	for t.slots[free] != uint32(place+1) {
		free = t.next(free)
	}
	for i := t.next(free); t.slots[i] != 0; i = t.next(i) {
		home := t.home(t.buckets[t.slots[i]-1].hash)
		if distance(home, i, len(t.slots)) >= distance(free, i, len(t.slots)) {
			t.slots[free], free = t.slots[i], i
		}
	}
	t.slots[free] = 0
}

// distance is how many slots lie between two, going up and around.
func distance(from, to, slots int) int { return (to - from) & (slots - 1) }

// home is the slot where a hash belongs. There are slots in powers of two.
func (t *table) home(hash uint64) int { return int(hash & uint64(len(t.slots)-1)) }

func (t *table) next(slot int) int { return (slot + 1) & (len(t.slots) - 1) }

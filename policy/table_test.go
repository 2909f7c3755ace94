package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unique"
)

// A table holds what a map holds, also where many buckets have one hash and
// where they come around the end of the slots.
func TestTableHoldsWhatAMapHolds(t *testing.T) {
	t.Parallel()
	r := &rates{meter: unique.Make(meter{per: perPerson}), prefix: "person="}
	other := &rates{meter: unique.Make(meter{per: perActor}), prefix: "person="}
	for _, hashes := range []uint64{1, 2, 7, 1 << 40} {
		random := rand.New(rand.NewPCG(7, hashes))
		hashOf := make(map[string]uint64)
		held := make(map[string]float64)
		var s table
		for step := range 6_000 {
			name := fmt.Sprint(random.IntN(200))
			if _, ok := hashOf[name]; !ok {
				hashOf[name] = random.Uint64N(hashes) - 3 // some at the end of all slots
			}
			place := s.find(hashOf[name], r, name)
			switch _, ok := held[name]; {
			case ok != (place != absent):
				t.Fatalf("%d hashes, step %d: %s found %v, want %v", hashes, step, name, !ok, ok)
			case ok && s.buckets[place].first != held[name]:
				t.Fatalf("%d hashes, step %d: %s is another", hashes, step, name)
			case s.find(hashOf[name], other, name) != absent:
				t.Fatal("a bucket of another meter is found")
			case ok && random.IntN(3) > step%2:
				s.remove(place)
				delete(held, name)
			case !ok:
				held[name] = float64(step)
				s.buckets[s.add(bucket{hash: hashOf[name], label: "person=" + name, rates: r})].first = float64(step)
			}
			if step%50 == 0 {
				s.shrink()
			}
			if len(s.buckets) != len(held) {
				t.Fatalf("%d hashes, step %d: %d are held, want %d", hashes, step, len(s.buckets), len(held))
			}
		}
	}
}

package audit

import (
	"strings"
	"testing"
)

func TestBoundsOnTheSizeOfARecordHold(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("\x00", 50)
	for name, r := range map[string]Record{
		"empty":   {},
		"numbers": {Limits: []Limit{{Charged: -1 << 63, Left: -1 << 63}, {Charged: -1 << 63, Left: -1 << 63}}, Outcome: &Outcome{Duration: -1 << 63, Count: -1 << 63}},
		"reviews": {Reviews: []Review{{Roles: []string{"", wide, wide}}, {Person: wide}, {}}},
		"rules":   {Decision: &Decision{Stale: true, Rules: []Rule{{wide, wide}, {wide, ""}, {}}}},
		"state":   {State: []byte(`"` + strings.Repeat("<", 100) + `"`)},
		"texts":   {ID: wide, Ticket: wide, Reason: wide, Actor: Actor{Login: wide}, Target: Target{ID: wide, Reach: -1 << 63}},
	} {
		size, i := len(appendRecord(nil, &r)), inspect(&r)
		if size < i.least || size > i.most {
			t.Errorf("%s: %d bytes, thought to be %d to %d", name, size, i.least, i.most)
		}
	}
}

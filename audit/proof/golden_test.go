package proof_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The texts of the examples are a promise: they are what a log of these records
// and this key writes, in every version.
func TestTheExamplesAreWhatALogWrites(t *testing.T) {
	t.Parallel()
	l := &testLog{key: newKey(t, origin, 7)}
	l.add(t, []byte(`{"id":"1","event":"requested","time":"2017-11-02T22:48:00Z"}`))
	l.add(t, []byte(exampleRecord))
	l.add(t, []byte(`{"id":"3","event":"requested","time":"2017-11-02T23:08:00Z"}`))
	for _, tt := range []struct{ name, golden, got string }{
		{"verifier key", exampleKey, l.key.public},
		{"checkpoint", exampleCheckpoint, string(l.signed(t, 2))},
		{"inclusion proof", exampleInclusion, string(mustText(t, l.inclusion(t, 1, 3)))},
		{"consistency proof", exampleConsistency, string(mustText(t, l.consistency(t, 2, 3)))},
	} {
		if d := cmp.Diff(tt.golden, tt.got); d != "" {
			t.Errorf("%s (-golden +got):\n%s", tt.name, d)
		}
	}
}

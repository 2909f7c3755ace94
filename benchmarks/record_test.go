//go:build unix

package benchmarks_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// entrySize is how many bytes the JSON form of a measured record has.
const entrySize = 600

// sized returns the n-th record to be measured, of entrySize bytes.
func sized(n int) audit.Record {
	r := audit.Record{
		ID:     fmt.Sprintf("01JAVQ5K7E%016d", n),
		Ticket: fmt.Sprintf("ticket-%016d", n/3),
		Event:  audit.EventOutcome,
		Time:   time.Date(2017, 11, 2, 18, 44, n%60, 0, time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
		Target: audit.Target{ID: fmt.Sprintf("account-%010d", n%100_000), Tier: "ordinary", Reach: 1024},
		Kind:   "account.suspend",
	}
	const others = 285 // bytes of the JSON form that the other fields take
	r.Reason = strings.Repeat("spam ", entrySize/5)[:entrySize-others]
	return r
}

// short returns a record of one entry.
func short(id string) audit.Record {
	return audit.Record{ID: id, Event: audit.EventRefused, Time: time.Date(2017, 11, 2, 18, 44, 0, 0, time.UTC)}
}

// long returns a record of three entries: two parts and their manifest.
func long(id string) audit.Record {
	r := short(id)
	r.State = fmt.Appendf(nil, `{"members":"%s"}`, bytes.Repeat([]byte("m"), 100_000))
	return r
}

// longEntries is how many entries long has.
const longEntries = 3

func TestMeasuredRecordsHaveTheSizeThatIsSaid(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 59, 60, 99_999, 100_000, 1_000_000_000} {
		json, err := sized(n).AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(json) != entrySize {
			t.Errorf("record %d has %d bytes, want %d", n, len(json), entrySize)
		}
	}
}

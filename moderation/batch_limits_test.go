package moderation_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// TestSplitBatchesMeetTheSameBudget has room for 99 targets, each with a reach of
// 10: whichever way a hundred are divided, not all of them get through.
func TestSplitBatchesMeetTheSameBudget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ size, through int }{
		"one of a hundred": {100, 0}, "ten of ten": {10, 9}, "a hundred of one": {1, 99},
	} {
		for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
			t.Run(name+" at "+string(at), func(t *testing.T) {
				t.Parallel()
				b := btNew(t, 100)
				var mu sync.Mutex
				left := 99
				b.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
					mu.Lock()
					defer mu.Unlock()
					if c.At != at || c.For != moderation.ChargeForBatch {
						return moderation.Usage{Allowed: true}, nil
					}
					if c.Reach != int64(10*c.Count) {
						return moderation.Usage{}, errFC
					}
					return moderation.Usage{Allowed: c.Count <= left}, nil
				})
				through := 0
				for i := 0; i < 100; i += tt.size {
					r := b.request(fmt.Sprint("k", i))
					r.Members, r.Expect = b.names[i:i+tt.size], tt.size
					mandate, err := b.guard.RequestBatch(t.Context(), r)
					if err == nil {
						_, err = b.guard.StartBatch(t.Context(), mandate.ID, btSet(t, b.names[i:i+tt.size]))
					}
					if err == nil {
						through++
						mu.Lock()
						left -= tt.size
						mu.Unlock()
					}
				}
				if through != tt.through {
					t.Errorf("%d batches of %d came through, want %d", through, tt.size, tt.through)
				}
			})
		}
	}
}

func TestMembersAreChargedOnceWithTheirBatch(t *testing.T) {
	t.Parallel()
	b := btNew(t, 5)
	other := btTarget("b-004")
	other.Domain = "de"
	b.directory.SetTarget(other, "@b-004")
	b.begin(t)
	b.all(t)
	for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
		var got []string
		for _, c := range batchCharges(b.limiter.Taken(), moderation.ChargeForBatch) {
			if c.At == at {
				got = append(got, fmt.Sprint(c.Domain, c.Count, "/", c.Reach))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"de1/10", "en4/40"}) {
			t.Errorf("at %s the batch was charged %v", at, got)
		}
	}
	if got := batchCharges(b.limiter.Taken(), moderation.ChargeForTarget); len(got) != 0 {
		t.Errorf("charged besides: %v", got)
	}
	if got := len(batchCharges(b.limiter.Taken(), moderation.ChargeForMember)); got != 10 {
		t.Errorf("%d charges of members, want two for each", got)
	}
}

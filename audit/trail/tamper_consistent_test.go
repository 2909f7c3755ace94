package trail_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// life is one process that writes a log, from its start until it is killed. What
// it says after that nobody hears.
type life struct {
	mu     sync.Mutex
	killed bool
	head   []byte
	heard  [][]byte // every checkpoint that left the process
	told   map[string]uint64
}

var errKilled = errors.New("the process is dead")

func (h *life) Load(context.Context) ([]byte, error) { return h.head, nil }

func (h *life) Save(_ context.Context, checkpoint []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.killed {
		return errKilled
	}
	h.head = append([]byte(nil), checkpoint...)
	h.heard = append(h.heard, h.head)
	return nil
}

func (h *life) hear(id string, r trail.Receipt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.killed {
		return
	}
	h.heard = append(h.heard, r.Checkpoint)
	h.told[id] = r.Index
}

// kill ends the process, and returns its disk as it is then.
func (h *life) kill(d *ramDisk) *ramDisk {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killed = true
	return d.clone()
}

func TestAllCheckpointsThatEverLeftALogAreConsistent(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d := &ramDisk{room: trail.MinRoom, files: map[string]*ramFile{}}
	d.makeDirs(ramBase)
	h := &life{told: map[string]uint64{}}
	open := func() *trail.Log {
		t.Helper()
		c := d.config()
		c.TrustedHead = h
		l, err := trail.OpenOn(t.Context(), d, c)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for round := range 8 {
		l := open()
		killAfter := random.IntN(60)
		var next *ramDisk
		var group sync.WaitGroup
		for w := range 4 {
			group.Go(func() {
				for i := range 20 {
					r := brief(i)
					r.ID = fmt.Sprintf("%d-%d-%d", round, w, i)
					receipt, err := l.Add(t.Context(), r)
					if err != nil {
						return
					}
					h.hear(r.ID, receipt)
					if w == 0 && i == killAfter {
						next = h.kill(d)
					}
					if i%7 == w {
						_ = l.Publish(t.Context())
						h.hear(r.ID, trail.Receipt{Index: receipt.Index, Checkpoint: l.Checkpoint()})
					}
				}
			})
		}
		group.Wait()
		_ = l.Close()
		if next != nil {
			d.drop()
			d = next
		}
		h = &life{head: h.head, heard: h.heard, told: h.told}
	}
	l := open()
	defer l.Close()
	v, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if len(h.heard) < 100 {
		t.Errorf("only %d checkpoints were heard", len(h.heard))
	}
	seen := map[uint64]proof.Checkpoint{}
	for _, signed := range h.heard {
		c, err := v.Checkpoint(signed)
		if err != nil {
			t.Fatal(err)
		}
		if known, ok := seen[c.Size]; ok || c.Size == 0 {
			if ok && known != c {
				t.Errorf("two trees of size %d: %v and %v", c.Size, known, c)
			}
			continue
		}
		seen[c.Size] = c
		text, err := l.ProveConsistency(t.Context(), c.Size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Consistency(c, text); err != nil {
			t.Errorf("size %d: %v", c.Size, err)
		}
	}
	have := map[string]uint64{}
	for e, err := range l.Records(t.Context(), trail.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := have[e.Record.ID]; twice {
			t.Errorf("record %s is there twice", e.Record.ID)
		}
		have[e.Record.ID] = e.Index
	}
	for id, index := range h.told {
		if at, ok := have[id]; !ok || at != index {
			t.Errorf("record %s was acknowledged at %d and is at %d, %v", id, index, at, ok)
		}
	}
}

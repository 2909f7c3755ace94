package trail_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// stolenKey returns the signer of a log that was opened before.
func stolenKey(tb testing.TB, p place) (signer note.Signer, verifierKey string) {
	tb.Helper()
	private, err := os.ReadFile(filepath.Join(p.base, "key"))
	if err != nil {
		tb.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(p.base, "key.pub"))
	if err != nil {
		tb.Fatal(err)
	}
	signer, err = note.NewSigner(strings.TrimSpace(string(private)))
	if err != nil {
		tb.Fatal(err)
	}
	return signer, strings.TrimSpace(string(public))
}

// forge writes a whole log with the key of another one: what somebody makes who
// has the key and the program. It publishes after so many records.
func forge(tb testing.TB, p place, publishAt int, records []audit.Record) (killed, closed *ramDisk) {
	tb.Helper()
	q := newPlace(tb)
	c := q.config()
	c.KeyFile, c.PublishEvery = "", time.Hour
	c.Signer, c.VerifierKey = stolenKey(tb, p)
	l := openWith(tb, c)
	for i, r := range records {
		if err := l.Append(tb.Context(), r); err != nil {
			tb.Fatal(err)
		}
		if i+1 == publishAt {
			if err := l.Publish(tb.Context()); err != nil {
				tb.Fatal(err)
			}
		}
	}
	killed = loadDisk(tb, q)
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return killed, loadDisk(tb, q)
}

// replaceLog returns a disk whose log is that of another disk.
func replaceLog(d, other *ramDisk) *ramDisk {
	d = d.clone()
	for _, path := range d.paths(ramLog) {
		d.put(path, nil)
	}
	for _, path := range other.paths(ramLog) {
		d.put(path, other.files[path].data)
	}
	return d
}

// rewritten returns records of which one says something else.
func rewritten(records []audit.Record, i int) []audit.Record {
	records[i].Reason = "something else"
	return records
}

func TestALogThatWasSignedAgainWithTheTrueKeyIsFoundByItsHead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 6)...)
	killed := loadDisk(t, p)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	closed := loadDisk(t, p)

	tests := map[string]struct {
		records []audit.Record
		want    error
	}{
		"the first entry rewritten":               {rewritten(briefs(0, 6), 0), trail.ErrRewritten},
		"an entry in the middle rewritten":        {rewritten(briefs(0, 6), 3), trail.ErrRewritten},
		"the last entry rewritten":                {rewritten(briefs(0, 6), 5), trail.ErrRewritten},
		"an entry rewritten and others appended":  {rewritten(briefs(0, 9), 3), trail.ErrRewritten},
		"an entry left out, as many as before":    {append(briefs(0, 2), briefs(3, 7)...), trail.ErrRewritten},
		"two entries exchanged":                   {append(append(briefs(0, 2), brief(3), brief(2)), briefs(4, 6)...), trail.ErrRewritten},
		"the tail cut and sealed again":           {briefs(0, 5), trail.ErrRolledBack},
		"the tail cut and rewritten what is left": {rewritten(briefs(0, 5), 1), trail.ErrRolledBack},
		"all but one entry cut":                   {briefs(0, 1), trail.ErrRolledBack},
		"emptied and begun anew":                  {nil, trail.ErrRolledBack},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for publishAt := range 3 {
				forgedKilled, forgedClosed := forge(t, p, publishAt*3, tt.records)
				for i, d := range []*ramDisk{
					replaceLog(closed, forgedClosed), replaceLog(killed, forgedClosed),
					replaceLog(closed, forgedKilled), replaceLog(killed, forgedKilled),
				} {
					defer d.drop()
					wantRefused(t, fmt.Sprintf("variant %d", i), d, tt.want)
					d.removeAll(ramLog + "/log") // the clever one leaves only what can't be told from true
					if i < 2 {
						wantRefused(t, fmt.Sprintf("variant %d, public face only", i), d, tt.want)
					}
				}
				if tt.records == nil {
					continue // it has no checkpoint
				}
				_, err := trail.Verify(t.Context(), forgedClosed.public(), w.verifier, trail.VerifyOptions{Head: w.newest})
				if !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v, want %v", err, tt.want)
				}
			}
		})
	}
}

// wantRefused fails unless opening the log on a disk is refused with an error,
// as often as it is tried.
func wantRefused(t *testing.T, name string, d *ramDisk, want error) {
	t.Helper()
	for range 2 {
		l, err := d.open(t.Context())
		if err == nil {
			l.Close()
		}
		var damage *trail.DamageError
		if !errors.Is(err, want) || !errors.Is(err, audit.ErrCorrupt) || !errors.As(err, &damage) || damage.File == "" {
			t.Errorf("%s: error = %v, want a DamageError that wraps %v", name, err, want)
		}
	}
}

func TestAMixtureOfTrueForgedAndOldFilesIsHarmlessOrFound(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	saveState(t, l, "state")
	oldKilled := loadDisk(t, p)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old := loadDisk(t, p)
	l = p.openQuiet(t, trail.MinRoom)
	w.add(t, l, briefs(3, 6)...)
	if err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.add(t, l, briefs(6, 8)...)
	killed := loadDisk(t, p)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	closed := loadDisk(t, p)
	forgedKilled, forgedClosed := forge(t, p, 6, rewritten(briefs(0, 8), 2))
	longerKilled, longer := forge(t, p, 6, rewritten(briefs(0, 10), 2))

	sources := []*ramDisk{closed, killed, oldKilled, old, forgedKilled, forgedClosed, longerKilled, longer, {}}
	var paths []string
	for _, d := range sources {
		paths = append(paths, d.paths(ramLog)...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 300 {
		d := closed.clone()
		a, b := sources[random.IntN(len(sources))], sources[random.IntN(len(sources))]
		exact := true
		for _, path := range paths {
			from := a
			if random.IntN(3) == 0 {
				from = b
			}
			if random.IntN(20) == 0 {
				from = sources[random.IntN(len(sources))]
			}
			var data []byte
			if f := from.files[path]; f != nil {
				data = f.data
			}
			d.put(path, data)
			exact = exact && from == closed
		}
		f := w.examine(t.Context(), d)
		for _, lie := range f.lies {
			t.Errorf("seed %d, round %d: %s", seed, round, lie)
		}
		if exact && len(f.refusals) > 0 {
			t.Errorf("seed %d, round %d: the true log is refused: %v", seed, round, f.refusals)
		}
		d.drop()
	}
}

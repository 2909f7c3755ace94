package trail

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// torn is a log that was open when its machine stopped, of which the end of the
// write-ahead file in use will be missing.
type torn struct {
	site
	*ledger
	name      string // of the write-ahead file
	content   []byte // of it
	groups    []wal.Group
	ends      []int // where they end in it
	published uint64
}

// tornLog returns a log of which some groups are published and some are not.
func tornLog(t *testing.T, published, unpublished int) *torn {
	t.Helper()
	s := newSite(t)
	s.room = MinRoom
	running := newSite(t)
	running.room = MinRoom
	l := running.mustOpen(t, hasty{})
	f := &torn{site: s, ledger: newLedger(t), published: uint64(published)}
	for i := range published + unpublished {
		if i == published && i > 0 {
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r := audit.Record{ID: fmt.Sprint("r", i), Event: audit.EventRequested, Time: plainRecord("", 0).Time}
		if err := f.add(l, "", r); err != nil {
			t.Fatal(err)
		}
	}
	if unpublished == 0 {
		if err := l.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(t, running.base, s.base)
	f.name = filepath.Join(s.dir(), filepath.FromSlash(walName(l.writer.turn)))
	f.read()
	return f
}

func (f *torn) read() {
	f.t.Helper()
	var err error
	if f.content, err = os.ReadFile(f.name); err != nil {
		f.t.Fatal(err)
	}
	from := bytes.NewReader(f.content)
	h, err := wal.ReadHeader(from)
	if err != nil {
		f.t.Fatal(err)
	}
	at := wal.HeaderSize
	_, err = wal.Scan(from, int64(len(f.content)), h, func(g wal.Group) error {
		at += int(wal.GroupSize(len(g.Entries), len(g.Note)))
		f.groups, f.ends = append(f.groups, g), append(f.ends, at)
		return nil
	})
	if err != nil || len(f.ends) != len(f.told) {
		f.t.Fatalf("%d groups for %d records, %v", len(f.ends), len(f.told), err)
	}
}

// left returns how many entries are left in the public face and in what is left
// of the write-ahead file.
func (f *torn) left(content []byte) uint64 {
	whole := 0
	for whole < len(f.ends) && bytes.HasPrefix(content, f.content[:f.ends[whole]]) {
		whole++
	}
	return max(f.published, uint64(whole))
}

// clone returns the same log in another place.
func (f *torn) clone() *torn {
	c := *f
	c.site.base = f.t.TempDir()
	c.name = strings.Replace(f.name, f.base, c.base, 1)
	copyTo(f.t, f.base, c.base)
	c.ledger = newLedger(f.t)
	maps.Copy(c.tried, f.tried)
	maps.Copy(c.told, f.told)
	return &c
}

// forget drops the records from an index on, which a log without a trusted head
// can't miss.
func (f *torn) forget(from uint64) {
	for id, receipt := range f.told {
		if receipt.Index >= from {
			delete(f.told, id)
		}
	}
}

// ways are how the end of a file may be missing.
var ways = map[string]func(content []byte, n int) []byte{
	"cut": func(content []byte, n int) []byte { return content[:n] },
	"cleared": func(content []byte, n int) []byte {
		return append(bytes.Clone(content[:n]), make([]byte, len(content)-n)...)
	},
}

// cuts are the bytes after which a file ends: each of those that hold groups,
// and some of the others.
func (f *torn) cuts() (at []int) {
	last := f.ends[len(f.ends)-1]
	for n := 0; n <= len(f.content); {
		at = append(at, n)
		switch {
		case n < wal.HeaderSize-131:
			n += 131
		case n <= last+8:
			n++
		default:
			n += 16_001
		}
	}
	return at
}

// TestAWriteAheadFileThatIsCutAnywhereIsWholeOrRefused cuts the write-ahead file
// of a log that was open after each of its bytes. If a record is gone that was
// acknowledged, the trusted head tells from which one on, and nothing is touched.
// Else the log is whole.
func TestAWriteAheadFileThatIsCutAnywhereIsWholeOrRefused(t *testing.T) {
	t.Parallel()
	for name, cut := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			original := tornLog(t, 2, 3)
			f, before := original.clone(), map[string]string{}
			opened, refused := 0, map[uint64]int{}
			some := rand.IntN(3)
			for _, n := range f.cuts() {
				if name == "cleared" && n%3 != some {
					continue // others in each run
				}
				content := cut(f.content, n)
				left := f.left(content)
				writeSparse(t, f.name, string(content))
				if refused[left]%200 == 0 {
					before = snapshotOf(t, f.base)
				}
				l, err := f.open(hasty{})
				if left == uint64(len(f.told)) {
					f.wantWhole(l, err, n, opened%40 == 0)
					f, opened = original.clone(), opened+1
					continue
				}
				var damage *DamageError
				if !errors.As(err, &damage) || !errors.Is(err, ErrRolledBack) || !errors.Is(err, audit.ErrCorrupt) || damage.File == "" || damage.Index != left {
					t.Fatalf("at byte %d entry %d and more are missing: %v, %v", n, left, l, err)
				}
				if refused[left]%200 == 0 && !cmp.Equal(before, snapshotOf(t, f.base)) {
					t.Fatalf("at byte %d: what was refused was changed", n)
				}
				refused[left]++
			}
			if opened < 3 || len(refused) != 3 {
				t.Errorf("%d were opened, and %v refused", opened, refused)
			}
		})
	}
}

// wantWhole wants a log that was opened to have everything, and closes it.
func (f *torn) wantWhole(l *Log, err error, n int, closely bool) {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("at byte %d nothing is missing: %v", n, err)
	}
	if l.Size() != uint64(len(f.told)) {
		f.t.Fatalf("at byte %d: %d entries are left of %d", n, l.Size(), len(f.told))
	}
	if closely {
		if err := errors.Join(f.check(f.site, l), f.add(l, "", plainRecord("new", 10)), f.check(f.site, l)); err != nil {
			f.t.Fatalf("at byte %d: %v", n, err)
		}
	}
	if err := l.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// TestAWriteAheadFileThatIsPublishedMayBeCutAnywhere: all that it has is in the
// public face too.
func TestAWriteAheadFileThatIsPublishedMayBeCutAnywhere(t *testing.T) {
	t.Parallel()
	original := tornLog(t, 3, 0)
	for i, n := range original.cuts() {
		if i%23 != 0 {
			continue
		}
		for _, cut := range ways {
			f := original.clone()
			writeSparse(t, f.name, string(cut(f.content, n)))
			l, err := f.open(hasty{})
			f.wantWhole(l, err, n, i%5 == 0)
		}
	}
}

// TestALogThatIsCutWithoutATrustedHeadBeginsWithWhatItHad: what is missing at
// its end can't be told then. What is left is true, and the log goes on from it.
func TestALogThatIsCutWithoutATrustedHeadBeginsWithWhatItHad(t *testing.T) {
	t.Parallel()
	original := tornLog(t, 2, 3)
	original.headless = true
	for i, n := range original.cuts() {
		if i%37 != 0 {
			continue
		}
		for _, cut := range ways {
			f := original.clone()
			content := cut(f.content, n)
			writeSparse(t, f.name, string(content))
			l, err := f.open(hasty{})
			if damage := (*DamageError)(nil); errors.As(err, &damage) {
				if n >= wal.HeaderSize || damage.File == "" || damage.Index > f.published {
					t.Fatalf("at byte %d: %v", n, err)
				}
				continue // the header is gone
			}
			f.forget(f.left(content))
			f.wantWhole(l, err, n, i%5 == 0)
		}
	}
}

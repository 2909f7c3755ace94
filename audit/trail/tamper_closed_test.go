package trail_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// specimen is a log that is closed, or was when its process was killed.
type specimen struct {
	name string
	disk *ramDisk
	*truth
}

// specimens returns a log after a clean close, and one whose process was killed
// with records that are not published. Both have a snapshot.
func specimens(tb testing.TB, room int64, middle audit.Record) []specimen {
	tb.Helper()
	p := newPlace(tb)
	l := p.openQuiet(tb, room)
	w := newTruth(tb, l)
	w.add(tb, l, briefs(0, 2)...)
	saveState(tb, l, "state after two")
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	l = p.openQuiet(tb, room)
	w.add(tb, l, middle, brief(2))
	if err := l.Publish(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	w.add(tb, l, briefs(3, 5)...)
	killed := specimen{"killed", loadDisk(tb, p), w.clone()}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return []specimen{killed, {"closed", loadDisk(tb, p), w}}
}

func saveState(tb testing.TB, l *trail.Log, state string) {
	tb.Helper()
	err := l.SaveSnapshot(tb.Context(), func(w io.Writer) error {
		_, err := io.WriteString(w, state)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func TestAFlippedByteIsHarmlessOrFoundAndNamed(t *testing.T) {
	t.Parallel()
	flip := func(s specimen, below string, tries int) {
		s.wantNoComplaint(t)
		for _, path := range s.disk.paths(below) {
			s.flip(t, path, tries, names)
		}
	}
	for _, s := range append(specimens(t, trail.MinRoom, brief(9)), unpublished(t)) {
		flip(s, ramBase, triesEach)
	}
	for _, s := range specimens(t, 2*trail.MinRoom, long("in parts", 70_000)) {
		flip(s, ramLog+"/tile/entries", triesEach)
	}
	flip(turned(t, false), ramLog+"/log/wal", triesEach/2)
	flip(turned(t, true), ramLog+"/log/wal", triesEach/2)
}

// triesEach is how many bytes of each file a run of a test flips. They are others
// each time; with a few thousand it tries all of them, which takes minutes.
const triesEach = 4

// flip flips some bytes of a file, one at a time.
func (s specimen) flip(t *testing.T, path string, tries int, named func(err error, file string) bool) {
	t.Helper()
	data := s.disk.files[path].data
	places := worthFlipping(data)
	rand.Shuffle(len(places), func(i, k int) { places[i], places[k] = places[k], places[i] })
	for _, at := range places[:min(tries, len(places))] {
		// Without a trusted head the last group can't be told from a torn one.
		if s.disk.blind && strings.Contains(path, "wal-") && at >= 4096 && at > bytes.LastIndex(data, []byte("\x00\x00group\x00")) {
			continue
		}
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		s.wantHarmlessOrFound(t, fmt.Sprintf("byte %d of %s", at, path), path, flipped, named)
	}
}

// worthFlipping returns the places that are not zeros among zeros, and a few that
// are. Of a long file half of them are in its first page, where headers are.
func worthFlipping(data []byte) (at []int) {
	zeros, early := 0, 0
	for i, b := range data {
		if b != 0 {
			zeros = 0
		} else if zeros++; zeros > 8 && zeros%40_001 != 0 {
			continue
		}
		at = append(at, i)
		if i < 4096 {
			early++
		}
	}
	if late := at[early:]; len(late) > early {
		rand.Shuffle(len(late), func(i, k int) { late[i], late[k] = late[k], late[i] })
		return at[:2*early]
	}
	return at
}

func TestAFileThatIsGoneOrAnotherIsHarmlessOrFoundAndNamed(t *testing.T) {
	t.Parallel()
	for _, s := range specimens(t, trail.MinRoom, brief(9)) {
		for _, path := range s.disk.paths(ramBase) {
			s.replace(t, path, 2)
		}
	}
	for _, s := range []specimen{turned(t, false), turned(t, true)} {
		s.replace(t, ramLog+"/log/wal-0", 1)
		s.replace(t, ramLog+"/log/wal-1", 1)
	}
}

// replace puts nothing, part of itself and some of the other files in place of
// a file.
func (s specimen) replace(t *testing.T, path string, some int) {
	t.Helper()
	data := s.disk.files[path].data
	variants := map[string][]byte{
		"nothing": nil, "an empty file": {}, "its first half": data[:len(data)/2],
	}
	others := s.disk.paths(ramBase)
	for _, i := range rand.Perm(len(others))[:some] {
		variants[others[i]] = s.disk.files[others[i]].data
	}
	for name, data := range variants {
		s.wantHarmlessOrFound(t, fmt.Sprintf("%s in place of %s", name, path), path, data, namesOrMisses)
	}
}

func TestDamageThatShowsByItselfIsFoundWithoutATrustedHead(t *testing.T) {
	t.Parallel()
	all := append(specimens(t, trail.MinRoom, brief(9)), unpublished(t), turned(t, true))
	for _, s := range all {
		s.disk.blind = true
		s.wantNoComplaint(t)
		for _, path := range s.disk.paths(ramLog) {
			s.flip(t, path, triesEach/2, namesAny)
			if !strings.Contains(path, "wal-") {
				s.wantHarmlessOrFound(t, "no "+path, path, nil, namesAny)
				continue
			}
			for _, slots := range [][]int{{0}, {2048}, {0, 2048}} { // of the header
				data := bytes.Clone(s.disk.files[path].data)
				for _, at := range slots {
					data[at] ^= 1
				}
				s.wantHarmlessOrFound(t, fmt.Sprintf("%s without the header at %d", path, slots), path, data, namesAny)
			}
		}
	}
}

// turned returns a log whose process was killed when both write-ahead files had
// records that were not published, or when it had just begun the second one.
func turned(tb testing.TB, just bool) specimen {
	tb.Helper()
	ram := newRAMDisk()
	d := newFullDisk(ram)
	l := openFull(tb, d, trail.MinRoom, time.Hour)
	w := newTruth(tb, l)
	begun := false // the second file
	if fail := d.Fail; just {
		headers := 0
		d.Fail = func(n int, op, path string) error {
			if op == disktest.OpWrite && strings.HasSuffix(path, "wal-1") {
				if headers++; headers == 2 { // its first group
					begun = true
					return errKilled
				}
			}
			return fail(n, op, path)
		}
	}
	for i := 0; !begun && len(w.told) < 6; i++ {
		r := exactly(fmt.Sprint("id-", i), 60_000)
		r.Ticket, r.Actor, r.Target = "", audit.Actor{}, audit.Target{} // found by no query, which takes long
		if receipt, err := l.Add(tb.Context(), r); err == nil {
			w.note(tb, r, receipt)
		} else if !begun {
			tb.Fatal(err)
		}
	}
	if len(w.told) < 4 {
		tb.Errorf("only %d records were accepted", len(w.told))
	}
	return specimen{fmt.Sprint("turned, just: ", just), ram.clone(), w}
}

// unpublished returns a new log whose process was killed before anything was
// published.
func unpublished(tb testing.TB) specimen {
	tb.Helper()
	p := newPlace(tb)
	l := p.openQuiet(tb, trail.MinRoom)
	w := newTruth(tb, l)
	w.add(tb, l, briefs(0, 4)...)
	return specimen{"unpublished", loadDisk(tb, p), w}
}

// namesAny reports whether an error names a file at all.
func namesAny(err error, file string) bool {
	var damage *trail.DamageError
	return names(err, file) || errors.As(err, &damage) && damage.File != ""
}

// wantNoComplaint fails unless the log is as it was left.
func (s specimen) wantNoComplaint(t *testing.T) {
	t.Helper()
	disk := s.disk.clone()
	defer disk.drop()
	if f := s.examine(t.Context(), disk); len(f.refusals)+len(f.lies) > 0 {
		t.Fatalf("%s: untouched: %v %q", s.name, f.refusals, f.lies)
	}
}

// wantHarmlessOrFound fails if other bytes in a file make the log say what is
// not true, or refuse with an error that does not name the file.
func (s specimen) wantHarmlessOrFound(t *testing.T, name, path string, data []byte, named func(err error, file string) bool) {
	t.Helper()
	disk := s.disk.clone()
	defer disk.drop()
	disk.put(path, data)
	for _, again := range []string{"", ", opened again"} {
		f := s.examine(t.Context(), disk)
		for _, lie := range f.lies {
			t.Errorf("%s, %s%s: %s", s.name, name, again, lie)
		}
		for _, err := range f.refusals {
			if !named(err, strings.TrimPrefix(path, ramLog+"/")) {
				t.Errorf("%s, %s%s: refused without its name: %v", s.name, name, again, err)
			}
			if errors.Is(err, audit.ErrNotWritten) && !errors.Is(err, audit.ErrConflict) {
				t.Errorf("%s, %s%s: a record that is stored is refused for good: %v", s.name, name, again, err)
			}
		}
		if len(f.refusals) > 0 {
			return
		}
	}
}

// namesOrMisses is names for a file that is gone or another one: what it had may
// only be missed.
func namesOrMisses(err error, file string) bool {
	return names(err, file) ||
		errors.Is(err, trail.ErrNoHead) && file == ramHead ||
		strings.HasPrefix(file, "log/wal-") && namesAny(err, file)
}

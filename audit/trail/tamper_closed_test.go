package trail_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
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
	short := specimens(t, trail.MinRoom, brief(9))
	parts := specimens(t, 2*trail.MinRoom, long("in parts", 70_000))
	short = append(short, unpublished(t), turned(t, false), turned(t, true))
	for i, s := range append(short, parts...) {
		s.wantNoComplaint(t)
		for _, path := range s.disk.paths(ramBase) {
			if i >= len(short) && !strings.Contains(path, "entries") {
				continue // as in the short ones
			}
			data := s.disk.files[path].data
			for _, at := range worthFlipping(data) {
				flipped := bytes.Clone(data)
				flipped[at] ^= 1 << (at % 8)
				s.wantHarmlessOrFound(t, fmt.Sprintf("byte %d of %s", at, path), path, flipped, names)
			}
		}
	}
}

// flipEvery is the distance between the bytes that one run of the test flips.
// They are others in each run: with 1 it tries all, which takes minutes.
const flipEvery = 30

// worthFlipping returns some of the bytes that are not zeros among zeros, and a
// few that are.
func worthFlipping(data []byte) (at []int) {
	dense := len(bytes.Trim(data, "\x00"))
	every, most := flipEvery, 25
	if dense > 0 && dense/every > most {
		every = dense / most
	}
	next, zeros := rand.IntN(every), 0
	for i, b := range data {
		if b != 0 {
			zeros = 0
		} else if zeros++; zeros > 8 && zeros%100_001 != 0 {
			continue
		}
		if next--; next < 0 {
			at, next = append(at, i), every-1
			if i < 4096 { // headers
				next = min(next, 9)
			}
		}
	}
	return at
}

func TestAFileThatIsGoneOrAnotherIsHarmlessOrFoundAndNamed(t *testing.T) {
	t.Parallel()
	for _, s := range append(specimens(t, trail.MinRoom, brief(9)), turned(t, false), turned(t, true)) {
		others := map[string][]byte{"nothing": nil, "an empty file": {}}
		for _, path := range s.disk.paths(ramBase) {
			others[path] = s.disk.files[path].data
		}
		for _, path := range s.disk.paths(ramBase) {
			data := s.disk.files[path].data
			variants := maps.Clone(others)
			variants["its first half"] = data[:len(data)/2]
			variants["itself twice"] = append(bytes.Clone(data), data...)
			for _, name := range slices.Sorted(maps.Keys(variants)) {
				s.wantHarmlessOrFound(t, fmt.Sprintf("%s in place of %s", name, path), path, variants[name], namesOrMisses)
			}
		}
	}
}

func TestDamageThatShowsByItselfIsFoundWithoutATrustedHead(t *testing.T) {
	t.Parallel()
	for _, s := range append(specimens(t, trail.MinRoom, brief(9)), unpublished(t), turned(t, false), turned(t, true)) {
		s.disk.blind = true
		s.wantNoComplaint(t)
		for _, path := range s.disk.paths(ramLog) {
			data := s.disk.files[path].data
			isWAL := strings.Contains(path, "wal-")
			if !isWAL {
				s.wantHarmlessOrFound(t, "no "+path, path, nil, namesAny)
				s.wantHarmlessOrFound(t, "empty "+path, path, []byte{}, namesAny)
			}
			for _, at := range worthFlipping(data) {
				// All but the last group, which can't be told from a torn one.
				if isWAL && at > bytes.LastIndex(data, []byte("\x00\x00group\x00")) && at >= 4096 {
					continue
				}
				flipped := bytes.Clone(data)
				flipped[at] ^= 1 << (at % 8)
				s.wantHarmlessOrFound(t, fmt.Sprintf("byte %d of %s", at, path), path, flipped, namesAny)
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

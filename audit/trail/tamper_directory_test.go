package trail_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// anotherLog returns a disk with another log of the same origin.
func anotherLog(tb testing.TB, records int) *ramDisk {
	tb.Helper()
	p := newPlace(tb)
	l := p.openQuiet(tb, trail.MinRoom)
	newTruth(tb, l).add(tb, l, briefs(0, records)...)
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return loadDisk(tb, p)
}

func TestWhatIsMissingOrPutBackWhileClosedIsFound(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	backupOpen := loadDisk(t, p)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	backup := loadDisk(t, p)
	l = p.openQuiet(t, trail.MinRoom)
	w.add(t, l, briefs(3, 6)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	closed, other, otherShort := loadDisk(t, p), anotherLog(t, 6), anotherLog(t, 2)

	// What each place holds: the newest, the backup or another log's, or nothing.
	tests := map[string]struct {
		log, key, head *ramDisk
		want           error // audit.ErrCorrupt: and names a file
	}{
		"directory deleted":                   {nil, closed, closed, trail.ErrRolledBack},
		"directory and key deleted":           {nil, nil, closed, errAny},
		"directory and head deleted":          {nil, closed, nil, audit.ErrCorrupt},
		"key deleted":                         {closed, nil, closed, errAny},
		"key and head deleted":                {closed, nil, nil, errAny},
		"head deleted":                        {closed, closed, nil, trail.ErrNoHead},
		"backup put back":                     {backup, closed, closed, trail.ErrRolledBack},
		"backup of a running log put back":    {backupOpen, closed, closed, trail.ErrRolledBack},
		"backup put back with its key":        {backup, backup, closed, trail.ErrRolledBack},
		"backup put back, head deleted":       {backup, backup, nil, trail.ErrNoHead},
		"another log":                         {other, closed, closed, errAny},
		"another log with its key":            {other, other, closed, errAny},
		"another, shorter log with its key":   {otherShort, otherShort, closed, errAny},
		"another log's key":                   {closed, other, closed, errAny},
		"another log's head":                  {closed, closed, other, errAny},
		"another log's directory and head":    {other, closed, other, errAny},
		"another log's directory, no head":    {other, closed, nil, errAny},
		"directory put back, head as it was":  {closed, closed, closed, nil},
		"head put back":                       {closed, closed, backup, nil}, // it is only less far
		"head of the running log put back":    {closed, closed, backupOpen, nil},
		"everything put back, which is lost ": {backup, backup, backup, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &ramDisk{room: trail.MinRoom, files: map[string]*ramFile{}}
			defer d.drop()
			d.makeDirs(ramBase)
			copyFiles(d, tt.log, ramLog+"/")
			copyFiles(d, tt.key, ramKey)
			copyFiles(d, tt.head, ramHead)
			before := d.paths(ramBase)
			for range 2 {
				l, err := d.open(t.Context())
				if err == nil {
					if size, _ := l.Size(), l.Close(); tt.log == closed && size != w.size {
						t.Errorf("it has %d entries, not %d", size, w.size)
					}
				}
				if (err == nil) != (tt.want == nil) || tt.want != errAny && !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
				var damage *trail.DamageError
				if errors.Is(err, audit.ErrCorrupt) && (!errors.As(err, &damage) || damage.File == "") {
					t.Errorf("error = %v, want one that names a file", err)
				}
			}
			if tt.want == nil {
				return
			}
			for _, path := range []string{ramKey, ramHead} {
				if had := slices.Contains(before, path); had != (d.files[path] != nil) {
					t.Errorf("%s was made or removed though the log was refused", path)
				}
			}
		})
	}
}

// errAny stands for any error.
var errAny = errors.New("any error")

// copyFiles copies what begins with a path from another disk, if there is one.
func copyFiles(d, from *ramDisk, below string) {
	if from == nil {
		return
	}
	for _, path := range from.paths(below) {
		d.put(path, from.files[path].data)
	}
}

func TestALogThatIsReplacedWhileOpenAcknowledgesNothingThatItDoesNotHave(t *testing.T) {
	t.Parallel()
	inUse := func(t *testing.T, dir string) string { // the write-ahead file with the records
		t.Helper()
		path := filepath.Join(dir, "log", "wal-0")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(brief(3).ID)) {
			return path
		}
		return filepath.Join(dir, "log", "wal-1")
	}
	tests := map[string]struct {
		change func(t *testing.T, dir, backup string) error
		lost   bool // the true log is gone: opening is refused then
	}{
		"directory deleted": {func(_ *testing.T, dir, _ string) error {
			return os.RemoveAll(dir)
		}, true},
		"directory emptied": {func(_ *testing.T, dir, _ string) error {
			return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
		}, true},
		"directory moved away": {func(_ *testing.T, dir, _ string) error {
			return os.Rename(dir, dir+".true")
		}, false},
		"directory replaced by a backup": {func(_ *testing.T, dir, backup string) error {
			return errors.Join(os.Rename(dir, dir+".true"), os.CopyFS(dir, os.DirFS(backup)))
		}, false},
		"private part moved away": {func(_ *testing.T, dir, _ string) error {
			return os.Rename(filepath.Join(dir, "log"), filepath.Join(dir, "log.true"))
		}, false},
		"write-ahead file deleted": {func(t *testing.T, dir, _ string) error {
			return os.Remove(inUse(t, dir))
		}, true},
		"write-ahead file replaced by a copy of itself": {func(t *testing.T, dir, _ string) error {
			path := inUse(t, dir)
			b, err := os.ReadFile(path)
			return errors.Join(err, os.Remove(path), os.WriteFile(path, b, 0o600))
		}, false},
		"write-ahead file cut": {func(t *testing.T, dir, _ string) error {
			return os.Truncate(inUse(t, dir), 5000)
		}, true},
		"write-ahead file made longer": {func(t *testing.T, dir, _ string) error {
			return os.Truncate(inUse(t, dir), 2*trail.MinRoom)
		}, false},
		"trusted head deleted": {func(_ *testing.T, dir, _ string) error {
			return os.Rename(filepath.Join(filepath.Dir(dir), "head"), filepath.Join(filepath.Dir(dir), "head.true"))
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			l := p.openQuiet(t, trail.MinRoom)
			w := newTruth(t, l)
			w.add(t, l, briefs(0, 2)...)
			backup := filepath.Join(p.base, "backup")
			if err := os.CopyFS(backup, os.DirFS(p.dir())); err != nil {
				t.Fatal(err)
			}
			w.add(t, l, briefs(2, 4)...)
			if err := tt.change(t, p.dir(), backup); err != nil {
				t.Fatal(err)
			}
			for _, r := range briefs(4, 7) {
				receipt, err := l.Add(t.Context(), r)
				if !errors.Is(err, audit.ErrFailed) && !errors.Is(err, audit.ErrReplaced) {
					t.Errorf("append = %v, %v, want ErrFailed or ErrReplaced", receipt, err)
				}
			}
			if diff := cmp.Diff(w.size, l.Size()); diff != "" {
				t.Errorf("size (-want +got):\n%s", diff)
			}
			_ = l.Close()
			wantTruthOrRefusal(t, p, w, true)
			putBack(t, p)
			wantTruthOrRefusal(t, p, w, tt.lost)
		})
	}
}

// putBack undoes a change that has moved something away.
func putBack(t *testing.T, p place) {
	t.Helper()
	for _, path := range []string{p.dir(), filepath.Join(p.dir(), "log"), filepath.Join(p.base, "head")} {
		if _, err := os.Stat(path + ".true"); err != nil {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), os.Rename(path+".true", path)); err != nil {
			t.Fatal(err)
		}
	}
}

// wantTruthOrRefusal fails if the log opens with another content than the truth,
// or, where refusing will not do, does not open.
func wantTruthOrRefusal(t *testing.T, p place, w *truth, mayRefuse bool) {
	t.Helper()
	l, err := trail.Open(t.Context(), p.config())
	if err != nil {
		if !mayRefuse {
			t.Errorf("Open = %v", err)
		}
		return
	}
	defer l.Close()
	var have []string
	for r, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, r.ID)
	}
	var want []string
	for _, one := range w.told {
		want = append(want, one.record.ID)
	}
	if len(have) > len(want) && cmp.Equal(have[:len(want)], want) {
		have = have[:len(want)] // what was in doubt may be there
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("acknowledged records (-want +got):\n%s", diff)
	}
}

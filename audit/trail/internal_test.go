package trail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/internal/disk"
)

// errFault is what a disk says that fails.
var errFault = errors.New("fault")

// site is where a test keeps a log, its key and its trusted head: each in a
// directory of its own, so that none is durable because of another.
type site struct {
	base     string
	headless bool // do without a trusted head
	room     int64
}

func newSite(tb testing.TB) site {
	tb.Helper()
	s := site{base: tb.TempDir(), room: siteRoom}
	for _, dir := range []string{s.dir(), s.keyFile(), s.headFile()} {
		if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func (s site) dir() string      { return filepath.Join(s.base, "logs", "trail") }
func (s site) keyFile() string  { return filepath.Join(s.base, "keys", "key") }
func (s site) headFile() string { return filepath.Join(s.base, "heads", "head") }

// config is that of a log that publishes when it is told to or must.
func (s site) config(files disk.FS) Config {
	c := Config{
		Dir:          s.dir(),
		Origin:       "example.com/trail",
		KeyFile:      s.keyFile(),
		Room:         s.room,
		PublishEvery: time.Hour,
	}
	if s.headless {
		c.WithoutTrustedHead = true
	} else {
		c.TrustedHead = &headFile{path: s.headFile(), files: files}
	}
	return c
}

// siteRoom takes the shortest record in parts.
const siteRoom = MinRoom + 64<<10

func (s site) open(files disk.FS) (*Log, error) {
	return open(context.Background(), files, s.config(files))
}

// mustOpen opens the log for a test that goes on only if that works.
func (s site) mustOpen(tb testing.TB, files disk.FS) *Log {
	tb.Helper()
	l, err := s.open(files)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// hasty is the disk of the operating system, and takes everything for durable:
// for tests in which the machine does not stop.
type hasty struct{ disk.OS }

func (hasty) OpenFile(path string, flag int, perm os.FileMode) (disk.File, error) {
	f, err := disk.OS{}.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return hastyFile{f}, nil
}

func (hasty) SyncDir(string) error { return nil }

type hastyFile struct{ disk.File }

func (hastyFile) Sync() error { return nil }

// plainRecord returns a record of about length bytes.
func plainRecord(id string, length int) audit.Record {
	return audit.Record{
		ID:     id,
		Ticket: "ticket-" + id,
		Event:  audit.EventRequested,
		Time:   time.Date(2017, time.November, 2, 22, 57, 1, 0, time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
		Reason: strings.Repeat("x", length),
	}
}

// ledger is what a test knows of the records that it has appended to one log.
type ledger struct {
	t *testing.T

	mu    sync.Mutex
	tried map[string]audit.Record
	told  map[string]Receipt
	last  map[string]uint64 // by writer, the index of its last record
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, tried: map[string]audit.Record{}, told: map[string]Receipt{}, last: map[string]uint64{}}
}

// add appends a record for a writer, who appends one after the other.
func (b *ledger) add(l *Log, writer string, r audit.Record) error {
	b.mu.Lock()
	b.tried[r.ID] = r
	b.mu.Unlock()
	receipt, err := l.Add(context.Background(), r)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		return err
	}
	if before, again := b.told[r.ID]; again {
		if diff := cmp.Diff(before, receipt); diff != "" {
			b.t.Errorf("record %s was given another receipt: %s", r.ID, diff)
		}
		return nil
	}
	if last, some := b.last[writer]; some && receipt.Index <= last {
		b.t.Errorf("record %s of writer %s has index %d, after %d", r.ID, writer, receipt.Index, last)
	}
	b.told[r.ID], b.last[writer] = receipt, receipt.Index
	return nil
}

// doubtful returns the records whose appends were not acknowledged, by ID.
func (b *ledger) doubtful() []audit.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var doubtful []audit.Record
	for id, r := range b.tried {
		if _, told := b.told[id]; !told {
			doubtful = append(doubtful, r)
		}
	}
	slices.SortFunc(doubtful, func(a, b audit.Record) int { return strings.Compare(a.ID, b.ID) })
	return doubtful
}

// acknowledged returns the IDs of those that were, by index.
func (b *ledger) acknowledged() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for id := range b.told {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y string) int { return int(b.told[x].Index) - int(b.told[y].Index) })
	return ids
}

// check holds an open log against the ledger: what was acknowledged is there,
// once, as it was and where it was; nothing is there that nobody has appended;
// and all of it is proved.
func (b *ledger) check(s site, l *Log) error {
	ctx := context.Background()
	seen := map[string]uint64{}
	for e, err := range l.Records(ctx, Query{}) {
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		r, tried := b.tried[e.Record.ID]
		if at, twice := seen[e.Record.ID]; twice || !tried || !cmp.Equal(r, e.Record) {
			return fmt.Errorf("entry %d holds record %s: appended by somebody: %v; also entry %d: %v", e.Index, e.Record.ID, tried, at, twice)
		}
		seen[e.Record.ID] = e.Index
	}
	replayed := 0
	for _, err := range l.Replay(ctx) {
		if err != nil {
			return fmt.Errorf("replaying: %w", err)
		}
		replayed++
	}
	if replayed != len(seen) {
		return fmt.Errorf("%d records are read and %d replayed", len(seen), replayed)
	}
	for id, receipt := range b.told {
		if at, stored := seen[id]; !stored || at != receipt.Index {
			return fmt.Errorf("record %s was acknowledged as entry %d of %d and is there: %v, as entry %d", id, receipt.Index, l.Size(), stored, at)
		}
	}
	return b.checkProofs(s, l)
}

// checkProofs proves what was acknowledged from outside: some records and
// receipts, and the whole log.
func (b *ledger) checkProofs(s site, l *Log) error {
	ctx := context.Background()
	v, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		return err
	}
	ids := b.acknowledged()
	step := max(1, len(ids)/4)
	for i := 0; i < len(ids); i += step {
		if i+step >= len(ids) {
			i = len(ids) - 1
		}
		if err := b.proveOne(l, v, b.tried[ids[i]], b.told[ids[i]]); err != nil {
			return fmt.Errorf("record %s: %w", ids[i], err)
		}
	}
	if err := l.Publish(ctx); err != nil {
		return err
	}
	if l.Size() == 0 {
		return nil
	}
	found, err := Verify(ctx, os.DirFS(s.dir()), v, VerifyOptions{Workers: 1, Head: l.Checkpoint()})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	if found.Checkpoint.Size != l.Size() {
		return fmt.Errorf("%d entries are published of %d", found.Checkpoint.Size, l.Size())
	}
	return nil
}

// proveOne proves a record and that its receipt is of an earlier state of the
// log, and appends the record again.
func (b *ledger) proveOne(l *Log, v *proof.Verifier, r audit.Record, receipt Receipt) error {
	ctx := context.Background()
	json, err := r.AppendJSON(nil)
	if err != nil {
		return err
	}
	text, err := l.ProveInclusion(ctx, receipt.Index)
	if err != nil {
		return fmt.Errorf("proving inclusion: %w", err)
	}
	if in, err := v.Record(json, text); err != nil || in.Index != receipt.Index {
		return fmt.Errorf("it is proved to be entry %d, not %d: %w", in.Index, receipt.Index, err)
	}
	older, err := v.Checkpoint(receipt.Checkpoint)
	if err != nil || older.Size <= receipt.Index {
		return fmt.Errorf("its receipt is for entry %d of %d: %w", receipt.Index, older.Size, err)
	}
	if text, err = l.ProveConsistency(ctx, older.Size); err != nil {
		return fmt.Errorf("proving consistency: %w", err)
	}
	if _, err := v.Consistency(older, text); err != nil {
		return fmt.Errorf("what its receipt covers is not in the log any more: %w", err)
	}
	again, err := l.Add(ctx, r)
	if err != nil {
		return fmt.Errorf("appending it again: %w", err)
	}
	if diff := cmp.Diff(receipt, again); diff != "" {
		return fmt.Errorf("appending it again gives another receipt: %s", diff)
	}
	return nil
}

// snapshotOf returns what is below a directory: the content of each file.
func snapshotOf(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// copyTo copies what is below a directory, without room for zeros at the end of
// files.
func copyTo(tb testing.TB, from, to string) {
	tb.Helper()
	for path, content := range snapshotOf(tb, from) {
		writeSparse(tb, filepath.Join(to, path), content)
	}
}

// writeSparse writes a file, and leaves out the zeros at its end.
func writeSparse(tb testing.TB, path, content string) {
	tb.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.TrimRight(content, "\x00")), 0o600)
	}
	if err == nil {
		err = os.Truncate(path, int64(len(content)))
	}
	if err != nil {
		tb.Fatal(err)
	}
}

package trail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// replayed is what ReplaySnapshot has handed out.
type replayed struct {
	State string // "" and no call of read without a snapshot
	Calls int
	IDs   []string
}

func replay(ctx context.Context, l *trail.Log) (all replayed, err error) {
	read := func(r io.Reader) error {
		all.Calls++
		b, err := io.ReadAll(r)
		all.State = string(b)
		return err
	}
	for r, err := range l.ReplaySnapshot(ctx, read) {
		if err != nil {
			return all, err
		}
		all.IDs = append(all.IDs, r.ID)
	}
	return all, nil
}

func wantReplayed(t *testing.T, l *trail.Log, want replayed) {
	t.Helper()
	have, err := replay(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
}

func TestASnapshotStandsForTheRecordsBeforeIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, 2*trail.MinRoom)
	wantReplayed(t, l, replayed{})
	saveState(t, l, "nothing yet")
	wantReplayed(t, l, replayed{"nothing yet", 1, nil})
	w := newTruth(t, l)
	w.add(t, l, brief(0), long("in parts", 70_000), brief(2))
	wantReplayed(t, l, replayed{"nothing yet", 1, []string{"id-0", "in parts", "id-2"}})
	saveState(t, l, "") // the empty state is one as well
	wantReplayed(t, l, replayed{"", 1, nil})
	big := strings.Repeat("state ", 1<<19)
	saveState(t, l, big)
	w.add(t, l, brief(3))
	wantReplayed(t, l, replayed{big, 1, []string{"id-3"}})
	killed := loadDisk(t, p)
	closeLog(t, l)
	l = p.openQuiet(t, 2*trail.MinRoom)
	wantReplayed(t, l, replayed{big, 1, []string{"id-3"}})
	again, err := killed.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wantReplayed(t, again, replayed{big, 1, []string{"id-3"}})
	w.add(t, l, brief(4))
	saveState(t, l, "shorter")
	closeLog(t, l)
	wantReplayed(t, p.openQuiet(t, 2*trail.MinRoom), replayed{"shorter", 1, nil})
}

func TestWithASnapshotOldRecordsAreNotRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, 2*trail.MinRoom)
	addSome(t, l, briefs(0, 600))
	saveState(t, l, "state")
	addSome(t, l, briefs(600, 601))
	closeLog(t, l)
	for _, n := range []string{"000", "001"} {
		if err := os.Remove(filepath.Join(p.dir(), "tile", "entries", n)); err != nil {
			t.Fatal(err)
		}
	}
	l = p.openQuiet(t, 2*trail.MinRoom)
	wantReplayed(t, l, replayed{"state", 1, []string{"id-600"}})
	var damage *trail.DamageError
	for _, err := range l.Replay(t.Context()) {
		if !errors.As(err, &damage) || damage.File != "tile/entries/000" || damage.Index != 0 {
			t.Fatalf("replay of all = %v, want the damage of tile/entries/000", err)
		}
	}
	if damage == nil {
		t.Error("replay of all noticed nothing")
	}
}

func TestASnapshotIsNotSavedBesideAppendsOrInDoubt(t *testing.T) {
	t.Parallel()
	c, signer := newPlace(t).withSigner(t)
	l := openWith(t, c)
	w := newTruth(t, l)
	w.add(t, l, brief(0))
	saveState(t, l, "one")
	refused := func(why string, ctx context.Context, write func(io.Writer) error) {
		t.Helper()
		err := l.SaveSnapshot(ctx, write)
		if err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: SaveSnapshot = %v", why, err)
		}
	}
	something := func(w io.Writer) error { _, err := io.WriteString(w, "something"); return err }
	refused("an append meanwhile", t.Context(), func(io.Writer) error { return l.Append(t.Context(), brief(1)) })
	refused("an error of write", t.Context(), func(w io.Writer) error { return errors.Join(something(w), errLiar) })
	done, cancel := context.WithCancel(t.Context())
	cancel()
	refused("a context that is done", done, something)
	refused("a context that is done, nothing written", done, func(io.Writer) error { return nil })
	wantReplayed(t, l, replayed{"one", 1, []string{"id-1"}})

	hangs, release := make(chan struct{}), make(chan struct{})
	signer.set(func(msg []byte) ([]byte, error) {
		signer.set(nil, "")
		close(hangs)
		<-release
		return signer.Signer.Sign(msg)
	}, "")
	gone := make(chan error)
	doubt, leave := context.WithCancel(t.Context())
	go func() { gone <- l.Append(doubt, brief(2)) }()
	<-hangs
	refused("an append under way", t.Context(), something)
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(release)
	if err := l.Append(t.Context(), brief(3)); err != nil { // which comes after the other
		t.Fatal(err)
	}
	refused("an append in doubt", t.Context(), something)
	other := brief(2)
	other.Reason = "another body"
	if err := l.Append(t.Context(), other); !errors.Is(err, audit.ErrConflict) {
		t.Fatal(err)
	}
	refused("still in doubt", t.Context(), something)
	if err := l.Append(t.Context(), brief(2)); err != nil {
		t.Fatal(err)
	}
	saveState(t, l, "four")
	wantReplayed(t, l, replayed{"four", 1, nil})
	closeLog(t, l)
	refused("a closed log", t.Context(), something)
	for _, err := range l.ReplaySnapshot(t.Context(), func(io.Reader) error { t.Error("read was called"); return nil }) {
		if !errors.Is(err, audit.ErrClosed) {
			t.Errorf("replay of a closed log = %v", err)
		}
	}
}

func TestASnapshotThatASignerSpoilsIsNotSaved(t *testing.T) {
	t.Parallel()
	c, signer := newPlace(t).withSigner(t)
	l := openWith(t, c)
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Fatal(err)
	}
	saveState(t, l, "one")
	for name, sign := range badSigners(t, signer.Signer) {
		signer.set(sign, "")
		saved := errors.New("its goroutine was ended")
		var group sync.WaitGroup
		group.Go(func() {
			saved = l.SaveSnapshot(t.Context(), func(w io.Writer) error { return nil })
		})
		group.Wait()
		if saved == nil {
			t.Errorf("%s: saved", name)
		}
		wantReplayed(t, l, replayed{"one", 1, nil})
	}
	signer.set(nil, "")
	if err := l.Append(t.Context(), brief(1)); err != nil {
		t.Errorf("append after it: %v", err)
	}
	saveState(t, l, "two")
}

func TestSnapshotsSavedAtOnceDoNotMix(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, brief(0))
	for range 5 {
		var mu sync.Mutex
		saved := map[string]bool{}
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				part := strings.Repeat(fmt.Sprint(i), 1<<20+i*100_000)
				err := l.SaveSnapshot(t.Context(), func(w io.Writer) error {
					for range 3 {
						if _, err := io.WriteString(w, part); err != nil {
							return err
						}
					}
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				saved[part+part+part] = err == nil
			})
		}
		group.Wait()
		have, err := replay(t.Context(), l)
		if err != nil || !saved[have.State] {
			t.Fatalf("a state of %d bytes, saved %v: %v", len(have.State), saved[have.State], err)
		}
	}
}

func TestWhatTheReaderOfASnapshotSaysCounts(t *testing.T) {
	t.Parallel()
	l := newPlace(t).openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	saveState(t, l, strings.Repeat("state", 1000))
	w.add(t, l, brief(3))
	mine := errors.New("mine")
	reads := map[string]func(io.Reader) error{
		"an error":            func(io.Reader) error { return mine },
		"an error at the end": func(r io.Reader) error { _, err := io.ReadAll(r); return errors.Join(err, mine) },
	}
	for name, read := range reads {
		n := 0
		for r, err := range l.ReplaySnapshot(t.Context(), read) {
			if n++; !errors.Is(err, mine) || errors.Is(err, audit.ErrCorrupt) {
				t.Errorf("%s: %s, %v", name, r.ID, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d things were yielded", name, n)
		}
	}
	var ids []string
	for r, err := range l.ReplaySnapshot(t.Context(), func(r io.Reader) error { _, err := r.Read(make([]byte, 3)); return err }) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"id-3"}, ids); diff != "" {
		t.Errorf("read in part (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for _, err := range l.ReplaySnapshot(ctx, func(r io.Reader) error { cancel(); _, err := io.ReadAll(r); return err }) {
		if !errors.Is(err, context.Canceled) || errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestASnapshotThatCannotBeHeldAgainstTheLogIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	d := newFullDisk(newRAMDisk())
	l := openFull(t, d, trail.MinRoom, time.Hour)
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Fatal(err)
	}
	d.full.Store(false) // for the snapshot alone: nothing is published
	saveState(t, l, "one")
	d.full.Store(true)
	if _, err := replay(t.Context(), l); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, audit.ErrCorrupt) {
		t.Errorf("error = %v, want ENOSPC and no damage", err)
	}
	d.full.Store(false)
	wantReplayed(t, l, replayed{"one", 1, nil})
}

package trail_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// scriptedSigner is a host's signer that does what it is told.
type scriptedSigner struct {
	note.Signer
	mu   sync.Mutex
	sign func(msg []byte) ([]byte, error) // instead, if set
	name string                           // instead, if set
}

func (s *scriptedSigner) set(sign func(msg []byte) ([]byte, error), name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sign, s.name = sign, name
}

func (s *scriptedSigner) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name != "" {
		return s.name
	}
	return s.Signer.Name()
}

func (s *scriptedSigner) Sign(msg []byte) ([]byte, error) {
	s.mu.Lock()
	sign := s.sign
	s.mu.Unlock()
	if sign != nil {
		return sign(msg)
	}
	return s.Signer.Sign(msg)
}

// errLiar claims to be what only the log may say.
var errLiar = fmt.Errorf("%w, %w, %w", audit.ErrNotWritten, audit.ErrNoRoom, audit.ErrConflict)

// badSigners are ways to fail at signing.
func badSigners(tb testing.TB, good note.Signer) map[string]func(msg []byte) ([]byte, error) {
	stranger := newKey(tb)
	return map[string]func(msg []byte) ([]byte, error){
		"an error":               func([]byte) ([]byte, error) { return nil, errors.New("the token was pulled out") },
		"an error that lies":     func([]byte) ([]byte, error) { return nil, errLiar },
		"an error and the truth": func(msg []byte) ([]byte, error) { s, _ := good.Sign(msg); return s, errLiar },
		"a panic":                func([]byte) ([]byte, error) { panic("no") },
		"a panic that lies":      func([]byte) ([]byte, error) { panic(errLiar) },
		"the end of a goroutine": func([]byte) ([]byte, error) { runtime.Goexit(); return nil, nil },
		"another key":            stranger.Sign,
		"another message":        func(msg []byte) ([]byte, error) { return good.Sign(append(msg, '\n')) },
		"nothing":                func([]byte) ([]byte, error) { return nil, nil },
		"garbage":                func([]byte) ([]byte, error) { return make([]byte, 64), nil },
		"too much":               func(msg []byte) ([]byte, error) { s, _ := good.Sign(msg); return append(s, s...), nil },
		"far too much":           func([]byte) ([]byte, error) { return make([]byte, 1<<20), nil },
	}
}

// withSigner returns a configuration with a signer, and the signer.
func (p place) withSigner(tb testing.TB) (trail.Config, *scriptedSigner) {
	tb.Helper()
	c := p.config()
	private := newKeyText(tb, c.Origin)
	signer, err := note.NewSigner(private.private)
	if err != nil {
		tb.Fatal(err)
	}
	s := &scriptedSigner{Signer: signer}
	c.KeyFile, c.Signer, c.VerifierKey = "", s, private.public
	return c, s
}

func TestASignerThatFailsAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	for name, sign := range badSigners(t, newKey(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, signer := newPlace(t).withSigner(t)
			sign := sign
			if all := badSigners(t, signer.Signer); all[name] != nil {
				sign = all[name]
			}
			l := openWith(t, c)
			w := newTruth(t, l)
			w.add(t, l, briefs(0, 2)...)
			signer.set(sign, "")
			_, errs := addAtOnce(t, l, briefs(2, 12))
			wantFailed(t, l, w, errs)
			signer.set(nil, "")
			_, errs = addAtOnce(t, l, briefs(0, 12)) // for good
			wantFailed(t, l, w, errs)
			_ = l.Close()

			l = openWith(t, c)
			for i, r := range briefs(0, 12) {
				receipt, err := l.Add(t.Context(), r)
				if err != nil || i < 2 && receipt.Index != w.told[i].receipt.Index {
					t.Errorf("%s, opened again: %v, %v", r.ID, receipt.Index, err)
				}
			}
			wantStoredOnce(t, l, 12)
		})
	}
}

// wantFailed fails unless each error says that the log has failed and nothing
// about the record, and the log has what was acknowledged and no more.
func wantFailed(t *testing.T, l *trail.Log, w *truth, errs []error) {
	t.Helper()
	for i, err := range errs {
		for _, no := range []error{audit.ErrNotWritten, audit.ErrNoRoom, audit.ErrConflict, audit.ErrClosed} {
			if errors.Is(err, no) {
				t.Errorf("append %d: %v wraps %v", i, err, no)
			}
		}
		if !errors.Is(err, audit.ErrFailed) {
			t.Errorf("append %d: %v, want ErrFailed", i, err)
		}
	}
	if l.Size() != w.size || string(l.Checkpoint()) != string(w.newest) {
		t.Errorf("size = %d, want %d", l.Size(), w.size)
	}
	have := 0
	for r, err := range l.Replay(t.Context()) {
		if err != nil || have >= len(w.told) || r.ID != w.told[have].record.ID {
			t.Fatalf("replay: %s, %v", r.ID, err)
		}
		have++
	}
	if have != len(w.told) {
		t.Errorf("%d records can be read, want %d", have, len(w.told))
	}
}

func wantStoredOnce(t *testing.T, l *trail.Log, want int) {
	t.Helper()
	have := map[string]bool{}
	for r, err := range l.Replay(t.Context()) {
		if err != nil || have[r.ID] {
			t.Fatalf("%s is there twice: %v, %v", r.ID, have[r.ID], err)
		}
		have[r.ID] = true
	}
	if len(have) != want {
		t.Errorf("%d records, want %d", len(have), want)
	}
}

func TestASignerThatFailsAtTheFirstOpeningLeavesNothingLocked(t *testing.T) {
	t.Parallel()
	for name := range badSigners(t, newKey(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, signer := newPlace(t).withSigner(t)
			signer.set(badSigners(t, signer.Signer)[name], "")
			for range 2 {
				err := openApart(t, c)
				for _, no := range []error{nil, audit.ErrLocked, audit.ErrNotWritten} {
					if errors.Is(err, no) {
						t.Errorf("Open = %v", err)
					}
				}
			}
			signer.set(nil, "")
			openWith(t, c)
		})
	}
}

// openApart opens a log, which must fail, on a goroutine that code of the host
// may end.
func openApart(t *testing.T, c trail.Config) error {
	t.Helper()
	err := errors.New("its goroutine was ended")
	var group sync.WaitGroup
	group.Go(func() {
		var l *trail.Log
		if l, err = trail.Open(t.Context(), c); l != nil {
			t.Error("the log was opened")
			l.Close()
		}
	})
	group.Wait()
	return err
}

func TestASignerThatChangesItsNameIsNotBelieved(t *testing.T) {
	t.Parallel()
	c, signer := newPlace(t).withSigner(t)
	l := openWith(t, c)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 2)...)
	for _, name := range []string{"example.com/other", "with spaces in it", "\n", "example.com/trail\n\n— x y"} {
		signer.set(nil, name)
		_, errs := addAtOnce(t, l, briefs(2, 3))
		wantFailed(t, l, w, errs)
	}
	_ = l.Close()
	if _, err := trail.Open(t.Context(), c); err == nil {
		t.Error("opened with a signer of another name")
	}
}

func TestASignerThatHangsIsWaitedForByNobodyWhoseContextIsDone(t *testing.T) {
	t.Parallel()
	c, signer := newPlace(t).withSigner(t)
	l := openWith(t, c)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 2)...)
	hangs, release := make(chan struct{}, 1), make(chan struct{})
	signer.set(func(msg []byte) ([]byte, error) {
		select {
		case hangs <- struct{}{}:
		default:
		}
		<-release
		return signer.Signer.Sign(msg)
	}, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := make(chan error)
	go func() { gone <- l.Append(ctx, brief(2)) }()
	<-hangs
	cancel(errLiar)
	err := <-gone
	if !errors.Is(err, context.Canceled) || errors.Is(err, audit.ErrNotWritten) || errors.Is(err, audit.ErrNoRoom) {
		t.Errorf("append = %v, want context.Canceled alone", err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancelLate()
	for _, r := range []audit.Record{brief(2), brief(3)} { // a retry, and another group
		if err := l.Append(late, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("append of %s = %v, want context.DeadlineExceeded", r.ID, err)
		}
	}
	if l.Size() != w.size {
		t.Errorf("size = %d, want %d", l.Size(), w.size)
	}
	wantIDs(t, l, trail.Query{}, "id-0", "id-1")
	closed := make(chan error)
	go func() { closed <- l.Close() }()
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	l = openWith(t, c)
	for _, r := range briefs(0, 4) {
		if err := l.Append(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	wantStoredOnce(t, l, 4)
}

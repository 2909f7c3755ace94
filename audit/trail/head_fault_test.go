package trail_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// badSaves are ways of a host's trusted head to fail.
func badSaves() map[string]func(context.Context, []byte) error {
	return map[string]func(context.Context, []byte) error{
		"an error":               func(context.Context, []byte) error { return errors.New("no route") },
		"an error that lies":     func(context.Context, []byte) error { return errLiar },
		"a wrapped lie":          func(context.Context, []byte) error { return fmt.Errorf("saving: %w", errLiar) },
		"a joined lie":           func(context.Context, []byte) error { return errors.Join(errors.New("no"), errLiar) },
		"a cancelled context":    func(context.Context, []byte) error { return context.Canceled },
		"closed":                 func(context.Context, []byte) error { return audit.ErrClosed },
		"a panic":                func(context.Context, []byte) error { panic("no") },
		"a panic that lies":      func(context.Context, []byte) error { panic(errLiar) },
		"the end of a goroutine": func(context.Context, []byte) error { runtime.Goexit(); return nil },
		"a nil error that panics": func(context.Context, []byte) error {
			return (*panicking)(nil)
		},
	}
}

// panicking is an error that panics when it is asked what it says.
type panicking struct{ text string }

func (p *panicking) Error() string { return p.text }

func TestATrustedHeadThatFailsAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	for name, save := range badSaves() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, head := newPlace(t), &scriptedHead{}
			c := p.config()
			c.TrustedHead = head
			l := openWith(t, c)
			w := newTruth(t, l)
			w.add(t, l, briefs(0, 2)...)
			head.set(save)
			_, errs := addAtOnce(t, l, briefs(2, 12))
			wantFailed(t, l, w, errs)
			head.set(nil)
			_, errs = addAtOnce(t, l, briefs(0, 12))
			wantFailed(t, l, w, errs)
			_ = l.Close()

			l = openWith(t, c)
			for _, r := range briefs(0, 12) {
				if err := l.Append(t.Context(), r); err != nil {
					t.Errorf("%s, opened again: %v", r.ID, err)
				}
			}
			wantStoredOnce(t, l, 12)
		})
	}
}

func TestATrustedHeadThatFailsAtOpeningOpensNothingAndLeavesNothingLocked(t *testing.T) {
	t.Parallel()
	for name, save := range badSaves() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := &scriptedHead{}
			c := newPlace(t).config()
			c.TrustedHead = head
			for range 2 { // a new log, then one with records
				head.set(save)
				for range 2 {
					if err := openApart(t, c); err == nil || errors.Is(err, audit.ErrLocked) {
						t.Errorf("Save: Open = %v", err)
					}
				}
				head.set(nil)
				head.load = func(ctx context.Context) ([]byte, error) { return nil, save(ctx, nil) }
				for range 2 {
					if err := openApart(t, c); err == nil || errors.Is(err, audit.ErrLocked) {
						t.Errorf("Load: Open = %v", err)
					}
				}
				head.load = nil
				l := openWith(t, c)
				if err := errors.Join(l.Append(t.Context(), brief(1)), l.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestWhatATrustedHeadLoadsIsNotBelieved(t *testing.T) {
	t.Parallel()
	head := &scriptedHead{}
	c := newPlace(t).config()
	c.TrustedHead = head
	l := openWith(t, c)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	closeLog(t, l)
	other := anotherLog(t, 3)
	foreign, err := trail.HeadFileOn(other, ramHead).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loads := map[string][]byte{
		"no bytes, which is not nothing": {},
		"garbage":                        []byte("garbage"),
		"another log's":                  foreign,
		"without its signature":          w.newest[:len(w.newest)-100],
		"with another size":              append([]byte("example.com/trail\n2"), w.newest[len("example.com/trail\n3"):]...),
		"with something behind it":       append(append([]byte(nil), w.newest...), "x\n"...),
	}
	for name, loaded := range loads {
		head.load = func(context.Context) ([]byte, error) { return loaded, nil }
		if l, err := trail.Open(t.Context(), c); err == nil {
			l.Close()
			t.Errorf("%s: the log was opened", name)
		}
	}
	head.load = func(context.Context) ([]byte, error) { return nil, nil }
	if _, err := trail.Open(t.Context(), c); !errors.Is(err, trail.ErrNoHead) {
		t.Errorf("nothing: %v, want ErrNoHead", err)
	}
	head.load = func(context.Context) ([]byte, error) { return w.newest, errors.New("and an error") }
	if _, err := trail.Open(t.Context(), c); err == nil {
		t.Error("with an error beside it: the log was opened")
	}
	head.load = nil
	openWith(t, c)
}

func TestATrustedHeadThatChangesWhatItIsGivenChangesNothing(t *testing.T) {
	t.Parallel()
	head := &scriptedHead{}
	c := newPlace(t).config()
	c.TrustedHead = head
	l := openWith(t, c)
	w := newTruth(t, l)
	var given []byte
	head.set(func(_ context.Context, checkpoint []byte) error {
		given = checkpoint
		return nil
	})
	for _, r := range briefs(0, 5) {
		w.add(t, l, r) // verifies the receipt
		clear(given)
		if _, err := w.verifier.Checkpoint(l.Checkpoint()); err != nil {
			t.Error(err)
		}
		checkpoint := l.Checkpoint()
		clear(checkpoint)
		clear(w.newest) // the receipt's, which is the caller's
	}
	for _, one := range w.told {
		again, err := l.Add(t.Context(), one.record)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.verifier.Checkpoint(again.Checkpoint); err != nil {
			t.Errorf("%s: %v", one.record.ID, err)
		}
	}
}

func TestATrustedHeadThatHangsIsWaitedForByNobodyWhoseContextIsDone(t *testing.T) {
	t.Parallel()
	head := &scriptedHead{}
	c := newPlace(t).config()
	c.TrustedHead = head
	l := openWith(t, c)
	hangs, release := make(chan struct{}), make(chan struct{})
	head.set(func(context.Context, []byte) error {
		close(hangs)
		<-release
		return errors.New("too late")
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := make(chan error)
	go func() { gone <- l.Append(ctx, brief(0)) }()
	<-hangs
	cancel(errLiar)
	err := <-gone
	if !errors.Is(err, context.Canceled) || errors.Is(err, audit.ErrNotWritten) || errors.Is(err, audit.ErrNoRoom) {
		t.Errorf("append = %v, want context.Canceled alone", err)
	}
	if l.Size() != 0 || l.Checkpoint() != nil {
		t.Error("something is acknowledged")
	}
	wantIDs(t, l, trail.Query{})
	close(release)
	if err := l.Append(t.Context(), brief(0)); !errors.Is(err, audit.ErrFailed) {
		t.Errorf("append after it failed = %v, want ErrFailed", err)
	}
	_ = l.Close()
	l = openWith(t, withHead(c, &scriptedHead{saved: head.saved}))
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Error(err)
	}
	wantStoredOnce(t, l, 1)
}

func withHead(c trail.Config, head trail.TrustedHead) trail.Config {
	c.TrustedHead = head
	return c
}

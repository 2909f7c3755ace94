package moderationtest

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/elevenminutes/interlock/moderation"
)

func directoryCopies(t tester, s directorySubject) {
	a, errActor := s.Actor(t.Context(), s.known.Actor.Login)
	target, errTarget := s.Target(t.Context(), s.known.Target.ID)
	if err := errors.Join(errActor, errTarget); err != nil {
		t.Fatalf("asking for what is known: %v", err)
	}
	scramble(reflect.ValueOf(a))
	scramble(reflect.ValueOf(target))
	knownActor(t, s)
	knownTarget(t, s)
}

// asks asks for everything that is known and returns what is wrong.
func (s directorySubject) asks(t tester) error {
	a, err := s.Actor(t.Context(), s.known.Actor.Login)
	if err != nil {
		return err
	}
	id, err := s.Resolve(t.Context(), s.known.Handle)
	if err != nil {
		return err
	}
	target, err := s.Target(t.Context(), id)
	if err != nil {
		return err
	}
	if _, err := s.Actor(t.Context(), nobody); !errors.Is(err, moderation.ErrUnknownActor) {
		return fmt.Errorf("Actor(%q): got %v, want ErrUnknownActor", nobody, err)
	}
	if d := s.known.sameActor(a) + s.known.sameTarget(target); d != "" {
		return errors.New("other facts (-want +got):\n" + d)
	}
	return nil
}

func directoryTogether(t tester, s directorySubject) {
	for _, err := range together(racers, func(int) error { return s.asks(t) }) {
		if err != nil {
			t.Fatalf("asked by %d at once: %v", racers, err)
		}
	}
}

func directoryDone(t tester, s directorySubject) {
	ctx := doneContext(t)
	returns(t, "Actor with a context that is done", func() {
		a, err := s.Actor(ctx, s.known.Actor.Login)
		if errors.Is(err, moderation.ErrUnknownActor) {
			t.Errorf("Actor with a context that is done says that a known login is unknown")
		}
		if d := s.known.sameActor(a); err == nil && d != "" {
			t.Errorf("Actor with a context that is done gave other facts (-want +got):\n%s", d)
		}
	})
	returns(t, "Resolve with a context that is done", func() {
		id, err := s.Resolve(ctx, s.known.Handle)
		if errors.Is(err, moderation.ErrUnknownTarget) || err == nil && id != s.known.Target.ID {
			t.Errorf("Resolve with a context that is done: got %q and %v, want %q or the context's error", id, err, s.known.Target.ID)
		}
	})
	returns(t, "Target with a context that is done", func() {
		target, err := s.Target(ctx, s.known.Target.ID)
		if errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("Target with a context that is done says that a known target is unknown")
		}
		if d := s.known.sameTarget(target); err == nil && d != "" {
			t.Errorf("Target with a context that is done gave other facts (-want +got):\n%s", d)
		}
	})
}

// strays checks that a handle does not stand for the known target.
func (s directorySubject) strays(t tester, handle string) {
	t.Helper()
	id, err := s.Resolve(t.Context(), handle)
	if err == nil && id == s.known.Target.ID || err != nil && !errors.Is(err, moderation.ErrUnknownTarget) {
		t.Errorf("Resolve(%q), a handle that the target has no more: got %q and %v, want another ID or ErrUnknownTarget", handle, id, err)
	}
}

func formerHandle(t tester, s directorySubject) { s.strays(t, s.known.FormerHandle) }

func renamed(t tester, s directorySubject) {
	s.resolves(t, s.known.Handle, s.known.Target.ID)
	handle := s.rename(s.Directory)
	s.resolves(t, handle, s.known.Target.ID)
	s.resolves(t, s.known.Target.ID, s.known.Target.ID)
	s.strays(t, s.known.Handle)
	knownTarget(t, s)
}

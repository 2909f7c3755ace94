package moderationtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// Known are facts that a directory under test must give. AsOf is not compared.
type Known struct {
	// Actor is what the directory knows of Actor.Login. Required.
	Actor moderation.Actor
	// Target is what the directory knows of Target.ID. Required.
	Target moderation.Target
	// Handle stands for Target.ID, and is another text than the ID where the
	// host has handles. Required.
	Handle string
	// FormerHandle once stood for Target.ID and does so no more. Optional.
	FormerHandle string
	// Rename gives Target.ID another handle in d and returns it. Nil where
	// the test can't do that.
	Rename func(t *testing.T, d moderation.Directory) (handle string)
}

// directorySubject is a directory under test.
type directorySubject struct {
	moderation.Directory
	known  Known
	rename func(moderation.Directory) string
}

// nobody is known to no directory.
const nobody = "nobody-has-this-name-7f3a9c"

// TestDirectory holds a [moderation.Directory] to its contract, with facts
// that it must know. open returns a directory in which they hold; it closes it
// by t.Cleanup. Where Rename is given, it shares nothing with those opened
// before.
func TestDirectory(t *testing.T, open func(t *testing.T) moderation.Directory, known Known) {
	t.Helper()
	if err := known.complete(); err != nil {
		t.Fatal(err)
	}
	runChecks(t, directoryChecks(known), func(t *testing.T) directorySubject {
		s := directorySubject{Directory: open(t), known: known}
		if s.Directory == nil {
			t.Fatal("open returned no directory")
		}
		s.rename = func(d moderation.Directory) string { return known.Rename(t, d) }
		return s
	})
}

// complete reports what the suite can't do without.
func (k Known) complete() error {
	switch {
	case k.Actor.Login == "":
		return errors.New("moderationtest: Known.Actor.Login is empty; name a login that the directory knows")
	case k.Target.ID == "":
		return errors.New("moderationtest: Known.Target.ID is empty; name a target that the directory knows")
	case k.Handle == "":
		return errors.New("moderationtest: Known.Handle is empty; name a handle of the target, or its ID where the host has no handles")
	}
	return nil
}

func directoryChecks(known Known) []check[directorySubject] {
	checks := []check[directorySubject]{
		{"the facts of a known login are given", knownActor},
		{"the facts of a known target are given", knownTarget},
		{"a handle resolves to its target's ID", resolveHandle},
		{"an ID resolves to itself", resolveID},
		{"an unknown login is ErrUnknownActor", unknownActor},
		{"an unknown handle or ID is ErrUnknownTarget", unknownTarget},
		{"an answer is about who was asked for, letter by letter", aboutWhom},
		{"an answer leaves nothing out", nothingMissing},
		{"an answer can be changed by who asked", directoryCopies},
		{"many can ask at once", directoryTogether},
		{"a directory whose context is done answers rightly or not at all", directoryDone},
	}
	if known.FormerHandle != "" {
		checks = append(checks, check[directorySubject]{"a former handle does not stand for the target", formerHandle})
	}
	if known.Rename != nil {
		checks = append(checks, check[directorySubject]{"a renamed target keeps its ID and loses its handle", renamed})
	}
	return checks
}

// sameActor tells how an answer differs from the known facts; empty if not.
func (k Known) sameActor(a moderation.Actor) string {
	want := k.Actor
	want.AsOf = a.AsOf
	return diff(want, a)
}

func (k Known) sameTarget(target moderation.Target) string {
	want := k.Target
	want.AsOf = target.AsOf
	return diff(want, target)
}

func knownActor(t tester, s directorySubject) {
	got, err := s.Actor(t.Context(), s.known.Actor.Login)
	if err != nil {
		t.Fatalf("Actor(%q): %v", s.known.Actor.Login, err)
	}
	if d := s.known.sameActor(got); d != "" {
		t.Errorf("Actor(%q) gave other facts (-want +got):\n%s", s.known.Actor.Login, d)
	}
}

func knownTarget(t tester, s directorySubject) {
	got, err := s.Target(t.Context(), s.known.Target.ID)
	if err != nil {
		t.Fatalf("Target(%q): %v", s.known.Target.ID, err)
	}
	if d := s.known.sameTarget(got); d != "" {
		t.Errorf("Target(%q) gave other facts (-want +got):\n%s", s.known.Target.ID, d)
	}
}

func (s directorySubject) resolves(t tester, handle, want string) {
	t.Helper()
	got, err := s.Resolve(t.Context(), handle)
	if err != nil || got != want {
		t.Errorf("Resolve(%q): got %q and %v, want %q", handle, got, err, want)
	}
}

func resolveHandle(t tester, s directorySubject) { s.resolves(t, s.known.Handle, s.known.Target.ID) }

func resolveID(t tester, s directorySubject) { s.resolves(t, s.known.Target.ID, s.known.Target.ID) }

func unknownActor(t tester, s directorySubject) {
	for _, login := range []string{nobody, "", s.known.Actor.Login + nobody} {
		got, err := s.Actor(t.Context(), login)
		if !errors.Is(err, moderation.ErrUnknownActor) {
			t.Errorf("Actor(%q): got %+v and %v, want ErrUnknownActor", login, got, err)
		}
		if errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("Actor(%q): got %v, which says that a target is unknown", login, err)
		}
	}
}

func unknownTarget(t tester, s directorySubject) {
	for _, name := range []string{nobody, "", s.known.Target.ID + nobody, s.known.Handle + nobody} {
		id, err := s.Resolve(t.Context(), name)
		if !errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("Resolve(%q): got %q and %v, want ErrUnknownTarget", name, id, err)
		}
		got, err := s.Target(t.Context(), name)
		if !errors.Is(err, moderation.ErrUnknownTarget) {
			t.Errorf("Target(%q): got %+v and %v, want ErrUnknownTarget", name, got, err)
		}
	}
}

// lookalikes are texts that a careless comparison takes for the name.
func lookalikes(name string) []string {
	all := []string{strings.ToUpper(name), strings.ToLower(name), strings.ToTitle(name), name + " ", " " + name, name + "\x00", name + "%", "*", name[:len(name)-1]}
	return slices.DeleteFunc(all, func(s string) bool { return s == name })
}

func aboutWhom(t tester, s directorySubject) {
	for _, login := range lookalikes(s.known.Actor.Login) {
		if got, err := s.Actor(t.Context(), login); err == nil && got.Login != login {
			t.Errorf("Actor(%q) is about %q", login, got.Login)
		}
	}
	for _, id := range append(lookalikes(s.known.Target.ID), s.known.Handle) {
		if got, err := s.Target(t.Context(), id); err == nil && got.ID != id {
			t.Errorf("Target(%q) is about %q; only an ID has facts, a handle is resolved first", id, got.ID)
		}
	}
}

func nothingMissing(t tester, s directorySubject) {
	a, err := s.Actor(t.Context(), s.known.Actor.Login)
	if err != nil {
		t.Fatalf("Actor(%q): %v", s.known.Actor.Login, err)
	}
	missing := func(is bool, what string) {
		t.Helper()
		if is {
			t.Errorf("%s; the guard refuses such an answer", what)
		}
	}
	missing(a.Person == "", "Actor.Person is empty")
	missing(a.Type != moderation.Human && a.Type != moderation.Service, fmt.Sprintf("Actor.Type is %q", a.Type))
	missing(!slices.Contains([]moderation.ActorStatus{moderation.Active, moderation.Suspended, moderation.Departed}, a.Status), fmt.Sprintf("Actor.Status is %q", a.Status))
	missing(!a.LastDay.Known(), "Actor.LastDay is unknown; where there is none, say NoLastDay")
	missing(slices.Contains(a.Owners, ""), "one of Actor.Owners is empty")
	missing(slices.Contains(a.Labels, ""), "one of Actor.Labels is empty")
	missing(slices.ContainsFunc(a.Labels, func(l string) bool { return strings.HasPrefix(l, "@") }), "one of Actor.Labels begins with @")

	target, err := s.Target(t.Context(), s.known.Target.ID)
	if err != nil {
		t.Fatalf("Target(%q): %v", s.known.Target.ID, err)
	}
	missing(target.Tier == "", "Target.Tier is empty")
	missing(target.Domain == "", "Target.Domain is empty")
	missing(target.Reach < 0, fmt.Sprintf("Target.Reach is %d", target.Reach))
	missing(slices.Contains(target.Owners, ""), "one of Target.Owners is empty")
	missing(slices.Contains(target.Conflicts, ""), "one of Target.Conflicts is empty")
}

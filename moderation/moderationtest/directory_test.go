package moderationtest_test

import (
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestDirectoryDoubleForgets(t *testing.T) {
	t.Parallel()
	d := moderationtest.NewDirectory(t)
	d.SetActor(moderation.Actor{Login: "alice", Person: "Alice"})
	d.SetTarget(moderation.Target{ID: "42"}, "@a", "@b")
	d.SetTarget(moderation.Target{ID: "43"}, "@b")
	resolve := func(handle, want string) {
		t.Helper()
		got, err := d.Resolve(t.Context(), handle)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("Resolve(%q): got %q and %v, want %q", handle, got, err, want)
		}
	}
	resolve("@a", "42")
	resolve("@b", "43")
	resolve("43", "43")
	d.SetTarget(moderation.Target{ID: "42"}, "@c")
	resolve("@a", "")
	resolve("@c", "42")
	d.RemoveTarget("42")
	resolve("@c", "")
	resolve("42", "")
	d.RemoveActor("alice")
	if _, err := d.Actor(t.Context(), "alice"); !errors.Is(err, moderation.ErrUnknownActor) {
		t.Errorf("Actor that was removed: got %v, want ErrUnknownActor", err)
	}
}

package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func mapActor(change func(*moderation.Actor)) moderation.Actor {
	a := moderation.Actor{
		Login: "ada-work", Person: "ada", Type: moderation.Human, Status: moderation.Active,
		LastDay: moderation.NoLastDay(), Labels: []string{"on-call"},
	}
	if change != nil {
		change(&a)
	}
	return a
}

func mapTarget(change func(*moderation.Target)) moderation.Target {
	t := moderation.Target{
		ID: "account-1", Tier: "ordinary", Domain: "en", Owners: []string{"olga"},
		Conflicts: []string{"carl"}, Reach: 10,
	}
	if change != nil {
		change(&t)
	}
	return t
}

func TestMapDirectoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) moderation.Directory {
		other := mapTarget(func(t *moderation.Target) { t.ID = "account-2" })
		d, err := moderation.NewMapDirectory([]moderation.Actor{mapActor(nil)}, []moderation.Target{other})
		if err := errors.Join(err, d.SetTarget(mapTarget(nil), "@one", "@former"), d.SetTarget(other, "@former")); err != nil {
			t.Fatal(err)
		}
		return d
	}
	moderationtest.TestDirectory(t, open, moderationtest.Known{
		Actor: mapActor(nil), Target: mapTarget(nil), Handle: "@one", FormerHandle: "@former",
		Rename: func(t *testing.T, d moderation.Directory) string {
			if err := d.(*moderation.MapDirectory).SetTarget(mapTarget(nil), "@renamed"); err != nil {
				t.Fatal(err)
			}
			return "@renamed"
		},
	})
}

func TestMapDirectoryZeroValueKnowsNobody(t *testing.T) {
	t.Parallel()
	var d moderation.MapDirectory
	if a, err := d.Actor(t.Context(), "ada-work"); !errors.Is(err, moderation.ErrUnknownActor) || a.Login != "" {
		t.Errorf("Actor = %+v, %v; want ErrUnknownActor", a, err)
	}
	if id, err := d.Resolve(t.Context(), "@one"); !errors.Is(err, moderation.ErrUnknownTarget) || id != "" {
		t.Errorf("Resolve = %q, %v; want ErrUnknownTarget", id, err)
	}
	if got, err := d.Target(t.Context(), "account-1"); !errors.Is(err, moderation.ErrUnknownTarget) || got.ID != "" {
		t.Errorf("Target = %+v, %v; want ErrUnknownTarget", got, err)
	}
	d.RemoveActor("ada-work")
	if err := d.SetActor(mapActor(nil)); err != nil {
		t.Errorf("SetActor on the zero value: %v", err)
	}
	if err := d.SetTarget(mapTarget(nil), "@one"); err != nil {
		t.Errorf("SetTarget on the zero value: %v", err)
	}
}

func TestMapDirectoryRefusesWrongActors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*moderation.Actor)
		field  string
	}{
		"no login":            {func(a *moderation.Actor) { a.Login = "" }, "Actor.Login"},
		"a login with a tail": {func(a *moderation.Actor) { a.Login = "ada-work " }, "Actor.Login"},
		"an invisible letter": {func(a *moderation.Actor) { a.Login = "ada\u200b" }, "Actor.Login"},
		"not UTF-8":           {func(a *moderation.Actor) { a.Login = "\xff" }, "Actor.Login"},
		"too long":            {func(a *moderation.Actor) { a.Login = strings.Repeat("a", moderation.MaxName+1) }, "Actor.Login"},
		"no person":           {func(a *moderation.Actor) { a.Person = "" }, "Actor.Person"},
		"no type":             {func(a *moderation.Actor) { a.Type = "" }, "Actor.Type"},
		"another type":        {func(a *moderation.Actor) { a.Type = "robot" }, "Actor.Type"},
		"no status":           {func(a *moderation.Actor) { a.Status = "" }, "Actor.Status"},
		"another status":      {func(a *moderation.Actor) { a.Status = "Active" }, "Actor.Status"},
		"no last day":         {func(a *moderation.Actor) { a.LastDay = moderation.LastDay{} }, "Actor.LastDay"},
		"a last day nowhere":  {func(a *moderation.Actor) { a.LastDay = moderation.LastDayOn(2017, 11, 2, nil) }, "Actor.LastDay"},
		"a human with owners": {func(a *moderation.Actor) { a.Owners = []string{"bob"} }, "Actor.Owners"},
		"a nameless owner": {func(a *moderation.Actor) {
			a.Type, a.Owners = moderation.Service, []string{"bob", ""}
		}, "Actor.Owners"},
		"a nameless label":    {func(a *moderation.Actor) { a.Labels = []string{""} }, "Actor.Labels"},
		"a label with its at": {func(a *moderation.Actor) { a.Labels = []string{"@on-call"} }, "Actor.Labels"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d moderation.MapDirectory
			if err := d.SetActor(mapActor(nil)); err != nil {
				t.Fatal(err)
			}
			wrong := mapActor(tc.change)
			err := d.SetActor(wrong)
			wantFieldAtFault(t, err, tc.field)
			if got, err := d.Actor(t.Context(), "ada-work"); err != nil || !cmp.Equal(got, mapActor(nil)) {
				t.Errorf("the entry that stood before is now %+v, %v", got, err)
			}
			if wrong.Login != "ada-work" {
				if _, err := d.Actor(t.Context(), wrong.Login); !errors.Is(err, moderation.ErrUnknownActor) {
					t.Errorf("the refused entry can be found: %v", err)
				}
			}
			if made, err := moderation.NewMapDirectory([]moderation.Actor{wrong}, nil); made != nil {
				t.Errorf("NewMapDirectory gave a directory, with the error %v", err)
			} else {
				wantFieldAtFault(t, err, tc.field)
			}
		})
	}
}

func TestMapDirectoryRefusesWrongTargets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change  func(*moderation.Target)
		handles []string
		field   string
	}{
		"no ID":               {change: func(t *moderation.Target) { t.ID = "" }, field: "Target.ID"},
		"an ID with a tail":   {change: func(t *moderation.Target) { t.ID = "account-1\n" }, field: "Target.ID"},
		"the library's own":   {change: func(t *moderation.Target) { t.ID = moderation.FreezeTarget }, field: "Target.ID"},
		"the policy's ID":     {change: func(t *moderation.Target) { t.ID = moderation.PolicyTarget }, field: "Target.ID"},
		"no tier":             {change: func(t *moderation.Target) { t.Tier = "" }, field: "Target.Tier"},
		"every tier":          {change: func(t *moderation.Target) { t.Tier = moderation.Any }, field: "Target.Tier"},
		"no domain":           {change: func(t *moderation.Target) { t.Domain = "" }, field: "Target.Domain"},
		"every domain":        {change: func(t *moderation.Target) { t.Domain = moderation.Any }, field: "Target.Domain"},
		"less than no reach":  {change: func(t *moderation.Target) { t.Reach = -1 }, field: "Target.Reach"},
		"a nameless owner":    {change: func(t *moderation.Target) { t.Owners = []string{""} }, field: "Target.Owners"},
		"a nameless conflict": {change: func(t *moderation.Target) { t.Conflicts = []string{""} }, field: "Target.Conflicts"},
		"a nameless handle":   {handles: []string{"@new", ""}, field: "handle"},
		"a handle that is another's ID": {
			handles: []string{"@new", "account-2"}, field: "handle",
		},
		"an ID that is another's handle": {
			change: func(t *moderation.Target) { t.ID = "@two" }, field: "Target.ID",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d moderation.MapDirectory
			other := mapTarget(func(t *moderation.Target) { t.ID = "account-2" })
			if err := errors.Join(d.SetTarget(mapTarget(nil), "@one"), d.SetTarget(other, "@two")); err != nil {
				t.Fatal(err)
			}
			wantFieldAtFault(t, d.SetTarget(mapTarget(tc.change), tc.handles...), tc.field)
			for handle, want := range map[string]string{"@one": "account-1", "@two": "account-2", "account-2": "account-2"} {
				if got, err := d.Resolve(t.Context(), handle); err != nil || got != want {
					t.Errorf("Resolve(%q) = %q, %v; want %q as before", handle, got, err, want)
				}
			}
			if id, err := d.Resolve(t.Context(), "@new"); !errors.Is(err, moderation.ErrUnknownTarget) {
				t.Errorf("a handle of the refused entry stands for %q (%v)", id, err)
			}
			if got, err := d.Target(t.Context(), "account-1"); err != nil || !cmp.Equal(got, mapTarget(nil)) {
				t.Errorf("the entry that stood before is now %+v, %v", got, err)
			}
		})
	}
}

func wantFieldAtFault(t *testing.T, err error, field string) {
	t.Helper()
	var refusal *moderation.Refusal
	if !errors.Is(err, moderation.ErrInvalid) || !errors.As(err, &refusal) {
		t.Fatalf("error = %v; want one that matches ErrInvalid", err)
	}
	if refusal.Field != field || !strings.Contains(err.Error(), field) {
		t.Errorf("error = %v about field %q; want field %q", err, refusal.Field, field)
	}
	if strings.Count(err.Error(), "moderation:") != 1 {
		t.Errorf("error = %q; want one prefix", err)
	}
}

func TestMapDirectoryResolves(t *testing.T) {
	t.Parallel()
	var d moderation.MapDirectory
	one, two := mapTarget(nil), mapTarget(func(t *moderation.Target) { t.ID = "account-2" })
	resolves := func(what string, want map[string]string) {
		t.Helper()
		for handle, id := range want {
			if got, err := d.Resolve(t.Context(), handle); err != nil || got != id {
				t.Errorf("%s: Resolve(%q) = %q, %v; want %q", what, handle, got, err, id)
			}
		}
	}
	set := func(target moderation.Target, handles ...string) {
		t.Helper()
		if err := d.SetTarget(target, handles...); err != nil {
			t.Fatal(err)
		}
	}
	set(one)
	resolves("without a handle", map[string]string{"account-1": "account-1"})
	set(one, "@one", "account-1")
	set(two, "@two")
	resolves("with handles", map[string]string{"account-1": "account-1", "@one": "account-1", "@two": "account-2"})
	set(one, "@uno")
	resolves("renamed", map[string]string{"account-1": "account-1", "@uno": "account-1", "@two": "account-2"})
	if got, err := d.Resolve(t.Context(), "@one"); !errors.Is(err, moderation.ErrUnknownTarget) {
		t.Errorf("the handle before the rename stands for %q, %v; want ErrUnknownTarget", got, err)
	}
	set(two, "@two", "@uno")
	resolves("a handle that moved", map[string]string{"account-1": "account-1", "@uno": "account-2", "@two": "account-2"})
	if got, err := d.Target(t.Context(), "@one"); !errors.Is(err, moderation.ErrUnknownTarget) {
		t.Errorf("Target of a handle = %+v, %v; want ErrUnknownTarget", got, err)
	}
}

func TestMapDirectoryCopiesInAndOut(t *testing.T) {
	t.Parallel()
	actor := mapActor(func(a *moderation.Actor) { a.Type, a.Owners = moderation.Service, []string{"bob"} })
	target := mapTarget(nil)
	d, err := moderation.NewMapDirectory([]moderation.Actor{actor}, []moderation.Target{target})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // first the caller's own slices are spoilt, then those handed out
		actor.Owners[0], actor.Labels[0] = "mallory", "trusted"
		target.Owners[0], target.Conflicts[0] = "mallory", "mallory"
		if actor, err = d.Actor(t.Context(), "ada-work"); err != nil {
			t.Fatal(err)
		}
		if target, err = d.Target(t.Context(), "account-1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"bob", "on-call", "olga", "carl"},
			[]string{actor.Owners[0], actor.Labels[0], target.Owners[0], target.Conflicts[0]}); diff != "" {
			t.Fatalf("an outside slice reaches in (-want +got):\n%s", diff)
		}
	}
}

func TestMapDirectoryReplacesAndForgetsActors(t *testing.T) {
	t.Parallel()
	d, err := moderation.NewMapDirectory([]moderation.Actor{mapActor(nil)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	departed := mapActor(func(a *moderation.Actor) { a.Status = moderation.Departed })
	if err := d.SetActor(departed); err != nil {
		t.Fatal(err)
	}
	got, err := d.Actor(t.Context(), "ada-work")
	if diff := cmp.Diff(departed, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("after SetActor: %v (-want +got):\n%s", err, diff)
	}
	d.RemoveActor("ada-work")
	if got, err := d.Actor(t.Context(), "ada-work"); !errors.Is(err, moderation.ErrUnknownActor) {
		t.Errorf("after RemoveActor: %+v, %v; want ErrUnknownActor", got, err)
	}
}

func TestMapDirectoryReportsEveryWrongEntry(t *testing.T) {
	t.Parallel()
	d, err := moderation.NewMapDirectory(
		[]moderation.Actor{mapActor(nil), mapActor(nil), {Login: "bob"}},
		[]moderation.Target{mapTarget(nil), {ID: "account-2"}, mapTarget(nil)},
	)
	if d != nil || err == nil {
		t.Fatalf("NewMapDirectory = %v, %v; want no directory", d, err)
	}
	for _, want := range []string{
		`actor "ada-work": Actor.Login is listed twice`, `actor "bob": Actor.Person is empty`,
		`target "account-1": Target.ID is listed twice`, `target "account-2": Target.Tier is empty`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestMapDirectoryHeedsTheContext(t *testing.T) {
	t.Parallel()
	d, err := moderation.NewMapDirectory([]moderation.Actor{mapActor(nil)}, []moderation.Target{mapTarget(nil)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := d.Actor(ctx, "ada-work"); !errors.Is(err, context.Canceled) || a.Login != "" {
		t.Errorf("Actor = %+v, %v; want context.Canceled", a, err)
	}
	if id, err := d.Resolve(ctx, "account-1"); !errors.Is(err, context.Canceled) || id != "" {
		t.Errorf("Resolve = %q, %v; want context.Canceled", id, err)
	}
	if got, err := d.Target(ctx, "account-1"); !errors.Is(err, context.Canceled) || got.ID != "" {
		t.Errorf("Target = %+v, %v; want context.Canceled", got, err)
	}
}

// The race detector is the judge here, and that no entry is seen half-written.
func TestMapDirectoryServesManyAtOnce(t *testing.T) {
	t.Parallel()
	var d moderation.MapDirectory
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 400 {
				name := fmt.Sprint(n % 10)
				tier := fmt.Sprint("tier", i)
				if err := d.SetTarget(moderation.Target{ID: name, Tier: tier, Domain: tier}, "@"+name); err != nil {
					t.Error(err)
				}
				if err := d.SetActor(mapActor(func(a *moderation.Actor) { a.Login, a.Person = name, tier })); err != nil {
					t.Error(err)
				}
				id, err := d.Resolve(t.Context(), "@"+name)
				if err != nil {
					t.Error(err)
				}
				if got, err := d.Target(t.Context(), id); err != nil || got.Tier != got.Domain {
					t.Errorf("Target = %+v, %v; want one whole entry", got, err)
				}
				if _, err := d.Actor(t.Context(), name); err != nil && !errors.Is(err, moderation.ErrUnknownActor) {
					t.Error(err)
				}
				d.RemoveActor(name)
			}
		})
	}
	wg.Wait()
}

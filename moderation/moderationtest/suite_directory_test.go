package moderationtest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func TestDirectoryDoublePasses(t *testing.T) {
	t.Parallel()
	TestDirectory(t, func(t *testing.T) moderation.Directory { return newSampleDirectory(t) }, sampleKnown())
}

func TestKnownMustNameWhatIsKnown(t *testing.T) {
	t.Parallel()
	for missing, forget := range map[string]func(k *Known){
		"Known.Actor.Login": func(k *Known) { k.Actor = moderation.Actor{} },
		"Known.Target.ID":   func(k *Known) { k.Target.ID = "" },
		"Known.Handle":      func(k *Known) { k.Handle = "" },
	} {
		k := sampleKnown()
		forget(&k)
		if err := k.complete(); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: got %v, want an error that names it", missing, err)
		}
	}
}

func TestDirectoryChecksFollowWhatIsKnown(t *testing.T) {
	t.Parallel()
	k := sampleKnown()
	all := len(directoryChecks(k))
	k.FormerHandle, k.Rename = "", nil
	if few := len(directoryChecks(k)); few != all-2 {
		t.Errorf("without FormerHandle and Rename there are %d checks, want %d", few, all-2)
	}
}

func TestDirectorySuiteCatches(t *testing.T) {
	t.Parallel()
	actor := func(f func(d *Directory, ctx context.Context, login string) (moderation.Actor, error)) func(*testing.T) sampleDirectory {
		return func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.actor = f
			return d
		}
	}
	resolve := func(f func(d *Directory, ctx context.Context, handle string) (string, error)) func(*testing.T) sampleDirectory {
		return func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.resolve = f
			return d
		}
	}
	target := func(f func(d *Directory, ctx context.Context, id string) (moderation.Target, error)) func(*testing.T) sampleDirectory {
		return func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.target = f
			return d
		}
	}
	lieActor := func(f func(a *moderation.Actor)) func(*testing.T) sampleDirectory {
		return actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			a, err := d.Actor(ctx, login)
			if err == nil {
				f(&a)
			}
			return a, err
		})
	}
	lieTarget := func(f func(a *moderation.Target)) func(*testing.T) sampleDirectory {
		return target(func(d *Directory, ctx context.Context, id string) (moderation.Target, error) {
			a, err := d.Target(ctx, id)
			if err == nil {
				f(&a)
			}
			return a, err
		})
	}
	const (
		actorFacts  = "the facts of a known login are given"
		targetFacts = "the facts of a known target are given"
		complete    = "an answer leaves nothing out"
		about       = "an answer is about who was asked for, letter by letter"
		copies      = "an answer can be changed by who asked"
		done        = "a directory whose context is done answers rightly or not at all"
		strangers   = "an unknown login is ErrUnknownActor"
		nowhere     = "an unknown handle or ID is ErrUnknownTarget"
	)
	k := sampleKnown()
	table := []struct {
		name, check string
		open        func(*testing.T) sampleDirectory
	}{
		{"a known login is an error", actorFacts, actor(func(*Directory, context.Context, string) (moderation.Actor, error) {
			return moderation.Actor{}, errors.New("down")
		})},
		{"everybody is active", actorFacts, lieActor(func(a *moderation.Actor) { a.Status = moderation.Suspended })},
		{"the last day is another", actorFacts, lieActor(func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Unix(1, 0)) })},
		{"labels are lost", actorFacts, lieActor(func(a *moderation.Actor) { a.Labels = nil })},
		{"the tier is another", targetFacts, lieTarget(func(a *moderation.Target) { a.Tier = "public" })},
		{"conflicts are lost", targetFacts, lieTarget(func(a *moderation.Target) { a.Conflicts = nil })},
		{"handles are IDs", "a handle resolves to its target's ID", resolve(func(_ *Directory, _ context.Context, handle string) (string, error) { return handle, nil })},
		{"an ID is no handle", "an ID resolves to itself", resolve(func(d *Directory, ctx context.Context, handle string) (string, error) {
			if !strings.HasPrefix(handle, "@") {
				return "", moderation.ErrUnknownTarget
			}
			return d.Resolve(ctx, handle)
		})},
		{"strangers are the zero actor", strangers, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			a, _ := d.Actor(ctx, login)
			return a, nil
		})},
		{"strangers are a plain error", strangers, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			a, err := d.Actor(ctx, login)
			if err != nil {
				err = errors.New("no rows in result set")
			}
			return a, err
		})},
		{"strangers are unknown targets too", strangers, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			a, err := d.Actor(ctx, login)
			if err != nil {
				err = errors.Join(err, moderation.ErrUnknownTarget)
			}
			return a, err
		})},
		{"nobody in particular is somebody", strangers, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			if login == "" {
				login = k.Actor.Login
			}
			return d.Actor(ctx, login)
		})},
		{"an unknown target is the zero target", nowhere, target(func(d *Directory, ctx context.Context, id string) (moderation.Target, error) {
			a, _ := d.Target(ctx, id)
			return a, nil
		})},
		{"an unknown handle resolves to nothing", nowhere, resolve(func(d *Directory, ctx context.Context, handle string) (string, error) {
			id, _ := d.Resolve(ctx, handle)
			return id, nil
		})},
		{"logins are looked up without case", about, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			return d.Actor(ctx, strings.ToLower(login))
		})},
		{"logins are trimmed", about, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			return d.Actor(ctx, strings.TrimSpace(login))
		})},
		{"a handle has facts", about, target(func(d *Directory, ctx context.Context, id string) (moderation.Target, error) {
			if id == k.Handle {
				id = k.Target.ID
			}
			return d.Target(ctx, id)
		})},
		{"there is no person", complete, lieActor(func(a *moderation.Actor) { a.Person = "" })},
		{"the type is unknown", complete, lieActor(func(a *moderation.Actor) { a.Type = "" })},
		{"the status is not one of ours", complete, lieActor(func(a *moderation.Actor) { a.Status = "ACTIVE" })},
		{"the last day is not stated", complete, lieActor(func(a *moderation.Actor) { a.LastDay = moderation.LastDay{} })},
		{"labels are written with @", complete, lieActor(func(a *moderation.Actor) { a.Labels = []string{"@new"} })},
		{"an owner is empty", complete, lieTarget(func(a *moderation.Target) { a.Owners = []string{""} })},
		{"there is no tier", complete, lieTarget(func(a *moderation.Target) { a.Tier = "" })},
		{"there is no domain", complete, lieTarget(func(a *moderation.Target) { a.Domain = "" })},
		{"reach is negative", complete, lieTarget(func(a *moderation.Target) { a.Reach = -1 })},
		{"an actor's slices are the directory's own", copies, func(t *testing.T) sampleDirectory {
			own := sampleKnown().Actor
			return actor(func(*Directory, context.Context, string) (moderation.Actor, error) { return own, nil })(t)
		}},
		{"a target's slices are the directory's own", copies, func(t *testing.T) sampleDirectory {
			own := sampleKnown().Target
			return target(func(*Directory, context.Context, string) (moderation.Target, error) { return own, nil })(t)
		}},
		{"answers get mixed up", "many can ask at once", mixedUp},
		{"it hangs when nobody waits", done, func(t *testing.T) sampleDirectory {
			return actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
				if ctx.Err() != nil {
					d.OnActor.Inject(HangForever())
				}
				return d.Actor(ctx, login)
			})(t)
		}},
		{"who is known is unknown when nobody waits", done, actor(func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
			if ctx.Err() != nil {
				return moderation.Actor{}, moderation.ErrUnknownActor
			}
			return d.Actor(ctx, login)
		})},
		{"a target is zero when nobody waits", done, target(func(d *Directory, ctx context.Context, id string) (moderation.Target, error) {
			if ctx.Err() != nil {
				return moderation.Target{}, nil
			}
			return d.Target(ctx, id)
		})},
		{"a handle is empty when nobody waits", done, resolve(func(d *Directory, ctx context.Context, id string) (string, error) {
			if ctx.Err() != nil {
				return "", nil
			}
			return d.Resolve(ctx, id)
		})},
		{"a former handle is kept", "a former handle does not stand for the target", func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.SetTarget(k.Target, k.Handle, k.FormerHandle)
			return d
		}},
		{"a new handle is added to the old", "a renamed target keeps its ID and loses its handle", func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.rename = func(d *Directory, handle string) { d.SetTarget(k.Target, k.Handle, handle) }
			return d
		}},
		{"a new handle is a new account", "a renamed target keeps its ID and loses its handle", func(t *testing.T) sampleDirectory {
			d := newSampleDirectory(t)
			d.rename = func(d *Directory, handle string) {
				again := k.Target
				again.ID = "43"
				d.RemoveTarget(k.Target.ID)
				d.SetTarget(again, handle)
			}
			return d
		}},
	}
	var defects []defect[directorySubject]
	for _, d := range table {
		defects = append(defects, defect[directorySubject]{d.name, d.check, func(t *testing.T) directorySubject {
			return directorySubject{
				Directory: d.open(t),
				known:     k,
				rename:    func(d moderation.Directory) string { return k.Rename(t, d) },
			}
		}})
	}
	mustCatch(t, directoryChecks(k), defects)
}

// mixedUp answers about somebody else when several ask at once.
func mixedUp(t *testing.T) sampleDirectory {
	var asking atomic.Int32
	d := newSampleDirectory(t)
	d.actor = func(d *Directory, ctx context.Context, login string) (moderation.Actor, error) {
		asking.Add(1)
		defer asking.Add(-1)
		time.Sleep(time.Millisecond) // in a bubble: until the others have asked
		a, err := d.Actor(ctx, login)
		if asking.Load() > 1 {
			a.Person = "Somebody Else"
		}
		return a, err
	}
	return d
}

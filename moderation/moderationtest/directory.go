package moderationtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// Cleaner is what a double needs of a *testing.T: what hangs is let go when
// the test is over.
type Cleaner interface {
	// Cleanup calls f when the test is over.
	Cleanup(f func())
}

// Directory is a [moderation.Directory] that answers from what it was told.
// The zero Directory knows nobody; what hangs in it is let go by LetGo only.
type Directory struct {
	// OnActor, OnResolve and OnTarget are the seams of its methods. Questions
	// are logins, handles and target IDs.
	OnActor   Seam[string, moderation.Actor]
	OnResolve Seam[string, string]
	OnTarget  Seam[string, moderation.Target]

	mu      sync.Mutex
	actors  map[string]moderation.Actor
	targets map[string]moderation.Target
	handles map[string]string
}

// NewDirectory returns a directory that knows nobody. What hangs in it is
// let go at the end of the test.
func NewDirectory(t Cleaner) *Directory {
	d := new(Directory)
	t.Cleanup(d.LetGo)
	return d
}

// SetActor makes a what is known of a.Login.
func (d *Directory) SetActor(a moderation.Actor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.actors == nil {
		d.actors = make(map[string]moderation.Actor)
	}
	d.actors[a.Login] = cloneActor(a)
}

// RemoveActor makes a login unknown.
func (d *Directory) RemoveActor(login string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.actors, login)
}

// SetTarget makes target what is known of target.ID, and the handles the only
// ones that stand for it. A handle that stood for another target is taken from
// it. An ID stands for itself.
func (d *Directory) SetTarget(target moderation.Target, handles ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.targets == nil {
		d.targets = make(map[string]moderation.Target)
		d.handles = make(map[string]string)
	}
	d.targets[target.ID] = cloneTarget(target)
	d.forget(target.ID)
	for _, handle := range handles {
		d.handles[handle] = target.ID
	}
}

// RemoveTarget makes a target and its handles unknown.
func (d *Directory) RemoveTarget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.targets, id)
	d.forget(id)
}

func (d *Directory) forget(id string) {
	maps.DeleteFunc(d.handles, func(_, owner string) bool { return owner == id })
}

// Actor returns what was set for a login, or an error that wraps
// [moderation.ErrUnknownActor].
func (d *Directory) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	return d.OnActor.call(ctx, login, func(ctx context.Context) (moderation.Actor, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		a, ok := d.actors[login]
		if err := ctx.Err(); err != nil {
			return moderation.Actor{}, err
		}
		if !ok {
			return moderation.Actor{}, fmt.Errorf("moderationtest: %q: %w", login, moderation.ErrUnknownActor)
		}
		return cloneActor(a), nil
	})
}

// Resolve returns the ID for which a handle or ID stands, or an error that
// wraps [moderation.ErrUnknownTarget].
func (d *Directory) Resolve(ctx context.Context, handle string) (string, error) {
	return d.OnResolve.call(ctx, handle, func(ctx context.Context) (string, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, ok := d.targets[handle]; ok {
			return handle, nil
		}
		if id, ok := d.handles[handle]; ok {
			return id, nil
		}
		return "", fmt.Errorf("moderationtest: %q: %w", handle, moderation.ErrUnknownTarget)
	})
}

// Target returns what was set for an ID, or an error that wraps
// [moderation.ErrUnknownTarget].
func (d *Directory) Target(ctx context.Context, targetID string) (moderation.Target, error) {
	return d.OnTarget.call(ctx, targetID, func(ctx context.Context) (moderation.Target, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		target, ok := d.targets[targetID]
		if err := ctx.Err(); err != nil {
			return moderation.Target{}, err
		}
		if !ok {
			return moderation.Target{}, fmt.Errorf("moderationtest: %q: %w", targetID, moderation.ErrUnknownTarget)
		}
		return cloneTarget(target), nil
	})
}

// LetGo lets go every call that hangs, now and later.
func (d *Directory) LetGo() {
	d.OnActor.LetGo()
	d.OnResolve.LetGo()
	d.OnTarget.LetGo()
}

func cloneActor(a moderation.Actor) moderation.Actor {
	a.Owners, a.Labels = slices.Clone(a.Owners), slices.Clone(a.Labels)
	return a
}

func cloneTarget(t moderation.Target) moderation.Target {
	t.Owners, t.Conflicts = slices.Clone(t.Owners), slices.Clone(t.Conflicts)
	return t
}

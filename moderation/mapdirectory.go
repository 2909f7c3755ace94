package moderation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"
)

// MapDirectory is a [Directory] in memory, for first programs, tests and
// hosts whose people and targets come from a file.
//
// The zero MapDirectory is empty and ready: it knows nobody, so that every
// question gets [ErrUnknownActor] or [ErrUnknownTarget]. All methods may be
// called by many goroutines at once. Entries are copied in and out. A
// MapDirectory must not be copied after its first use.
type MapDirectory struct {
	mu      sync.RWMutex
	actors  map[string]Actor  // by login
	targets map[string]Target // by canonical ID
	handles map[string]string // canonical ID by handle
}

// NewMapDirectory returns a directory of the given actors and targets, each
// target under its ID alone; SetTarget gives it further handles. It reports
// every wrong entry at once, each as SetActor or SetTarget would, as well as a
// login or an ID that is listed twice, and then returns no directory.
func NewMapDirectory(actors []Actor, targets []Target) (*MapDirectory, error) {
	d := new(MapDirectory)
	var errs *multierror.Error
	for _, a := range actors {
		if _, listed := d.actors[a.Login]; listed {
			errs = multierror.Append(errs, ofEntry("actor", a.Login, invalid("Actor.Login", "is listed twice")))
			continue
		}
		errs = multierror.Append(errs, d.SetActor(a))
	}
	for _, t := range targets {
		if _, listed := d.targets[t.ID]; listed {
			errs = multierror.Append(errs, ofEntry("target", t.ID, invalid("Target.ID", "is listed twice")))
			continue
		}
		errs = multierror.Append(errs, d.SetTarget(t))
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, err
	}
	return d, nil
}

// SetActor adds an actor, or replaces the one with the same login. An entry
// that a guard would refuse (a missing person, type, status or last day, an
// unknown type or status, a malformed text), a human with Owners and a label
// with its @ are errors that match [ErrInvalid]; nothing is changed then.
func (d *MapDirectory) SetActor(a Actor) error {
	if err := checkActor(a); err != nil {
		return ofEntry("actor", a.Login, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.actors == nil {
		d.actors = make(map[string]Actor)
	}
	d.actors[a.Login] = cloneActor(a)
	return nil
}

// RemoveActor forgets a login. It is no error that there is none.
func (d *MapDirectory) RemoveActor(login string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.actors, login)
}

// SetTarget adds a target, or replaces the one with the same ID, and makes the
// handles the only ones that stand for it: those that it had before and that
// are not given again stand for nobody. A handle that stood for another target
// moves here, as after a rename. A canonical ID always stands for itself: a
// handle that is another target's ID, and a new ID that is another target's
// handle, are refused, as is an entry that a guard would refuse (no tier or
// domain, a negative reach, a malformed text). Such errors match [ErrInvalid];
// nothing is changed then.
func (d *MapDirectory) SetTarget(t Target, handles ...string) error {
	if err := checkTarget(t, handles); err != nil {
		return ofEntry("target", t.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.checkShadow(t.ID, handles); err != nil {
		return ofEntry("target", t.ID, err)
	}
	if d.targets == nil {
		d.targets = make(map[string]Target)
		d.handles = make(map[string]string)
	}
	d.targets[t.ID] = cloneTarget(t)
	maps.DeleteFunc(d.handles, func(_, owner string) bool { return owner == t.ID })
	for _, handle := range handles {
		d.handles[handle] = t.ID
	}
	return nil
}

// checkShadow keeps IDs and handles apart, so that nobody's handle can stand
// in for somebody else's ID.
func (d *MapDirectory) checkShadow(targetID string, handles []string) error {
	if owner, taken := d.handles[targetID]; taken && owner != targetID {
		return invalid("Target.ID", fmt.Sprintf("is a handle of %q; an ID must be nobody's handle", owner))
	}
	for _, handle := range handles {
		if _, taken := d.targets[handle]; taken && handle != targetID {
			return invalid("handle", fmt.Sprintf("%q is another target's ID, which always stands for itself", handle))
		}
	}
	return nil
}

// Actor returns what was set for the login, or an error that matches
// [ErrUnknownActor] or is that of ctx.
func (d *MapDirectory) Actor(ctx context.Context, login string) (Actor, error) {
	if err := ctx.Err(); err != nil {
		return Actor{}, fmt.Errorf("moderation: looking up an actor: %w", err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if a, known := d.actors[login]; known {
		return cloneActor(a), nil
	}
	return Actor{}, fmt.Errorf("%w: %q", ErrUnknownActor, login)
}

// Resolve returns the ID that a handle stands for, and an ID for itself, or an
// error that matches [ErrUnknownTarget] or is that of ctx.
func (d *MapDirectory) Resolve(ctx context.Context, handle string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("moderation: resolving a handle: %w", err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if _, known := d.targets[handle]; known {
		return handle, nil
	}
	if targetID, known := d.handles[handle]; known {
		return targetID, nil
	}
	return "", fmt.Errorf("%w: %q", ErrUnknownTarget, handle)
}

// Target returns what was set for a canonical ID, or an error that matches
// [ErrUnknownTarget] or is that of ctx. A handle is no ID.
func (d *MapDirectory) Target(ctx context.Context, targetID string) (Target, error) {
	if err := ctx.Err(); err != nil {
		return Target{}, fmt.Errorf("moderation: looking up a target: %w", err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if t, known := d.targets[targetID]; known {
		return cloneTarget(t), nil
	}
	return Target{}, fmt.Errorf("%w: %q", ErrUnknownTarget, targetID)
}

func checkActor(a Actor) error {
	for _, f := range []struct{ field, value string }{
		{"Actor.Login", a.Login}, {"Actor.Person", a.Person},
	} {
		if err := checkName(f.field, f.value, true); err != nil {
			return err
		}
	}
	switch {
	case a.Type != Human && a.Type != Service:
		return invalid("Actor.Type", fmt.Sprintf("is %q; use Human or Service", a.Type))
	case a.Status != Active && a.Status != Suspended && a.Status != Departed:
		return invalid("Actor.Status", fmt.Sprintf("is %q; use Active, Suspended or Departed", a.Status))
	case !a.LastDay.Known():
		return invalid("Actor.LastDay", "is unknown; use LastDayOn, LastDayAt, or NoLastDay in so many words")
	case a.Type == Human && len(a.Owners) > 0:
		return invalid("Actor.Owners", "is set for a human; only a service has owners")
	}
	if err := checkNames("Actor.Owners", a.Owners); err != nil {
		return err
	}
	for _, label := range a.Labels {
		if strings.HasPrefix(label, "@") {
			return invalid("Actor.Labels", fmt.Sprintf("has %q; leave out the @", label))
		}
	}
	return checkNames("Actor.Labels", a.Labels)
}

func checkTarget(t Target, handles []string) error {
	for _, f := range []struct{ field, value string }{
		{"Target.ID", t.ID}, {"Target.Tier", t.Tier}, {"Target.Domain", t.Domain},
	} {
		if err := checkName(f.field, f.value, true); err != nil {
			return err
		}
	}
	switch {
	case t.Tier == Any:
		return invalid("Target.Tier", "is *, which stands for every tier")
	case t.Domain == Any:
		return invalid("Target.Domain", "is *, which stands for every domain")
	case ownTarget(t.ID):
		return invalid("Target.ID", "is where freezes or changes of the policy stand; it is the library's own")
	case t.Reach < 0:
		return invalid("Target.Reach", fmt.Sprintf("is %d; it can't be negative", t.Reach))
	}
	for _, f := range []struct {
		field  string
		values []string
	}{{"Target.Owners", t.Owners}, {"Target.Conflicts", t.Conflicts}, {"handle", handles}} {
		if err := checkNames(f.field, f.values); err != nil {
			return err
		}
	}
	return nil
}

func checkNames(field string, values []string) error {
	for _, value := range values {
		if err := checkName(field, value, true); err != nil {
			return err
		}
	}
	return nil
}

// ofEntry says which entry a refusal is about.
func ofEntry(what, name string, err error) error {
	if refusal, ok := err.(*Refusal); ok {
		named := *refusal
		named.Text = fmt.Sprintf("%s %.60q: %s", what, name, refusal.Text)
		return &named
	}
	return fmt.Errorf("moderation: %s %.60q: %w", what, name, err)
}

func cloneActor(a Actor) Actor {
	a.Owners = slices.Clone(a.Owners)
	a.Labels = slices.Clone(a.Labels)
	return a
}

func cloneTarget(t Target) Target {
	t.Owners = slices.Clone(t.Owners)
	t.Conflicts = slices.Clone(t.Conflicts)
	return t
}

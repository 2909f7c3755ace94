package moderationtest

import (
	"context"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func sampleKnown() Known {
	return Known{
		Actor: moderation.Actor{
			Login: "alice", Person: "Alice", Type: moderation.Human, Status: moderation.Active,
			LastDay: moderation.NoLastDay(), Owners: []string{"Olga"}, Labels: []string{"new"},
		},
		Target: moderation.Target{
			ID: "Target-42", Tier: "protected", Domain: "en", Reach: 40_000_000,
			Owners: []string{"Owen"}, Conflicts: []string{"Carl"},
		},
		Handle:       "@now",
		FormerHandle: "@before",
		Rename: func(_ *testing.T, d moderation.Directory) string {
			d.(renamer).Rename("@later")
			return "@later"
		},
	}
}

type renamer interface{ Rename(handle string) }

// sampleDirectory knows the samples. A defect replaces one method.
type sampleDirectory struct {
	*Directory
	actor   func(d *Directory, ctx context.Context, login string) (moderation.Actor, error)
	resolve func(d *Directory, ctx context.Context, handle string) (string, error)
	target  func(d *Directory, ctx context.Context, id string) (moderation.Target, error)
	rename  func(d *Directory, handle string)
}

func newSampleDirectory(t *testing.T) sampleDirectory {
	d := NewDirectory(t)
	d.SetActor(sampleKnown().Actor)
	d.SetTarget(sampleKnown().Target, sampleKnown().Handle)
	return sampleDirectory{Directory: d}
}

func (d sampleDirectory) Rename(handle string) {
	if d.rename != nil {
		d.rename(d.Directory, handle)
		return
	}
	d.SetTarget(sampleKnown().Target, handle)
}

func (d sampleDirectory) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	if d.actor == nil {
		return d.Directory.Actor(ctx, login)
	}
	return d.actor(d.Directory, ctx, login)
}

func (d sampleDirectory) Resolve(ctx context.Context, handle string) (string, error) {
	if d.resolve == nil {
		return d.Directory.Resolve(ctx, handle)
	}
	return d.resolve(d.Directory, ctx, handle)
}

func (d sampleDirectory) Target(ctx context.Context, id string) (moderation.Target, error) {
	if d.target == nil {
		return d.Directory.Target(ctx, id)
	}
	return d.target(d.Directory, ctx, id)
}

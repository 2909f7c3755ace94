package main

import (
	"context"
	"errors"
	"io"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/story"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// openTrails opens the folder that was named, or the one of runs that name none.
func openTrails(named string) (*trails.Folder, error) {
	if named == "" {
		var err error
		if named, err = trails.Default(); err != nil {
			return nil, err
		}
	}
	return trails.Open(named)
}

// inspect tells how the trails of earlier runs are. Where one was changed the
// run ends: it must not write over the evidence.
func inspect(ctx context.Context, folder *trails.Folder, stdout, stderr io.Writer) (changed bool, err error) {
	intact, found, err := folder.Inspect(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range found {
		if err := story.Changed(stderr, c); err != nil {
			return true, err
		}
	}
	return len(found) > 0, story.Earlier(stdout, intact)
}

// verify verifies what this run has written, and tells how others can.
func verify(ctx context.Context, places []trails.Place, stdout, stderr io.Writer) (changed bool, err error) {
	var verified []trails.Verified
	for _, place := range places {
		v, err := place.Verify(ctx)
		var c *trails.Changed
		switch {
		case errors.As(err, &c):
			return true, story.Changed(stderr, c)
		case err != nil:
			return false, err
		}
		verified = append(verified, v)
	}
	return false, story.Trails(stdout, verified)
}

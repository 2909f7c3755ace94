package trail

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// walk goes through the tree of a checkpoint from the root down and from left
// to right, so that all it comes to can be judged by what stands above it.
type walk struct {
	face
	size uint64
	root tlog.Hash
	head *head
}

// expected is a tile as what is below it must make it. Without a flaw its hashes
// are known to be the tree's. With one the log is damaged for sure, and only
// what is below the hashes before the flaw is still of interest.
type expected struct {
	tiles.Tile
	hashes []byte
	flaw   *DamageError // what is wrong with the tile's file
}

// child is the i-th tile of the level below.
func (e *expected) child(i int) tiles.Tile { return childOf(e.Tile, i) }

func childOf(t tiles.Tile, i int) tiles.Tile {
	return tiles.Tile{Level: t.Level - 1, N: t.N<<tiles.Height + uint64(i), Width: tiles.Width}
}

// hash is the i-th hash: the root of the i-th tile of the level below.
func (e *expected) hash(i int) tlog.Hash {
	return tlog.Hash(e.hashes[i*tiles.HashSize:][:tiles.HashSize])
}

// emit takes the tasks of a walk in the order of their entries.
type emit func(context.Context, task) error

// run emits a task for each bundle. It returns the first thing that is wrong
// above the bundles, after the tasks for all entries before.
func (w *walk) run(ctx context.Context, emit emit) error {
	edge, damage, err := w.edge()
	if err != nil {
		return err
	}
	for _, e := range edge {
		if err := w.descend(ctx, e, emit); err != nil {
			return err
		}
	}
	return damage
}

// descend goes through what is below a tile, up to its flaw.
func (w *walk) descend(ctx context.Context, e expected, emit emit) error {
	if e.Level == 0 {
		return emit(ctx, task{expected: e})
	}
	w.head.keep(e)
	for i := range e.Width {
		t := e.child(i)
		if e.flaw != nil && e.flaw.Index <= t.First() {
			return e.flaw
		}
		if err := w.enter(ctx, t, e.hash(i), emit); err != nil {
			return err
		}
	}
	if e.flaw != nil {
		return e.flaw
	}
	return nil
}

// enter goes through a full tile and what is below it. Those of level 0 are
// left to who works on the task.
func (w *walk) enter(ctx context.Context, t tiles.Tile, root tlog.Hash, emit emit) error {
	if t.Level == 0 {
		return emit(ctx, task{expected: expected{Tile: t}, root: root, unread: true})
	}
	e, err := w.expect(nil, t, root)
	if err != nil {
		return err
	}
	return w.descend(ctx, e, emit)
}

// expect reads a full tile with a known root into the memory of buf, or more.
// Where its file is at fault, what is below it may still tell its hashes.
func (w *walk) expect(buf []byte, t tiles.Tile, root tlog.Hash) (expected, error) {
	at, err := w.hashes(buf, t)
	if err == nil && tiles.Root(at.data) == root {
		return expected{Tile: t, hashes: at.data}, nil
	}
	below, flaw, err := w.compare(t, at, err)
	return expected{t, below, flaw}, err
}

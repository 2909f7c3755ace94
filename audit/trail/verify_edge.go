package trail

import (
	"bytes"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// partial is the partial tile of a level. Nothing stands above it but the
// checkpoint, to which all partial tiles lead together.
type partial struct {
	expected              // as far as is known
	at       located      // what its file has
	err      error        // why its file can't be used
	below    []byte       // what it would hold by what stands below it
	doubt    *DamageError // what is wrong with its file if that is right
}

// edge returns the partial tiles from left to right. If they can't be made to
// lead to the root, that is damage where nothing below them is.
func (w *walk) edge() (_ []expected, damage, err error) {
	edge, err := w.readEdge()
	if err != nil {
		return nil, nil, err
	}
	if !w.leadsToRoot(edge) {
		if damage, err = w.mend(edge); err != nil {
			return nil, nil, err
		}
	}
	var tiles []expected
	for _, p := range edge {
		tiles = append(tiles, p.expected)
	}
	return tiles, damage, nil
}

func (w *walk) readEdge() ([]*partial, error) {
	var edge []*partial
	widths := tiles.Widths(w.size)
	for level := len(widths) - 1; level >= 0; level-- {
		if widths[level] == 0 {
			continue
		}
		t := tiles.Tile{Level: level, N: w.size >> (tiles.Height * (level + 1)), Width: widths[level]}
		at, err := w.hashes(nil, t)
		if err != nil && !isUnusable(err) {
			return nil, err
		}
		edge = append(edge, &partial{expected: expected{Tile: t, hashes: at.data}, at: at, err: err})
	}
	return edge, nil
}

// leadsToRoot reports whether the tiles make up the root if they hold what is
// expected of them.
func (w *walk) leadsToRoot(edge []*partial) bool {
	byLevel := make([][]byte, len(tiles.Widths(w.size)))
	for _, p := range edge {
		if p.hashes == nil {
			return false
		}
		byLevel[p.Level] = p.hashes
	}
	return tiles.TreeHash(byLevel) == w.root
}

// mend finds out which tiles of an edge that does not lead to the root have to
// be replaced by what stands below them, or that this does not help.
func (w *walk) mend(edge []*partial) (damage, err error) {
	var doubtful []*partial
	for _, p := range edge {
		below, doubt, err := w.compare(p.Tile, p.at, p.err)
		switch {
		case err != nil:
			return nil, err
		case p.err != nil:
			p.hashes, p.flaw = below, doubt
		case !bytes.Equal(p.at.data, below):
			p.below, p.doubt = below, doubt
			doubtful = append(doubtful, p)
		}
	}
	for choice := range 1 << len(doubtful) {
		for i, p := range doubtful {
			p.choose(choice>>i&1 == 1)
		}
		if w.leadsToRoot(edge) {
			return nil, nil
		}
	}
	return &DamageError{
		File:    tiles.CheckpointPath,
		Problem: "or one after it is not what was signed: the tiles do not agree with the checkpoint",
	}, nil
}

// choose takes the tile to hold what stands below it, or what its file has.
func (p *partial) choose(below bool) {
	p.hashes, p.flaw = p.at.data, nil
	if below {
		p.hashes, p.flaw = p.below, p.doubt
	}
}

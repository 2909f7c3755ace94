package trail

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// head is a checkpoint that was kept from before, and those hashes of the tree
// of today that make up its root. The zero head is of an empty tree.
type head struct {
	size    uint64
	root    tlog.Hash
	widths  []int    // by level
	partial [][]byte // by level: what the partial tiles held then
}

// parseHead checks what can be checked without the tree of today.
func parseHead(v *proof.Verifier, signed []byte, now proof.Checkpoint) (*head, error) {
	if signed == nil {
		return &head{}, nil
	}
	then, err := v.Checkpoint(signed)
	if err != nil {
		return nil, fmt.Errorf("trail: verifying: the Head that was kept: %w", err)
	}
	if then.Size > now.Size {
		return nil, &DamageError{
			File:    tiles.CheckpointPath,
			Index:   now.Size,
			Problem: fmt.Sprintf("is missing, with all that followed it up to %d entries", then.Size),
			Err:     ErrRolledBack,
		}
	}
	if then.Size == now.Size && then.Root != now.Root {
		return nil, rewritten(then.Size)
	}
	widths := tiles.Widths(then.Size)
	return &head{then.Size, then.Root, widths, make([][]byte, len(widths))}, nil
}

// keep keeps what it needs of a tile of today. It may be called for tiles of
// different levels at the same time.
func (h *head) keep(e expected) {
	if e.Level < len(h.widths) && e.N == h.size>>(tiles.Height*(e.Level+1)) {
		h.partial[e.Level] = bytes.Clone(e.hashes[:h.widths[e.Level]*tiles.HashSize])
	}
}

// check tells whether the tree of today, of which all tiles were offered to
// keep, begins with the one of then.
func (h *head) check() error {
	if h.size > 0 && tiles.TreeHash(h.partial) != h.root {
		return rewritten(h.size)
	}
	return nil
}

func rewritten(size uint64) error {
	return &DamageError{
		File:    tiles.CheckpointPath,
		Problem: fmt.Sprintf("or one after it, up to entry %d, is another one than before", size-1),
		Err:     ErrRewritten,
	}
}

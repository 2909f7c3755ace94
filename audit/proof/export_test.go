package proof

import "golang.org/x/mod/sumdb/tlog"

// CheckLeaf checks an inclusion proof for any leaf, so that the RFC 6962 test
// vectors, whose leaves are no records, can be used.
func (p Inclusion) CheckLeaf(leaf [32]byte, c Checkpoint) error {
	return p.check(tlog.Hash(leaf), c)
}

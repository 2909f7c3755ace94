// Package tiles is the public layout of a log, as C2SP tlog-tiles
// (https://c2sp.org/tlog-tiles) lays it down: which file holds which hashes and
// which entries, and how.
//
// The Merkle tree of RFC 6962 over all entries is cut into tiles of height 8. A
// tile of level 0 holds the leaf hashes of 256 entries; a tile of level l+1
// holds the roots of 256 full tiles of level l. The last tile of a level is
// partial unless it is full, and is never hashed into the level above. Beside
// each tile of level 0 stands a bundle with the entries themselves.
//
// The package does no I/O and keeps no state. Its errors say what is wrong and
// not where: they have no prefix and are for the caller to wrap.
package tiles

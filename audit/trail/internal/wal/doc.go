// Package wal frames what the trail writes ahead: groups of entries, each with
// the signed checkpoint that covers it, in a file that was filled with zeros
// before and is used again and again.
//
// A file begins with two slots for its header, of which the newer valid one
// counts. Groups follow from [HeaderSize] on, each aligned to 8 bytes. All
// numbers are big-endian, checksums are CRC-32C (RFC 3720, appendix B.4).
package wal

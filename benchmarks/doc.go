// Package benchmarks measures audit/trail beside its nearest peer, the POSIX
// storage of Tessera (github.com/transparency-dev/tessera), on the same disk in
// the same run, and lets Tessera's own checker judge the logs that audit/trail
// writes. It is a module of its own, so that nobody who uses interlock gets
// Tessera's dependencies. README.md says how to run it and how to read it.
package benchmarks

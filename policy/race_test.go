//go:build race

package policy

// rush is how many keys a rush has. The race detector makes each twenty times
// as slow.
const rush = 100_000

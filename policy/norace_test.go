//go:build !race

package policy

const rush = 1_000_000

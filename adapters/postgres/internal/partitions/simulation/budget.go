package simulation

import (
	"math/rand/v2"
	"slices"
)

// Split is what becomes of a person's budget of so many actions that is divided
// among partitions, each of which counts its own share.
type Split struct {
	Kept   int // the shares together, rounded down each
	Median int // actions on targets at random before the first that is refused
	Worst  int // the same, where one in a hundred fares worse
	Least  int // where all targets are in one partition
}

// SplitBudget divides a budget evenly, and draws partitions at random for a
// number of persons, at least one. Among no partitions nothing is left of it.
func SplitBudget(amount, partitions, persons int, seed uint64) Split {
	if partitions < 1 {
		return Split{}
	}
	share := amount / partitions
	random := rand.New(rand.NewPCG(seed, 2))
	done := make([]int, max(persons, 1))
	for i := range done {
		used := make([]int, partitions)
		for {
			p := random.IntN(partitions)
			if used[p] == share {
				break
			}
			used[p]++
			done[i]++
		}
	}
	slices.Sort(done)
	return Split{Kept: share * partitions, Median: done[len(done)/2], Worst: done[len(done)/100], Least: share}
}

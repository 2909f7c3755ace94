// Package simulation reckons what dividing targets among several chains of
// records brings, from times that were measured on one.
//
// It is a discrete simulation of what a commit waits for: the questions before
// it, its turn in the store of its replica, which commits everything that waits
// as one group, the jobs of the group, the lock on the end of the partition's
// chain, the function's work under that lock, and the flush. Each partition is a
// server with processors enough; so is each replica. Locks are given in the order
// in which they were asked for. What is left out: checkpoints, conflicts, and
// whatever else the machines do.
package simulation

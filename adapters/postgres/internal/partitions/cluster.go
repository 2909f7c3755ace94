package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/moderation"
)

// cluster is a number of replicas over a number of partitions: each partition is
// a database, with a chain, an outbox and guards of its own.
type cluster struct {
	replicas []replica
	apart    []*moderation.Guard // one for each partition, of a replica that executes nothing
	pools    []*pgxpool.Pool
}

// replica has a guard for each partition that it serves.
type replica []served

type served struct {
	partition int
	guard     *moderation.Guard
}

// layout is what a cluster is to be.
type layout struct {
	partitions int
	replicas   int
	inFlight   int // of each replica
	divided    bool
}

// newCluster makes a cluster of new databases, the i-th in the i-th server, and
// then in the first again.
func newCluster(ctx context.Context, servers []*postgrestest.Server, l layout) (_ *cluster, err error) {
	c := new(cluster)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	dsns := make([]string, l.partitions)
	for i := range dsns {
		if dsns[i], err = servers[i%len(servers)].NewDatabase(ctx); err != nil {
			return c, err
		}
		guard, err := c.guard(ctx, dsns[i], true)
		if err != nil {
			return c, err
		}
		c.apart = append(c.apart, guard)
	}
	for r := range l.replicas {
		var mine replica
		for p := range dsns {
			if l.divided && p != r%l.partitions {
				continue
			}
			guard, err := c.guard(ctx, dsns[p], false)
			if err != nil {
				return c, err
			}
			mine = append(mine, served{p, guard})
		}
		c.replicas = append(c.replicas, mine)
	}
	return c, nil
}

// guard opens a pool of a replica's, and its guard for the partition.
func (c *cluster) guard(ctx context.Context, dsn string, first bool) (*moderation.Guard, error) {
	pool, err := openPool(ctx, dsn, 4)
	if err != nil {
		return nil, err
	}
	c.pools = append(c.pools, pool)
	if first {
		if err := migrate(ctx, pool); err != nil {
			return nil, err
		}
	}
	store, err := openStore(ctx, pool, true)
	if err != nil {
		return nil, err
	}
	return openGuard(ctx, store)
}

func (c *cluster) close() error {
	var errs []error
	guards := c.apart
	for _, r := range c.replicas {
		for _, s := range r {
			guards = append(guards, s.guard)
		}
	}
	for _, g := range guards {
		errs = append(errs, g.Close(context.Background()))
	}
	for _, p := range c.pools {
		p.Close()
	}
	return errors.Join(errs...)
}

// partitionOf is where a target is: it must be the same for every replica and for
// ever, for the target's restrictions and its fence are there.
func partitionOf(target string, partitions int) int {
	h := fnv.New64a()
	fmt.Fprint(h, target)
	return int(h.Sum64() % uint64(partitions))
}

// serving is who serves a target's partition in a replica; nil for nobody.
func (r replica) serving(target string, partitions int) *moderation.Guard {
	p := partitionOf(target, partitions)
	for _, s := range r {
		if s.partition == p {
			return s.guard
		}
	}
	return nil
}

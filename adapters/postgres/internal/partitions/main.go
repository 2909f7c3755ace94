// Partitions measures and reckons what dividing targets among several
// PostgreSQL servers brings and costs, and prints it as tables in Markdown:
//
//	go run ./internal/partitions
//
// It starts three private servers (see package postgrestest). First it times the
// parts of an action on one of them. Then it has real guards execute actions over
// one, two and three partitions: with the servers' disk as it is, which on a small
// machine shows its processors and nothing else, and with each flush delayed
// (commit_delay), which simulates a slow disk or a synchronous standby far away and
// leaves the queue of commits as the only bound. A simulation fed with the times is
// held against that, and then reckons what no small machine can show. Meanwhile
// somebody is frozen in all partitions at once, again and again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

// options are what the flags say.
type options struct {
	length time.Duration // of each load, and of the freezes under it
	delay  time.Duration // of each flush
	rounds int           // of the times
	sizes  int           // of groups that are timed: 1, 2, 4, …
	most   int           // partitions with real servers

	replicas  int           // of a real load
	simulated time.Duration // by the simulation
}

func main() {
	var o options
	flag.DurationVar(&o.length, "length", 5*time.Second, "how long each load is counted, and freezes are made under it")
	flag.DurationVar(&o.delay, "delay", 5*time.Millisecond, "by how much each flush is delayed where that is simulated")
	flag.IntVar(&o.rounds, "rounds", 15, "how often each size of group is timed")
	flag.IntVar(&o.sizes, "sizes", 8, "how many sizes of groups are timed: 1, 2, 4 and so on")
	flag.IntVar(&o.replicas, "replicas", 6, "how many replicas there are under a real load")
	flag.IntVar(&o.most, "most", 3, "how many servers there are at most")
	flag.DurationVar(&o.simulated, "simulated", 10*time.Second, "how long is simulated")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "partitions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	if o.length <= 0 || o.simulated <= 0 || o.rounds < 3 || o.sizes < 2 || o.sizes > 8 || o.most < 1 || o.replicas < 1 {
		return fmt.Errorf("%+v: there must be times, three rounds, two sizes (eight at most), a server and a replica at least", o)
	}
	if o.replicas%leastMultiple(o.most) != 0 {
		return fmt.Errorf("%d replicas can't be divided among each number of partitions up to %d", o.replicas, o.most)
	}
	p := &printer{out: out}
	plain, err := start(ctx, o.most)
	if err != nil {
		return err
	}
	defer stop(plain)
	s, err := measure(ctx, plain[0], o)
	if err != nil {
		return err
	}
	p.service(s)
	if err := p.processors(ctx, plain, o); err != nil {
		return err
	}
	stop(plain) // two servers less beside those that follow
	if err := p.queues(ctx, s, o); err != nil {
		return err
	}
	if err := p.reckoned(s, o); err != nil {
		return err
	}
	p.budgets()
	return p.err
}

// start starts so many servers.
func start(ctx context.Context, n int, settings ...string) (servers []*postgrestest.Server, err error) {
	for range n {
		s, err := postgrestest.Start(ctx, settings...)
		if err != nil {
			stop(servers)
			return nil, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// stop stops servers, which may have been stopped before.
func stop(servers []*postgrestest.Server) {
	for _, s := range servers {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "partitions:", err)
		}
	}
}

// loaded makes a cluster, puts a load on it, and closes it.
func loaded(ctx context.Context, servers []*postgrestest.Server, l layout, length time.Duration) (measured, error) {
	c, err := newCluster(ctx, servers, l)
	if err != nil {
		return measured{}, err
	}
	m, err := c.load(ctx, l, length)
	return m, errors.Join(err, c.close())
}

// leastMultiple is the least number that each up to n divides.
func leastMultiple(n int) int {
	for m := n; ; m++ {
		divided := true
		for i := 1; i <= n; i++ {
			divided = divided && m%i == 0
		}
		if divided {
			return m
		}
	}
}

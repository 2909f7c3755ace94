package simulation

import "time"

// maxGroup is how many changes the store of a replica commits together at most.
const maxGroup = 128

// change is something to commit.
type change struct {
	outcome bool
	job     bool
	done    func()
}

// store is a replica's store in one partition: one group is under way at a time,
// and what comes meanwhile is the next.
type store struct {
	*world
	chain   *chain
	waiting []change
	working bool
}

func (s *store) commit(c change) {
	s.waiting = append(s.waiting, c)
	if !s.working {
		s.working = true
		s.after(0, s.work)
	}
}

// work takes a group to its commit.
func (s *store) work() {
	n := min(len(s.waiting), maxGroup)
	group := append([]change(nil), s.waiting[:n]...)
	s.waiting = s.waiting[n:]
	if n == 0 {
		s.working = false
		return
	}
	s.count(n)
	hold, before := s.Service.Fixed, s.Service.Trip/2
	jobs := 0
	for _, c := range group {
		if c.job {
			jobs++
		}
		if c.outcome {
			hold += s.Service.PerOutcome
		} else {
			hold += s.Service.PerIntent
		}
	}
	if jobs > 0 {
		before += s.Service.Begin + time.Duration(jobs)*s.Service.PerJob
	}
	hold += s.flush()
	s.after(before, func() {
		s.chain.hold(hold, func() {
			s.after(s.Service.Trip/2, func() {
				for _, c := range group {
					c.done()
				}
				s.work()
			})
		})
	})
}

// chain is the end of a partition's chain of records, which one holds at a time.
type chain struct {
	*world
	held  bool
	queue []func()
}

// hold waits for its turn, holds the chain for so long, and goes on.
func (c *chain) hold(d time.Duration, then func()) {
	mine := func() {
		c.after(d, func() {
			c.held = false
			if len(c.queue) > 0 {
				next := c.queue[0]
				c.queue = c.queue[1:]
				c.held = true
				next()
			}
			then()
		})
	}
	if c.held {
		c.queue = append(c.queue, mine)
		return
	}
	c.held = true
	mine()
}

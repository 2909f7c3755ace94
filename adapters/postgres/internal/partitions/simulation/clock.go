package simulation

import (
	"container/heap"
	"time"
)

// clock does what is due, in the order of its moments.
type clock struct {
	now    time.Duration
	events events
	number int
}

// after does something later.
func (c *clock) after(d time.Duration, do func()) {
	c.number++
	heap.Push(&c.events, event{c.now + d, c.number, do})
}

// run goes on until a moment.
func (c *clock) run(until time.Duration) {
	for len(c.events) > 0 && c.events[0].at <= until {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	c.now = until
}

type event struct {
	at     time.Duration
	number int // of two at one moment the one that was planned first comes first
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].number < e[j].number
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

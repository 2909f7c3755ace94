package moderation

import (
	"sync"
	"time"
)

// clock tells a time that never goes back: not behind its own last answer, and
// after a restart not behind the last record. Where the wall clock is set
// back, time goes on from where it was at the pace of the steady clock.
type clock struct {
	read func() time.Time

	mu   sync.Mutex
	raw  time.Time // last reading, with its steady part
	told time.Time // last answer, without
}

// now returns the time and the raw reading behind it, whose steady part tells
// elapsed time apart from a wall clock that was set forward.
func (c *clock) now() (told, raw time.Time) {
	raw = c.read()
	wall := raw.Round(0).UTC()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told.IsZero() {
		elapsed := max(0, raw.Sub(c.raw))
		if onward := c.told.Add(elapsed); wall.Before(onward) {
			wall = onward
		}
	}
	if raw.After(c.raw) {
		c.raw = raw
	}
	c.told = wall
	return wall, raw
}

// atLeast keeps the clock from telling a time before t.
func (c *clock) atLeast(t time.Time) {
	c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.Before(t) {
		c.told = t.Round(0).UTC()
	}
}

package trail_test

import (
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit/trail"
)

// openQuiet opens a log that publishes only when it is told to.
func (p place) openQuiet(tb testing.TB, room int64) *trail.Log {
	tb.Helper()
	c := p.config()
	c.PublishEvery, c.Room = time.Hour, room
	return openWith(tb, c)
}

func openWith(tb testing.TB, c trail.Config) *trail.Log {
	tb.Helper()
	l, err := trail.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

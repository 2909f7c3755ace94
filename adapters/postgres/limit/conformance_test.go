package limit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// clock is the database's in a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// timed is a replica with a clock of its own.
type timed struct {
	*replica
	clock *clock
}

// forget makes the tables as new.
const forget = `DELETE FROM interlock.bucket WHERE meter <> ''; DELETE FROM interlock.charged; DELETE FROM interlock.open_ticket;
	UPDATE interlock.bucket SET at = 0, lost = NULL`

func TestLimiterKeepsItsContract(t *testing.T) {
	t.Parallel()
	both := func(c *moderation.Charge) { c.Target = "7" }
	other := func(c *moderation.Charge) { c.Kind, c.Target = "account.limit", "7" }
	elsewhere := func(c *moderation.Charge) { c.Target = "8" }
	for name, tc := range map[string]struct {
		rows string
		opts moderationtest.LimiterOptions
	}{
		"requests and open tickets": {
			`p3, person, account.suspend, *, *, requests, 5, 7h, refuse
p3, target, *, *, *, requests, 11, 13m, refuse
p3, person, post.*, *, *, open, 3, -, refuse
p3, person, *, *, *, undo.requests, 4, 1h, refuse
`,
			moderationtest.LimiterOptions{
				Charge: charge("ann", 1, elsewhere), Burst: 5, Window: 7 * time.Hour,
				Both: charge("ann", 1, both), Other: charge("bob", 1, other),
				Open: charge("ann", 1, func(c *moderation.Charge) { c.Kind = "post.remove" }), OpenCap: 3,
				PerTarget: charge("bob", 1, other), PerTargetBurst: 11,
			},
		},
		"actions, with approvals": {
			"p3, tier, *, normal, *, actions, 3, 24h, lead\n",
			moderationtest.LimiterOptions{Charge: charge("ann", 1, executed(0)), Burst: 3, Window: 24 * time.Hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free := make(chan *timed, 100) // databases that a subtest may take over
			tc.opts.Advance = func(_ *testing.T, l moderation.Limiter, d time.Duration) { l.(*timed).clock.advance(d) }
			parent := t
			moderationtest.TestLimiter(t, func(t *testing.T) moderation.Limiter {
				var l *timed
				select {
				case l = <-free:
					l.exec(forget)
				default:
					l = &timed{open(parent, migrated(parent), tc.rows), nil}
				}
				l.clock = &clock{now: noon}
				l.SetMoment(l.clock.time)
				t.Cleanup(func() { free <- l })
				return l
			}, tc.opts)
		})
	}
}

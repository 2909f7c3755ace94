package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/casbin/casbin/v2/persist"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// WatchConfig says when [Authorizer.Watch] loads the policy again. Every,
// Watcher or both are required.
type WatchConfig struct {
	// Every is how often the source is polled. One that is [Revisioned] is asked
	// for its revision, and loaded only if that has changed; any other is
	// loaded, and held against the version in force. Zero does not poll, so that
	// a notice that is lost stays lost. Not negative.
	Every time.Duration
	// Jitter is the most that is added to each wait, at random, so that many
	// processes do not ask at once. Not negative.
	Jitter time.Duration
	// Watcher is a Casbin watcher. Its notices make Watch load the policy; what
	// they say is not believed or even read. Watch sets its update callback and
	// does not close it.
	Watcher persist.Watcher
	// LoadTimeout bounds each load. Zero means one minute. Not negative.
	LoadTimeout time.Duration
	// Report is told of everything that happens, in order, by one goroutine,
	// and is waited for: while it hangs, nothing is loaded. Required. A panic of
	// it is counted in the next event.
	Report func(Event)
}

func (c WatchConfig) check() error {
	switch {
	case c.Watcher != nil && typednil.Is(c.Watcher):
		return errors.New("WatchConfig.Watcher is a nil pointer in an interface; an earlier constructor may have returned an error")
	case c.Every < 0 || c.Jitter < 0 || c.LoadTimeout < 0:
		return fmt.Errorf("WatchConfig has Every %v, Jitter %v and LoadTimeout %v; none can be negative", c.Every, c.Jitter, c.LoadTimeout)
	case c.Every == 0 && c.Watcher == nil:
		return errors.New("WatchConfig has neither Every nor Watcher; nothing would ever be loaded")
	case c.Report == nil:
		return errors.New("WatchConfig.Report is missing; errors must be told to somebody")
	}
	return nil
}

// Event is what [Authorizer.Watch] reports.
type Event struct {
	Kind EventKind // what happened
	// Digest is the version in force after it.
	Digest string
	// Difference says what changed; of EventReplaced only.
	Difference string
	// Err is why, of EventFailed and EventQuarantined. The latter's wraps a
	// [*QuarantineError].
	Err error
	// Failures is how many loads in a row have not confirmed or replaced the
	// version in force, this one among them.
	Failures int
	// Unreported is how many events before this one Report panicked on.
	Unreported int
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventConfirmed   EventKind = "confirmed"   // the version in force is still the source's
	EventReplaced    EventKind = "replaced"    // another version has taken force
	EventQuarantined EventKind = "quarantined" // another version was kept out: raise an alarm
	EventFailed      EventKind = "failed"      // nothing could be loaded, or the watcher failed
)

// defaultLoadTimeout bounds a load of Watch where nothing else is said.
const defaultLoadTimeout = time.Minute

// Watch loads the policy again and again, as the configuration says, until ctx
// is done, and returns why that is. It returns at once with an error for an
// authorizer that was not opened and for a faulty configuration.
//
// It loads at most once at a time, and leaves longer and longer waits between
// loads that fail, up to a minute or Every, whichever is longer. What fails,
// panics, does not answer in time or is not admitted leaves the version in force
// as it is, and is reported. A version that Config.Admit refused is not asked about again until
// the source holds another one, or [Authorizer.Reload] is called.
//
// A load that finds the version in force unchanged makes it fresh again, so
// that Config.MaxStaleness bounds the time since it was last confirmed. Choose
// Every well below it.
func (a *Authorizer) Watch(ctx context.Context, c WatchConfig) error {
	if !a.isOpen() {
		return errNotOpen
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if c.LoadTimeout == 0 {
		c.LoadTimeout = defaultLoadTimeout
	}
	w := &watch{authorizer: a, config: c, notices: make(chan struct{}, 1), subscribed: make(chan error, 1)}
	w.run(ctx)
	return context.Cause(ctx)
}

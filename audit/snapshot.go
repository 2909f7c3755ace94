package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
)

// replayed is the sink of a composition that is replayed.
type replayed struct{ Replayer }

// Volatile reports what the sink that is replayed says.
func (r replayed) Volatile() bool { return forgets(r.Replayer) }

// snapshots keeps a composition's snapshots in the sink that is replayed.
type snapshots struct {
	replayed
	unsettled
	sink   Snapshotter
	saving chan struct{} // holds one while the sink saves
}

func newSnapshots(sink Snapshotter) *snapshots {
	return &snapshots{replayed: replayed{sink}, sink: sink, saving: make(chan struct{}, 1)}
}

// ReplaySnapshot does what that of the sink does.
func (s *snapshots) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[Record, error] {
	return s.sink.ReplaySnapshot(ctx, read)
}

// SaveSnapshot has the sink save what write writes, unless the sink may hold
// records that the caller does not know of.
func (s *snapshots) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("audit: snapshot not tried: %w", causeOf(ctx))
	}
	select {
	case s.saving <- struct{}{}:
	default:
		return errors.New("audit: snapshot not tried: the sink is saving another one, or hangs in that")
	}
	begun, err := s.settled()
	if err != nil {
		<-s.saving
		return fmt.Errorf("audit: snapshot not tried: %w", err)
	}
	c := &saveCall{asks: make(chan *io.PipeWriter), answers: make(chan error, 1), over: make(chan struct{})}
	defer close(c.over)
	go c.run(ctx, s.sink, s.saving)
	return c.serve(ctx, func(w io.Writer) error {
		if err := write(w); err != nil {
			return err
		}
		return s.unchanged(begun)
	})
}

// saveCall is one SaveSnapshot of a sink, on a goroutine of its own. What it
// wants written is written by the caller's goroutine, which so is never at work
// for a call that it has given up on.
type saveCall struct {
	asks    chan *io.PipeWriter // where the sink wants the snapshot written to
	answers chan error          // of the sink
	over    chan struct{}       // closed when nobody serves the sink any more
	wrote   atomic.Bool         // the sink has taken all of the snapshot
}

// What one side is told when the other has left without an answer.
var (
	errGivenUp  = errors.New("audit: nobody waits for the snapshot any more")
	errPanicked = fmt.Errorf("%w while it took a snapshot", ErrPanic)
)

// run calls the sink, and empties the slot when it answers.
func (c *saveCall) run(ctx context.Context, sink Snapshotter, slot chan struct{}) {
	err := fmt.Errorf("%w: it ended its goroutine", ErrPanic)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, v)
		}
		<-slot
		c.answers <- err
	}()
	answer := sink.SaveSnapshot(ctx, c.ask)
	switch {
	case answer != nil:
		_ = answer.Error() // panics here, if at all
	case !c.wrote.Load():
		answer = fmt.Errorf("audit: %T claims to have saved a snapshot that it did not take", sink)
	}
	err = answer
}

// ask lets the caller's goroutine write to w.
func (c *saveCall) ask(w io.Writer) (err error) {
	r, pipe := io.Pipe()
	select {
	case c.asks <- pipe:
	case <-c.over:
		return errGivenUp
	}
	err = errPanicked
	defer func() {
		_ = r.CloseWithError(err)
		c.wrote.Store(err == nil)
	}()
	_, err = io.Copy(w, r)
	return err
}

// serve writes when the sink asks for it, until the sink answers or ctx is done.
func (c *saveCall) serve(ctx context.Context, write func(io.Writer) error) error {
	for {
		select {
		case pipe := <-c.asks:
			fill(ctx, pipe, write)
			continue
		case err := <-c.answers:
			return err
		case <-ctx.Done():
		}
		select {
		case err := <-c.answers: // just in time
			return err
		default:
			return fmt.Errorf("audit: the snapshot may be saved or not: %w", unanswered(ctx))
		}
	}
}

// fill writes into a pipe until it is done, or ctx is.
func fill(ctx context.Context, pipe *io.PipeWriter, write func(io.Writer) error) {
	stop := context.AfterFunc(ctx, func() { _ = pipe.CloseWithError(unanswered(ctx)) })
	defer stop()
	err := errGivenUp // what the sink is told if write does not return
	defer func() { _ = pipe.CloseWithError(err) }()
	err = write(pipe)
}

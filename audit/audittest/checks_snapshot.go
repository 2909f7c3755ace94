package audittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// appendTime is how long an append may take during a save before it is taken to
// wait for the save's end.
const appendTime = 50 * time.Millisecond

// snapshotChecks are for sinks that are an audit.Snapshotter; others pass.
func snapshotChecks() []check {
	return []check{
		{"replays what came after its snapshot", onlySnapshotter(replaysAfterSnapshot)},
		{"replays all without a snapshot", onlySnapshotter(replaysWithoutSnapshot)},
		{"keeps its snapshot when the next one fails", onlySnapshotter(keepsOlderSnapshot)},
		{"saves no snapshot of an append under way", onlySnapshotter(savesBesideAppend)},
		{"hands out the error of who reads its snapshot", onlySnapshotter(handsOutReadError)},
		{"fails a replay from a snapshot that is cut short", onlySnapshotter(failsShortSnapshotReplay)},
		{"saves no snapshot after Close", onlySnapshotter(savesNothingAfterClose)},
		{"keeps its snapshot when opened again", onlySnapshotter(snapshotSurvivesReopening)},
	}
}

func onlySnapshotter(run func(*subject) error) func(*subject) error {
	return func(s *subject) error {
		if _, ok := s.sink.(audit.Snapshotter); !ok {
			return nil
		}
		return run(s)
	}
}

// state returns what a snapshot holds: enough to need several writes.
func (s *subject) state(n int) string {
	return strings.Repeat(s.id(n)+"\n", 3000)
}

// save saves a snapshot. Midway it does what is given.
func (s *subject) save(ctx context.Context, state string, midway func() error) error {
	return patiently("SaveSnapshot", func() error {
		return s.sink.(audit.Snapshotter).SaveSnapshot(ctx, func(w io.Writer) error {
			half := len(state) / 2
			if _, err := io.WriteString(w, state[:half]); err != nil {
				return err
			}
			if midway != nil {
				if err := midway(); err != nil {
					return err
				}
			}
			_, err := io.WriteString(w, state[half:])
			return err
		})
	})
}

func (s *subject) saveAll(state string) error {
	if err := s.save(context.Background(), state, nil); err != nil {
		return fmt.Errorf("SaveSnapshot: %w", err)
	}
	return nil
}

// restored is what ReplaySnapshot has handed out.
type restored struct {
	reads   int
	state   string
	records []audit.Record // this check's
}

// restore replays from the snapshot. read, if it is given, is asked what to say
// of it.
func (s *subject) restore(ctx context.Context, read func() error) (restored, error) {
	var found restored
	err := patiently("ReplaySnapshot", func() error {
		take := func(r io.Reader) error {
			found.reads++
			if len(found.records) > 0 {
				return errors.New("the snapshot comes after records")
			}
			state, err := io.ReadAll(r)
			found.state = string(state)
			if err == nil && read != nil {
				err = read()
			}
			return err
		}
		for r, err := range s.sink.(audit.Snapshotter).ReplaySnapshot(ctx, take) {
			if err != nil {
				return fmt.Errorf("ReplaySnapshot: %w", err)
			}
			found.records = append(found.records, s.ours([]audit.Record{r})...)
		}
		return nil
	})
	if errors.Is(err, errNoAnswer) {
		return restored{}, err // it may still be at work
	}
	return found, err
}

// wantRestored returns an error unless a replay begins with the state, in one
// piece, and then yields the records.
func (s *subject) wantRestored(state string, want ...audit.Record) error {
	found, err := s.restore(context.Background(), nil)
	if err != nil {
		return err
	}
	if found.reads != 1 || found.state != state {
		return fmt.Errorf("a snapshot was read %d times, with %d bytes that begin with %.40q; want one with %d bytes that begin with %.40q",
			found.reads, len(found.state), found.state, len(state), state)
	}
	return differ("records after the snapshot", want, found.records)
}

func replaysAfterSnapshot(s *subject) error {
	if err := s.appendAll(minimal(s.id(1)), minimal(s.id(2))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(2)); err != nil {
		return err
	}
	if err := s.wantRestored(s.state(2)); err != nil {
		return err
	}
	if err := s.appendAll(Record(s.id(3)), minimal(s.id(4))); err != nil {
		return err
	}
	if err := s.wantRestored(s.state(2), Record(s.id(3)), minimal(s.id(4))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(4)); err != nil {
		return err
	}
	if err := s.appendAll(minimal(s.id(5))); err != nil {
		return err
	}
	if err := s.wantRestored(s.state(4), minimal(s.id(5))); err != nil {
		return err
	}
	return s.wantStored(minimal(s.id(1)), minimal(s.id(2)), Record(s.id(3)), minimal(s.id(4)), minimal(s.id(5)))
}

// replaysWithoutSnapshot allows for one that was saved by others.
func replaysWithoutSnapshot(s *subject) error {
	want := []audit.Record{Record(s.id(1)), minimal(s.id(2))}
	if err := s.appendAll(want...); err != nil {
		return err
	}
	found, err := s.restore(context.Background(), nil)
	if err != nil {
		return err
	}
	if found.reads > 0 && found.state == "" {
		return errors.New("there is no snapshot, and ReplaySnapshot has handed out one without anything in it")
	}
	return differ("records replayed without a snapshot", want, found.records)
}

func keepsOlderSnapshot(s *subject) error {
	older, newer := s.state(1), s.state(2)
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	if err := s.saveAll(older); err != nil {
		return err
	}
	if err := s.appendAll(minimal(s.id(2))); err != nil {
		return err
	}
	refusal := errors.New("the state can't be written")
	if err := s.save(context.Background(), newer, func() error { return refusal }); err == nil || errors.Is(err, errNoAnswer) {
		return fmt.Errorf("SaveSnapshot of what can't be written: got %v, want an error", err)
	}
	if err := s.wantRestored(older, minimal(s.id(2))); err != nil {
		return fmt.Errorf("after a snapshot that could not be written: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := s.save(ctx, newer, func() error { cancel(); return nil })
	switch {
	case err == nil:
		return s.wantRestored(newer)
	case errors.Is(err, errNoAnswer):
		return err
	}
	if err := s.wantRestored(older, minimal(s.id(2))); err != nil {
		return fmt.Errorf("after a snapshot whose context was done: %w", err)
	}
	return nil
}

// savesBesideAppend appends during a save. Whether that then fails, or the
// append waits for its end: the record is not part of the state.
func savesBesideAppend(s *subject) error {
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(1)); err != nil {
		return err
	}
	appended := make(chan error, 1)
	err := s.save(context.Background(), s.state(2), func() error {
		answers := make(chan error, 1)
		go func() { answers <- s.append(context.Background(), minimal(s.id(2))) }()
		timer := time.NewTimer(appendTime)
		defer timer.Stop()
		select {
		case err := <-answers:
			appended <- err
		case <-timer.C:
			go func() { appended <- <-answers }()
		}
		return nil
	})
	if errors.Is(err, errNoAnswer) {
		return err
	}
	if err := <-appended; err != nil {
		return fmt.Errorf("Append while a snapshot is being saved: %w", err)
	}
	if err == nil {
		return s.wantRestored(s.state(2), minimal(s.id(2)))
	}
	return s.wantRestored(s.state(1), minimal(s.id(2)))
}

func handsOutReadError(s *subject) error {
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(1)); err != nil {
		return err
	}
	if err := s.appendAll(minimal(s.id(2))); err != nil {
		return err
	}
	refusal := errors.New("the state can't be read")
	found, err := s.restore(context.Background(), func() error { return refusal })
	if len(found.records) > 0 {
		return fmt.Errorf("ReplaySnapshot yields %d records though the snapshot could not be read", len(found.records))
	}
	return want(err, refusal, "ReplaySnapshot of a snapshot that could not be read")
}

func failsShortSnapshotReplay(s *subject) error {
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(1)); err != nil {
		return err
	}
	if err := s.appendAll(minimal(s.id(2)), minimal(s.id(3))); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	found, err := s.restore(ctx, func() error { cancel(); return nil })
	if err == nil || errors.Is(err, errNoAnswer) {
		return fmt.Errorf("ReplaySnapshot with a context that is done: got %d of 2 records and error %v, want an error", len(found.records), err)
	}
	return nil
}

func savesNothingAfterClose(s *subject) error {
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	closed, err := closeSink(s.sink)
	if err != nil || !closed {
		return err
	}
	err = s.save(context.Background(), s.state(1), nil)
	return want(err, audit.ErrClosed, "SaveSnapshot after Close")
}

func snapshotSurvivesReopening(s *subject) error {
	if s.reopen == nil {
		return nil
	}
	if err := s.appendAll(minimal(s.id(1))); err != nil {
		return err
	}
	if err := s.saveAll(s.state(1)); err != nil {
		return err
	}
	if err := s.appendAll(minimal(s.id(2))); err != nil {
		return err
	}
	s.sink = s.reopen(s.sink)
	if err := s.appendAll(minimal(s.id(3))); err != nil {
		return err
	}
	return s.wantRestored(s.state(1), minimal(s.id(2)), minimal(s.id(3)))
}

package audittest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/elevenminutes/interlock/audit"
)

const (
	writers       = 64
	manyRecords   = 1000
	besideAppends = 50
)

func survivesConcurrency(s *subject) error {
	errs := make([]error, manyRecords)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < manyRecords; i += writers {
				errs[i] = s.append(context.Background(), minimal(s.id(i)))
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("concurrent appends: %w", err)
	}
	if !s.readable() {
		return nil
	}
	got, err := s.stored()
	if err != nil {
		return err
	}
	return s.wantEach(got)
}

// wantEach returns an error unless the records are all of the many, and each
// writer's are in its order.
func (s *subject) wantEach(got []audit.Record) error {
	position := make(map[string]int, len(got))
	for i, r := range got {
		if _, again := position[r.ID]; !again {
			position[r.ID] = i
		}
	}
	for i := range manyRecords {
		at, ok := position[s.id(i)]
		if !ok {
			return fmt.Errorf("an acknowledged record is not there: %d of %d", i, manyRecords)
		}
		if before, ok := position[s.id(i-writers)]; ok && before > at {
			return fmt.Errorf("record %d is stored before record %d, which was acknowledged earlier", i, i-writers)
		}
	}
	return nil
}

func copiesOnTheWayOut(s *subject) error {
	if _, ok := s.sink.(audit.Replayer); !ok {
		return nil
	}
	intact := Record(s.id(1))
	if err := s.appendAll(intact.Clone()); err != nil {
		return err
	}
	first, err := s.stored()
	if err != nil {
		return err
	}
	for _, r := range first {
		if text(r) == text(intact) {
			spoil(&r)
		}
	}
	return s.wantStored(intact)
}

func letsReaderStop(s *subject) error {
	replayer, ok := s.sink.(audit.Replayer)
	if !ok {
		return nil
	}
	first, second, third := minimal(s.id(1)), minimal(s.id(2)), minimal(s.id(3))
	if err := s.appendAll(first, second); err != nil {
		return err
	}
	err := patiently("Replay by a reader that appends", func() error {
		for _, err := range replayer.Replay(context.Background()) {
			if err != nil {
				return err
			}
			return s.sink.Append(context.Background(), third)
		}
		return errors.New("nothing was replayed")
	})
	if err != nil {
		return err
	}
	return s.wantStored(first, second, third)
}

func failsShortReplay(s *subject) error {
	if _, ok := s.sink.(audit.Replayer); !ok {
		return nil
	}
	if err := s.appendAll(minimal(s.id(1)), minimal(s.id(2))); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got, err := s.replay(ctx)
	if err == nil || errors.Is(err, errNoAnswer) {
		return fmt.Errorf("Replay with a context that is done: got %d of 2 records and error %v, want an error", len(got), err)
	}
	return nil
}

func replaysBesideAppends(s *subject) error {
	if _, ok := s.sink.(audit.Replayer); !ok {
		return nil
	}
	appended := make(chan error, 1)
	acknowledged := make(chan int) // the writer is one record ahead of the reader
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(acknowledged)
		for i := range besideAppends {
			if err := s.append(context.Background(), minimal(s.id(i))); err != nil {
				appended <- err
				return
			}
			select {
			case acknowledged <- i:
			case <-stop:
				return
			}
		}
		appended <- nil
	}()
	for last := range acknowledged {
		got, err := s.replay(context.Background())
		if err != nil {
			return err
		}
		if len(got) <= last || got[last].ID != s.id(last) {
			return fmt.Errorf("a replay that began after record %d was acknowledged does not have it in its place", last)
		}
	}
	return <-appended
}

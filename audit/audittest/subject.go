package audittest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

// subject is a sink under one check.
type subject struct {
	sink     audit.Sink
	prefix   string // of the IDs that are this check's
	readBack func(audit.Sink) []audit.Record
	reopen   func(audit.Sink) audit.Sink
}

func newPrefix() string { return rand.Text() + "-" }

func (s *subject) id(n int) string { return fmt.Sprintf("%s%04d", s.prefix, n) }

// append appends with a panic or a hang as an error.
func (s *subject) append(ctx context.Context, r audit.Record) error {
	return patiently("Append", func() error { return s.sink.Append(ctx, r) })
}

// appendAll appends records in sequence.
func (s *subject) appendAll(records ...audit.Record) error {
	for _, r := range records {
		if err := s.append(context.Background(), r); err != nil {
			return fmt.Errorf("Append of a valid record: %w", err)
		}
	}
	return nil
}

// readable reports whether what the sink stores can be seen.
func (s *subject) readable() bool {
	_, ok := s.sink.(audit.Replayer)
	return ok || s.readBack != nil
}

// stored returns what the sink has stored of this check's records.
func (s *subject) stored() ([]audit.Record, error) {
	if _, ok := s.sink.(audit.Replayer); ok {
		return s.replay(context.Background())
	}
	return s.ours(s.readBack(s.sink)), nil
}

func (s *subject) replay(ctx context.Context) ([]audit.Record, error) {
	var records []audit.Record
	err := patiently("Replay", func() error {
		for r, err := range s.sink.(audit.Replayer).Replay(ctx) {
			if err != nil {
				return fmt.Errorf("Replay: %w", err)
			}
			records = append(records, r)
		}
		return nil
	})
	if errors.Is(err, errNoAnswer) {
		return nil, err // it may still be at work
	}
	return s.ours(records), err
}

func (s *subject) ours(records []audit.Record) []audit.Record {
	var ours []audit.Record
	for _, r := range records {
		if strings.HasPrefix(r.ID, s.prefix) {
			ours = append(ours, r)
		}
	}
	return ours
}

// wantStored compares what the sink has stored with what it should have, if
// that can be seen.
func (s *subject) wantStored(want ...audit.Record) error {
	if !s.readable() {
		return nil
	}
	got, err := s.stored()
	if err != nil {
		return err
	}
	return differ("stored records", want, got)
}

// differ returns an error that shows how records differ.
func differ(what string, want, got []audit.Record) error {
	if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
		return fmt.Errorf("%s differ (-want +got):\n%s", what, diff)
	}
	return nil
}

// texts returns the JSON form of each record.
func texts(records []audit.Record) []string {
	forms := make([]string, len(records))
	for i, r := range records {
		forms[i] = text(r)
	}
	return forms
}

func text(r audit.Record) string {
	b, err := r.AppendJSON(nil)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// errNoAnswer is wrapped where a call of the sink came to no proper end.
var errNoAnswer = errors.New("no answer")

// patiently runs a call of the sink, and returns errNoAnswer if it panics, ends
// its goroutine or does not return.
func patiently(name string, call func() error) error {
	answers := make(chan error, 1)
	go func() {
		err := fmt.Errorf("%w: %s ended its goroutine", errNoAnswer, name)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("%w: %s panicked: %v", errNoAnswer, name, v)
			}
			answers <- err
		}()
		err = call()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-answers:
		return err
	case <-timer.C:
		return fmt.Errorf("%w: %s did not return within %v", errNoAnswer, name, patience)
	}
}

// closeSink closes a sink that can be closed.
func closeSink(sink audit.Sink) (closed bool, err error) {
	switch c := sink.(type) {
	case interface{ Close() error }:
		return true, patiently("Close", c.Close)
	case interface{ Close(context.Context) error }:
		return true, patiently("Close", func() error { return c.Close(context.Background()) })
	}
	return false, nil
}

// want returns an error unless err wraps target.
func want(err, target error, what string) error {
	if errors.Is(err, target) {
		return nil
	}
	return fmt.Errorf("%s: got error %v, want one that wraps %q", what, err, target)
}

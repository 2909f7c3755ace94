package audittest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

var errDisk = errors.New("disk full") // no state: only compared with

func TestFaultDoesWhatItSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  audittest.Fault
		want   error
		panics any
		stored int
	}{
		"zero":                     {audittest.Fault{}, nil, nil, 1},
		"Pass":                     {audittest.Pass(), nil, nil, 1},
		"Fail":                     {audittest.Fail(errDisk), errDisk, nil, 0},
		"StoreThenFail":            {audittest.StoreThenFail(errDisk), errDisk, nil, 1},
		"Lie":                      {audittest.Lie(), nil, nil, 0},
		"Panic":                    {audittest.Panic("boom"), nil, "boom", 0},
		"Wait, and the time is up": {audittest.Wait(), context.DeadlineExceeded, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return test.fault }}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				defer func() {
					if v := recover(); v != test.panics {
						t.Errorf("panicked with %v, want %v", v, test.panics)
					}
					if len(sink.Records()) != test.stored {
						t.Errorf("%d records are stored, want %d", len(sink.Records()), test.stored)
					}
				}()
				if err := sink.Append(ctx, audittest.Record("id")); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			})
		})
	}
}

func TestFaultsWithoutAnErrorHaveOneOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]audittest.Fault{"Fail": audittest.Fail(nil), "StoreThenFail": audittest.StoreThenFail(nil)} {
		sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return fault }}
		if err := sink.Append(t.Context(), audittest.Record("id")); err == nil {
			t.Errorf("%s(nil) does not fail", name)
		}
	}
}

func TestHangEndsWithReleaseOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return audittest.Hang() }}
		sink.Release() // of nobody
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			answer := make(chan error, 1)
			go func() { answer <- sink.Append(ctx, audittest.Record("id")) }()
			select {
			case err := <-answer:
				t.Fatalf("answered %v", err)
			case <-time.After(time.Hour):
			}
			stored := len(sink.Records())
			sink.Release()
			if err := <-answer; err != nil || len(sink.Records()) != stored+1 {
				t.Errorf("when released: %v", err)
			}
		}
	})
}

func TestExitEndsTheGoroutine(t *testing.T) {
	t.Parallel()
	sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return audittest.Exit() }}
	ended, returned := make(chan struct{}), false
	go func() {
		defer close(ended)
		_ = sink.Append(t.Context(), audittest.Record("id"))
		returned = true
	}()
	<-ended
	if returned {
		t.Error("Append returned")
	}
}

func TestScriptSeesEachAppend(t *testing.T) {
	t.Parallel()
	var seen []string
	sink := &audittest.Faulty{Script: func(n int, r audit.Record) audittest.Fault {
		seen = append(seen, fmt.Sprint(n, r.ID))
		return audittest.Pass()
	}}
	for _, id := range []string{"a", "b"} {
		if err := sink.Append(t.Context(), audittest.Record(id)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"0a", "1b"}, seen); diff != "" || sink.Calls() != 2 {
		t.Errorf("%d calls; script saw (-want +got):\n%s", sink.Calls(), diff)
	}
}

func TestReplayYieldsWhatReplayedSays(t *testing.T) {
	t.Parallel()
	sink := &audittest.Faulty{Replayed: func(n int, r audit.Record) ([]audit.Record, error) {
		switch n {
		case 0:
			return []audit.Record{r, r}, nil
		case 1:
			return nil, nil
		case 2:
			r.ID = "forged"
			return []audit.Record{r}, nil
		}
		return nil, errDisk
	}}
	for _, id := range []string{"a", "b", "c", "d"} {
		if err := sink.Append(t.Context(), audittest.Record(id)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for r, err := range sink.Replay(t.Context()) {
		got = append(got, fmt.Sprint(r.ID, err))
	}
	if diff := cmp.Diff([]string{"a<nil>", "a<nil>", "forged<nil>", "disk full"}, got); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
	for range sink.Replay(t.Context()) {
		break // a reader may stop
	}
	if len(sink.Records()) != 4 {
		t.Error("Records does not show what is stored")
	}
}

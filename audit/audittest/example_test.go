package audittest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// A sink fails once it is asked to store an outcome.
func ExampleFaulty() {
	sink := &audittest.Faulty{Script: func(_ int, r audit.Record) audittest.Fault {
		if r.Event == audit.EventOutcome {
			return audittest.Fail(errors.New("disk full"))
		}
		return audittest.Pass()
	}}
	r := audittest.Record("r1")
	for _, r.Event = range []audit.Event{audit.EventIntent, audit.EventOutcome} {
		fmt.Println(r.Event, sink.Append(context.Background(), r))
	}
	fmt.Println(sink.Calls(), "calls,", len(sink.Records()), "record stored")
	// Output:
	// intent <nil>
	// outcome disk full
	// 2 calls, 1 record stored
}

// Each fault behind a deadline, as a guard would meet it.
func ExampleFault() {
	disk := errors.New("disk full")
	for _, step := range []struct {
		name  string
		fault audittest.Fault
	}{
		{"Pass", audittest.Pass()},
		{"Fail", audittest.Fail(disk)},
		{"StoreThenFail", audittest.StoreThenFail(disk)},
		{"Lie", audittest.Lie()},
		{"Panic", audittest.Panic("boom")},
		{"Exit", audittest.Exit()},
		{"Wait", audittest.Wait()},
		{"Hang", audittest.Hang()},
	} {
		sink := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return step.fault }}
		prompt, err := audit.Deadline(sink, time.Second)
		if err != nil {
			panic(err)
		}
		err = prompt.Append(context.Background(), audittest.Record("r1"))
		fmt.Printf("%-14s yes=%-5v stored=%d\n", step.name, err == nil, len(sink.Records()))
		sink.Release()
	}
	// Output:
	// Pass           yes=true  stored=1
	// Fail           yes=false stored=0
	// StoreThenFail  yes=false stored=1
	// Lie            yes=true  stored=0
	// Panic          yes=false stored=0
	// Exit           yes=false stored=0
	// Wait           yes=false stored=0
	// Hang           yes=false stored=0
}

func ExampleRecord() {
	r := audittest.Record("r1")
	fmt.Println(r.Actor.Person, r.Kind, r.Target.ID, r.Outcome.Status, r.Validate())
	// Output: kim account.suspend account-25073877 unknown <nil>
}

// Call TestSink from a test of your own sink.
func ExampleTestSink() {
	test := func(t *testing.T) {
		audittest.TestSink(t, func(t *testing.T) audit.Sink {
			return new(audit.Memory) // open yours here
		})
	}
	_ = test
}

// A file can be opened again; what BestEffort has passed on must be read where
// it went.
func ExampleOption() {
	path := filepath.Join(os.TempDir(), "trail.jsonl")
	reopen := audittest.Reopen(func(t *testing.T, sink audit.Sink) audit.Sink {
		sink.(*audit.File).Close()
		file, err := audit.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return file
	})

	copies := new(audit.Memory)
	readBack := audittest.ReadBack(func(_ *testing.T, sink audit.Sink) []audit.Record {
		sink.(*audit.BestEffortSink).Close(context.Background())
		return copies.Records()
	})

	for _, option := range []audittest.Option{reopen, readBack} { // for TestSink
		fmt.Printf("%T\n", option)
	}
	// Output:
	// audittest.Option
	// audittest.Option
}

package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

func exampleRecord(id string, event audit.Event) audit.Record {
	return audit.Record{
		ID:     id,
		Event:  event,
		Time:   time.Date(2017, time.November, 2, 22, 57, 0, 0, time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim"},
		Target: audit.Target{ID: "account-25073877", Tier: "protected"},
		Kind:   "account.suspend",
	}
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "trail")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	file, err := audit.OpenFile(filepath.Join(dir, "trail.jsonl"))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	prompt, err := audit.Deadline(file, 5*time.Second)
	if err != nil {
		panic(err)
	}
	trail, err := audit.All(prompt, new(audit.Memory))
	if err != nil {
		panic(err)
	}

	if err := trail.Append(ctx, exampleRecord("r1", audit.EventRequested)); err != nil {
		panic(err)
	}
	for r, err := range trail.(audit.Replayer).Replay(ctx) {
		if err != nil {
			panic(err)
		}
		fmt.Println(r.ID, r.Event, r.Actor.Person, r.Kind, r.Target.ID)
	}
	// Output: r1 requested kim account.suspend account-25073877
}

func ExampleOpenFile() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "trail")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "trail.jsonl")

	// A crash has left a line without its end.
	if err := os.WriteFile(path, []byte(`{"id":"r0","ev`), 0o600); err != nil {
		panic(err)
	}
	file, err := audit.OpenFile(path)
	if err != nil {
		panic(err)
	}
	fmt.Println("set aside:", filepath.Base(file.Torn()))
	fmt.Println("stored:", file.Append(ctx, exampleRecord("r1", audit.EventIntent)) == nil)
	if err := file.Close(); err != nil {
		panic(err)
	}

	content, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", content)
	// Output:
	// set aside: trail.jsonl.torn-1
	// stored: true
	// {"id":"r1","event":"intent","time":"2017-11-02T22:57:00Z","actor":{"login":"kim@support","person":"kim"},"target":{"id":"account-25073877","tier":"protected"},"kind":"account.suspend"}
}

func ExampleFile_Replay() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "trail")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "trail.jsonl")

	for _, event := range []audit.Event{audit.EventIntent, audit.EventOutcome} { // two runs of a program
		file, err := audit.OpenFile(path)
		if err != nil {
			panic(err)
		}
		if err := file.Append(ctx, exampleRecord(string(event)+"-1", event)); err != nil {
			panic(err)
		}
		for r, err := range file.Replay(ctx) {
			fmt.Println(r.ID, err)
		}
		if err := file.Close(); err != nil {
			panic(err)
		}
	}
	// Output:
	// intent-1 <nil>
	// intent-1 <nil>
	// outcome-1 <nil>
}

func ExampleAll() {
	var first, second audit.Memory
	both, err := audit.All(&first, &second)
	if err != nil {
		panic(err)
	}
	err = both.Append(context.Background(), exampleRecord("r1", audit.EventIntent))
	fmt.Println(err, len(first.Records()), len(second.Records()))
	// Output: <nil> 1 1
}

// One sink of two fails: the record counts as not stored, and must be appended
// again.
func ExampleAll_failure() {
	var memory audit.Memory
	broken := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault {
		return audittest.Fail(audit.ErrClosed)
	}}
	both, err := audit.All(&memory, broken)
	if err != nil {
		panic(err)
	}
	err = both.Append(context.Background(), exampleRecord("r1", audit.EventIntent))
	fmt.Println(err)
	fmt.Println(errors.Is(err, audit.ErrClosed), errors.Is(err, audit.ErrNotWritten))
	// Output:
	// audit: 1 of 2 sinks did not store record "r1": sinks[1] (*audittest.Faulty): audit: sink is closed
	// true false
}

func ExampleDeadline() {
	hung := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return audittest.Hang() }}
	defer hung.Release()
	prompt, err := audit.Deadline(hung, time.Millisecond)
	if err != nil {
		panic(err)
	}
	err = prompt.Append(context.Background(), exampleRecord("r1", audit.EventIntent))
	fmt.Println(errors.Is(err, audit.ErrTimeout))
	// Output: true
}

func ExampleBestEffort() {
	ctx := context.Background()
	var log audit.Memory
	copies, err := audit.BestEffort(&log, 100)
	if err != nil {
		panic(err)
	}
	for _, id := range []string{"r1", "r2", "r3"} {
		if err := copies.Append(ctx, exampleRecord(id, audit.EventIntent)); err != nil {
			panic(err)
		}
	}
	if err := copies.Close(ctx); err != nil {
		panic(err)
	}
	fmt.Println(len(log.Records()), "stored,", copies.Dropped(), "dropped,", copies.Failed(), "failed")
	// Output: 3 stored, 0 dropped, 0 failed
}

func ExampleNewSlog() {
	handler := slog.NewTextHandler(os.Stdout, nil)
	log, err := audit.NewSlog(handler, slog.LevelInfo)
	if err != nil {
		panic(err)
	}
	if err := log.Append(context.Background(), exampleRecord("r1", audit.EventRefused)); err != nil {
		panic(err)
	}
	// Output:
	// time=2017-11-02T22:57:00.000Z level=INFO msg=audit id=r1 event=refused actor.login=kim@support actor.person=kim target.id=account-25073877 target.tier=protected kind=account.suspend
}

func ExampleMemory() {
	var memory audit.Memory
	if err := memory.Append(context.Background(), exampleRecord("r1", audit.EventApproved)); err != nil {
		panic(err)
	}
	for _, r := range memory.Records() {
		fmt.Println(r.ID, r.Event)
	}
	// Output: r1 approved
}

func ExampleRecord_AppendJSON() {
	line, err := exampleRecord("r1", audit.EventIntent).AppendJSON([]byte("entry: "))
	fmt.Printf("%s\n%v\n", line, err)
	// Output:
	// entry: {"id":"r1","event":"intent","time":"2017-11-02T22:57:00Z","actor":{"login":"kim@support","person":"kim"},"target":{"id":"account-25073877","tier":"protected"},"kind":"account.suspend"}
	// <nil>
}

func ExampleRecord_MarshalJSON() {
	r := exampleRecord("r1", audit.EventIntent)
	form, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	same, err := r.AppendJSON(nil)
	fmt.Println(bytes.Equal(form, same), err)
	// Output: true <nil>
}

func ExampleRecord_UnmarshalJSON() {
	var r audit.Record
	fmt.Println(json.Unmarshal([]byte(`{"id":"r1","event":"intent","time":"2017-11-02T15:57:00-07:00"}`), &r))
	fmt.Println(r.Time)
	fmt.Println(json.Unmarshal([]byte(`{"id":"r2","mood":"bad"}`), &r))
	// Output:
	// <nil>
	// 2017-11-02 22:57:00 +0000 UTC
	// audit: reading a record: json: unknown field "mood"
}

func ExampleRecord_Validate() {
	r := exampleRecord("r1", audit.EventIntent)
	fmt.Println(r.Validate())
	r.Reason = "caf\xe9"
	fmt.Println(r.Validate())
	// Output:
	// <nil>
	// audit: record not written: record "r1": field reason is not valid UTF-8
}

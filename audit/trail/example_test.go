package trail_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// suspended is a record such as a guard appends.
func suspended(id string) audit.Record {
	return audit.Record{
		ID:     id,
		Ticket: "ticket-7",
		Event:  audit.EventOutcome,
		Time:   time.Date(2017, time.November, 2, 18, 57, 0, 0, time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim"},
		Target: audit.Target{ID: "account-25073877"},
		Kind:   "account.suspend",
	}
}

// openTrail opens a log in a directory for temporary files.
func openTrail() (l *trail.Log, remove func()) {
	base, err := os.MkdirTemp("", "trail")
	if err != nil {
		log.Fatal(err)
	}
	l, err = trail.Open(context.Background(), trail.Config{
		Dir:         filepath.Join(base, "trail"),
		Origin:      "example.com/moderation",
		KeyFile:     filepath.Join(base, "trail.key"),
		TrustedHead: trail.HeadFile(filepath.Join(base, "trail.head")),
		Room:        trail.MinRoom, // small, for an example
	})
	if err != nil {
		log.Fatal(err)
	}
	return l, func() {
		l.Close()
		os.RemoveAll(base)
	}
}

func ExampleOpen() {
	ctx := context.Background()
	base, err := os.MkdirTemp("", "trail")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(base)

	// In earnest the three are in different places: whoever can write to the
	// directory must reach neither the key nor the head.
	config := trail.Config{
		Dir:         filepath.Join(base, "trail"),
		Origin:      "example.com/moderation",
		KeyFile:     filepath.Join(base, "trail.key"),
		TrustedHead: trail.HeadFile(filepath.Join(base, "trail.head")),
	}
	l, err := trail.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	if err := l.Append(ctx, suspended("r1")); err != nil {
		log.Fatal(err)
	}
	if err := l.Append(ctx, suspended("r1")); err != nil { // again: it is there once
		log.Fatal(err)
	}
	fmt.Println("entries:", l.Size())
	if err := l.Close(); err != nil {
		log.Fatal(err)
	}

	// Somebody removes the directory, and the log begins anew? It does not.
	if err := os.RemoveAll(config.Dir); err != nil {
		log.Fatal(err)
	}
	_, err = trail.Open(ctx, config)
	fmt.Println("rolled back:", errors.Is(err, trail.ErrRolledBack))
	// Output:
	// entries: 1
	// rolled back: true
}

func ExampleHeadFile() {
	ctx := context.Background()
	base, err := os.MkdirTemp("", "heads")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(base)

	head := trail.HeadFile(filepath.Join(base, "trail.head"))
	saved, err := head.Load(ctx)
	fmt.Println("before the first Save:", len(saved), err)
	if err := head.Save(ctx, []byte("a signed checkpoint\n")); err != nil {
		log.Fatal(err)
	}
	saved, err = head.Load(ctx)
	fmt.Printf("after it: %q %v\n", saved, err)
	// Output:
	// before the first Save: 0 <nil>
	// after it: "a signed checkpoint\n" <nil>
}

func ExampleLog_Add() {
	ctx := context.Background()
	l, remove := openTrail()
	defer remove()

	record := suspended("r1")
	receipt, err := l.Add(ctx, record)
	if err != nil {
		log.Fatal(err)
	}
	text, err := l.ProveInclusion(ctx, receipt.Index)
	if err != nil {
		log.Fatal(err)
	}

	// Elsewhere, with the public key, the record and the proof, and nothing else:
	verifier, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		log.Fatal(err)
	}
	json, err := record.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	included, err := verifier.Record(json, text)
	fmt.Println("index", included.Index, "of", included.Checkpoint.Origin, err)

	record.Kind = "account.warn"
	err = l.Append(ctx, record)
	fmt.Println("another body:", errors.Is(err, audit.ErrConflict))
	// Output:
	// index 0 of example.com/moderation <nil>
	// another body: true
}

func ExampleLog_Records() {
	ctx := context.Background()
	l, remove := openTrail()
	defer remove()

	for i, event := range []audit.Event{audit.EventRequested, audit.EventApproved, audit.EventIntent, audit.EventOutcome} {
		record := suspended(fmt.Sprint("r", i))
		record.Event = event
		record.Actor.Login = []string{"kim@support", "ada@trust"}[i%2]
		if err := l.Append(ctx, record); err != nil {
			log.Fatal(err)
		}
	}
	for entry, err := range l.Records(ctx, trail.Query{Ticket: "ticket-7", Actor: "ada@trust"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Index, entry.Record.Event)
	}
	// Output:
	// 1 approved
	// 3 outcome
}

func ExampleLog_ProveConsistency() {
	ctx := context.Background()
	l, remove := openTrail()
	defer remove()

	verifier, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := l.Add(ctx, suspended("r1"))
	if err != nil {
		log.Fatal(err)
	}
	then, err := verifier.Checkpoint(receipt.Checkpoint) // which an auditor has kept
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"r2", "r3"} {
		if err := l.Append(ctx, suspended(id)); err != nil {
			log.Fatal(err)
		}
	}
	if err := l.Publish(ctx); err != nil {
		log.Fatal(err)
	}
	text, err := l.ProveConsistency(ctx, then.Size)
	if err != nil {
		log.Fatal(err)
	}
	now, err := verifier.Consistency(then, text)
	fmt.Println("from", then.Size, "to", now.Size, err)
	// Output:
	// from 1 to 3 <nil>
}

func ExampleBeside() {
	c := trail.Beside("/var/lib/host/trail", "example.com/moderation")
	fmt.Println(c.Dir)
	fmt.Println(c.KeyFile)
	// Output:
	// /var/lib/host/trail
	// /var/lib/host/trail.key
}

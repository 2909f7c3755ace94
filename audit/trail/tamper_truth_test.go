package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// truth is what a log has acknowledged.
type truth struct {
	verifier    *proof.Verifier
	told        []told
	size        uint64
	checkpoints map[uint64]proof.Checkpoint // by size
	newest      []byte
}

// told is one acknowledged record.
type told struct {
	record  audit.Record
	json    []byte
	receipt trail.Receipt
}

func newTruth(tb testing.TB, l *trail.Log) *truth {
	tb.Helper()
	v, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		tb.Fatal(err)
	}
	return &truth{verifier: v, checkpoints: map[uint64]proof.Checkpoint{}}
}

// add appends records, one group each, and notes what was acknowledged.
func (w *truth) add(tb testing.TB, l *trail.Log, records ...audit.Record) {
	tb.Helper()
	for _, r := range records {
		receipt, err := l.Add(tb.Context(), r)
		if err != nil {
			tb.Fatal(err)
		}
		w.note(tb, r, receipt)
	}
}

// note notes that a record was acknowledged.
func (w *truth) note(tb testing.TB, r audit.Record, receipt trail.Receipt) {
	tb.Helper()
	c, err := w.verifier.Checkpoint(receipt.Checkpoint)
	if err != nil {
		tb.Fatal(err)
	}
	json, err := r.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	w.told = append(w.told, told{r, json, receipt})
	w.size, w.newest = c.Size, receipt.Checkpoint
	w.checkpoints[c.Size] = c
}

// clone returns what was acknowledged up to now.
func (w *truth) clone() *truth {
	c := *w
	c.told, c.checkpoints = slices.Clone(w.told), maps.Clone(w.checkpoints)
	return &c
}

// brief returns a short record with an ID, a ticket and a time of its own.
func brief(i int) audit.Record {
	return audit.Record{
		ID:     fmt.Sprintf("id-%d", i),
		Ticket: fmt.Sprintf("ticket-%d", i%3),
		Event:  audit.EventRequested,
		Time:   time.Date(2017, time.November, 2, 18, 0, i, 0, time.UTC),
		Actor:  audit.Actor{Login: fmt.Sprintf("login-%d", i%2), Person: "kim"},
		Target: audit.Target{ID: "account-1"},
	}
}

func briefs(from, below int) (records []audit.Record) {
	for i := from; i < below; i++ {
		records = append(records, brief(i))
	}
	return records
}

// long returns a record of so many bytes of reason.
func long(id string, n int) audit.Record {
	r := audittest.Record(id)
	r.Reason = strings.Repeat("long ", n/5)
	return r
}

// findings is what came of holding a disk against the truth.
type findings struct {
	refusals []error  // errors: nothing was claimed
	lies     []string // what was claimed and is not true
}

func (f *findings) refuse(what string, err error) {
	f.refusals = append(f.refusals, fmt.Errorf("%s: %w", what, err))
}

func (f *findings) lie(format string, args ...any) {
	f.lies = append(f.lies, fmt.Sprintf(format, args...))
}

// examine opens the log on a disk and holds all that it says against the truth.
func (w *truth) examine(ctx context.Context, d *ramDisk) *findings {
	f := &findings{}
	l, err := d.open(ctx)
	if err != nil {
		f.refuse("Open", err)
		return f
	}
	w.examineLog(ctx, l, f)
	if err := l.Close(); err != nil {
		f.refuse("Close", err)
	}
	found, err := trail.Verify(ctx, d.public(), w.verifier, trail.VerifyOptions{Head: w.newest, Workers: 1})
	if err != nil {
		f.refuse("Verify", err)
	} else if found.Checkpoint != w.checkpoints[w.size] {
		f.lie("Verify found %v", found.Checkpoint)
	}
	return f
}

// examineLog holds what an open log says against the truth.
func (w *truth) examineLog(ctx context.Context, l *trail.Log, f *findings) {
	if size := l.Size(); size != w.size {
		f.lie("Size = %d, not %d", size, w.size)
	}
	w.examineReading(ctx, l, f, "all", trail.Query{}, func(audit.Record) bool { return true })
	w.examineReading(ctx, l, f, "by ticket", trail.Query{Ticket: "ticket-1"}, func(r audit.Record) bool { return r.Ticket == "ticket-1" })
	w.examineReading(ctx, l, f, "by actor", trail.Query{Actor: "login-1"}, func(r audit.Record) bool { return r.Actor.Login == "login-1" })
	w.examineReading(ctx, l, f, "by target", trail.Query{Target: "account-1"}, func(r audit.Record) bool { return r.Target.ID == "account-1" })
	since := time.Date(2017, time.November, 2, 18, 0, 2, 0, time.UTC)
	w.examineReading(ctx, l, f, "by time", trail.Query{Since: since}, func(r audit.Record) bool { return !r.Time.Before(since) })
	for _, one := range w.told {
		w.examineOne(ctx, l, f, one)
	}
}

// examineReading holds one query against the truth.
func (w *truth) examineReading(ctx context.Context, l *trail.Log, f *findings, what string, q trail.Query, fits func(audit.Record) bool) {
	var want []told
	for _, one := range w.told {
		if fits(one.record) {
			want = append(want, one)
		}
	}
	for e, err := range l.Records(ctx, q) {
		if err != nil {
			f.refuse("reading "+what, err)
			return
		}
		json, err := e.Record.MarshalJSON()
		if err != nil || len(want) == 0 || e.Index != want[0].receipt.Index || !bytes.Equal(json, want[0].json) {
			f.lie("reading %s: entry %d is %.80s (%v)", what, e.Index, json, err)
			return
		}
		want = want[1:]
	}
	if len(want) > 0 {
		f.lie("reading %s: %d records are missing, %s first", what, len(want), want[0].record.ID)
	}
}

// examineOne appends a record again, tries another body, and has it proved.
func (w *truth) examineOne(ctx context.Context, l *trail.Log, f *findings, one told) {
	again, err := l.Add(ctx, one.record)
	if err != nil {
		f.refuse("the retry of "+one.record.ID, err)
	} else if problem := w.covered(again, one); problem != "" {
		f.lie("the retry of %s: %s", one.record.ID, problem)
	}
	other := one.record
	other.Reason += "!"
	if receipt, err := l.Add(ctx, other); err == nil {
		f.lie("another body of %s was accepted at %d", one.record.ID, receipt.Index)
	} else if !errors.Is(err, audit.ErrConflict) {
		f.refuse("the conflict of "+one.record.ID, err)
	}
	text, err := l.ProveInclusion(ctx, one.receipt.Index)
	if err != nil {
		f.refuse("the proof of "+one.record.ID, err)
		return
	}
	in, err := w.verifier.Record(one.json, text)
	if err != nil || in.Index != one.receipt.Index || in.Checkpoint != w.checkpoints[in.Checkpoint.Size] {
		f.lie("the proof of %s: %v, %v", one.record.ID, in, err)
	}
}

// covered says what is wrong with a receipt that was given again.
func (w *truth) covered(again trail.Receipt, one told) string {
	if again.Index != one.receipt.Index {
		return fmt.Sprintf("index %d, not %d", again.Index, one.receipt.Index)
	}
	c, err := w.verifier.Checkpoint(again.Checkpoint)
	if err != nil || c.Size <= again.Index || c != w.checkpoints[c.Size] {
		return fmt.Sprintf("checkpoint %v: %v", c, err)
	}
	return ""
}

// names reports whether an error names a file of the log, or the key or head.
func names(err error, file string) bool {
	text := err.Error()
	if strings.Contains(text, file) {
		return true
	}
	full, _, partial := strings.Cut(file, ".p/") // the full tile that may stand for it
	return partial && strings.Contains(text, full)
}

package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// TestSnapshotIsNotSavedBesideAnAppend appends while the state is written, to a
// keeper that does not notice.
func TestSnapshotIsNotSavedBesideAnAppend(t *testing.T) {
	t.Parallel()
	for name, compose := range over(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := new(keeper)
			k.Script = func(int, audit.Record) audittest.Fault { return audittest.Lie() } // it sees no record
			sink := compose(k)
			err := sink.SaveSnapshot(t.Context(), func(w io.Writer) error {
				if err := sink.Append(t.Context(), minimalRecord("meanwhile")); err != nil {
					t.Error(err)
				}
				return writes("state")(w)
			})
			if err == nil || !strings.Contains(err.Error(), "while the snapshot was being saved") || k.snapshot() != "" {
				t.Errorf("got %v; kept %q", err, k.snapshot())
			}
			if err := sink.SaveSnapshot(t.Context(), writes("state")); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestSnapshotIsNotSavedWhileAnAppendIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, slow := new(keeper), always(audittest.Hang())
		sink := must[audit.Sink](t)(audit.All(k, slow)).(snapshotSink)
		appended := make(chan error)
		go func() { appended <- sink.Append(t.Context(), minimalRecord("id")) }()
		synctest.Wait() // the keeper has it, and nobody has been told
		if err := sink.SaveSnapshot(t.Context(), writes("state")); err == nil || !strings.Contains(err.Error(), "1 appends are under way") {
			t.Errorf("got %v", err)
		}
		slow.Release()
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
		if err := sink.SaveSnapshot(t.Context(), writes("state")); err != nil {
			t.Error(err)
		}
	})
}

// TestSnapshotIsNotSavedWhileARecordIsInDoubt appends the record "id" through
// All to a keeper, which stores it, and to another sink, which does what the
// steps say; then it saves a snapshot.
func TestSnapshotIsNotSavedWhileARecordIsInDoubt(t *testing.T) {
	t.Parallel()
	refusal, conflict := refuseRecord("odd"), audittest.Fail(errors.Join(audit.ErrConflict, audit.ErrNotWritten))
	doubt, noRoom := audittest.Fail(nil), audittest.Fail(audit.ErrNoRoom)
	r, other := audittest.Record("id"), audittest.Record("id")
	other.Reason = "another body"
	type step struct {
		record        audit.Record
		kept, besides audittest.Fault // what the two sinks do
	}
	pass := audittest.Pass()
	for name, test := range map[string]struct {
		steps []step
		want  string // "" if the snapshot is saved
	}{
		"nothing appended":                 {nil, ""},
		"stored":                           {[]step{{r, pass, pass}}, ""},
		"in doubt here":                    {[]step{{r, doubt, pass}}, "1 records are in doubt"},
		"in doubt there":                   {[]step{{r, pass, doubt}}, "1 records are in doubt"},
		"in doubt both here and there":     {[]step{{r, doubt, doubt}}, "1 records are in doubt"},
		"refused there alone":              {[]step{{r, pass, refusal}}, "1 records are in doubt"},
		"no room there alone":              {[]step{{r, pass, noRoom}}, "1 records are in doubt"},
		"refused by both":                  {[]step{{r, refusal, refusal}}, ""},
		"no room in both":                  {[]step{{r, noRoom, noRoom}}, ""},
		"no room or refused":               {[]step{{r, noRoom, refusal}}, ""},
		"in doubt, then stored":            {[]step{{r, pass, doubt}, {r, pass, pass}}, ""},
		"in doubt, then again":             {[]step{{r, pass, doubt}, {r, pass, doubt}}, "1 records are in doubt"},
		"in doubt, then another stored":    {[]step{{r, pass, doubt}, {minimalRecord("2"), pass, pass}}, "1 records are in doubt"},
		"in doubt, then another body is":   {[]step{{r, pass, doubt}, {other, pass, pass}}, "1 records are in doubt"},
		"in doubt, another body refused":   {[]step{{r, pass, doubt}, {other, conflict, conflict}}, "1 records are in doubt"},
		"in doubt, then refused":           {[]step{{r, doubt, doubt}, {r, refusal, refusal}}, ""},
		"in doubt, then no room":           {[]step{{r, doubt, doubt}, {r, noRoom, noRoom}}, ""},
		"two in doubt, one of them stored": {[]step{{r, pass, doubt}, {other, pass, doubt}, {r, pass, pass}}, "1 records are in doubt"},
		"two in doubt":                     {[]step{{r, pass, doubt}, {other, pass, doubt}}, "2 records are in doubt"},
		"not valid":                        {[]step{{audit.Record{ID: "id"}, doubt, doubt}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, besides := new(keeper), new(audittest.Faulty)
			k.Script = func(n int, _ audit.Record) audittest.Fault { return test.steps[n].kept }
			besides.Script = func(n int, _ audit.Record) audittest.Fault { return test.steps[n].besides }
			sink := must[audit.Sink](t)(audit.All(k, besides)).(snapshotSink)
			for _, step := range test.steps {
				_ = sink.Append(t.Context(), step.record)
			}
			err := sink.SaveSnapshot(t.Context(), writes("state"))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if saved := k.snapshot() != ""; saved != (err == nil) {
				t.Errorf("saved: %v, with error %v", saved, err)
			}
		})
	}
}

func TestAppendThatWasNotTriedLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, compose := range over(t) {
		sink := compose(new(keeper))
		if err := sink.Append(ctx, minimalRecord("id")); err == nil {
			t.Fatal("Append with a context that is done returned nil")
		}
		if err := sink.SaveSnapshot(t.Context(), writes("state")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAppendThatFoundNoTurnLeavesNoDoubt has a sink hang in so many appends that
// a further one does not reach it.
func TestAppendThatFoundNoTurnLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hanging int
		patient time.Duration // of those that hang
		want    string
	}{
		"too many at once":     {1024, time.Hour, "deadline exceeded"},
		"too many given up on": {64, time.Second, "64 earlier appends still hang"},
	} {
		for composition, compose := range map[string]func(audit.Sink) (audit.Sink, error){
			"All":      func(sink audit.Sink) (audit.Sink, error) { return audit.All(sink) },
			"Deadline": func(sink audit.Sink) (audit.Sink, error) { return audit.Deadline(sink, 2*time.Hour) },
		} {
			t.Run(name+" behind "+composition, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					k := new(keeper)
					k.Script = func(int, audit.Record) audittest.Fault { return audittest.Hang() }
					sink := must[audit.Sink](t)(compose(k)).(snapshotSink)
					var group sync.WaitGroup
					for range test.hanging {
						group.Go(func() {
							ctx, cancel := context.WithTimeout(t.Context(), test.patient)
							defer cancel()
							_ = sink.Append(ctx, minimalRecord("hangs"))
						})
					}
					time.Sleep(time.Minute)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err := sink.Append(ctx, minimalRecord("further"))
					if err == nil || !strings.Contains(err.Error(), test.want) || k.Calls() != test.hanging {
						t.Errorf("%v; the sink was asked %d times", err, k.Calls())
					}
					k.Release()
					group.Wait()
					synctest.Wait()
					k.Script = nil
					if err := sink.Append(t.Context(), minimalRecord("hangs")); err != nil {
						t.Fatal(err)
					}
					if err := sink.SaveSnapshot(t.Context(), writes("state")); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestLateAppendLeavesDoubtUntilItIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := new(keeper)
		k.Script = func(n int, _ audit.Record) audittest.Fault {
			if n == 0 {
				return audittest.Hang()
			}
			return audittest.Pass()
		}
		sink := over(t)["Deadline"](k)
		if err := sink.Append(t.Context(), minimalRecord("id")); !errors.Is(err, audit.ErrTimeout) {
			t.Fatalf("got %v", err)
		}
		k.Release()
		synctest.Wait() // it is stored, and nobody has been told
		if err := sink.SaveSnapshot(t.Context(), writes("state")); err == nil {
			t.Error("a snapshot was saved while a record was in doubt")
		}
		if err := sink.Append(t.Context(), minimalRecord("id")); err != nil {
			t.Fatal(err)
		}
		if err := sink.SaveSnapshot(t.Context(), writes("state")); err != nil {
			t.Error(err)
		}
	})
}

func TestTooManyDoubtsAreNeverForgotten(t *testing.T) {
	t.Parallel()
	for doubts, want := range map[int]string{1024: "", 1025: "more than 1024 records"} {
		k := new(keeper)
		failing := true
		k.Script = func(int, audit.Record) audittest.Fault {
			if failing {
				return audittest.Fail(nil)
			}
			return audittest.Pass()
		}
		sink := over(t)["All"](k)
		appendAll := func() {
			for n := range doubts {
				_ = sink.Append(t.Context(), minimalRecord(fmt.Sprint(n)))
			}
		}
		appendAll()
		appendAll() // the same once more
		failing = false
		appendAll()
		err := sink.SaveSnapshot(t.Context(), writes("state"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d records in doubt: got %v, want %q", doubts, err, want)
		}
	}
}

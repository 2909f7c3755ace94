package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// always is a sink that misbehaves in the same way each time.
func always(fault audittest.Fault) *audittest.Faulty {
	return &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return fault }}
}

func noRoom() audittest.Fault { return audittest.Fail(fmt.Errorf("%w: 0 bytes left", audit.ErrNoRoom)) }

func refuseRecord(reason string) audittest.Fault {
	return audittest.Fail(fmt.Errorf("%w: %s", audit.ErrNotWritten, reason))
}

type funcSink func(context.Context, audit.Record) error

func (f funcSink) Append(ctx context.Context, r audit.Record) error { return f(ctx, r) }

// strangeError is an error whose methods can't be called on a nil pointer.
type strangeError struct{ text string }

func (e *strangeError) Error() string { return e.text }

func TestCompositionsRefuseToBeMadeOfNothing(t *testing.T) {
	t.Parallel()
	memory := new(audit.Memory)
	for name, test := range map[string]struct {
		make func() (audit.Sink, error)
		want string
	}{
		"All of none":             {func() (audit.Sink, error) { return audit.All() }, "to All"},
		"All with nil":            {func() (audit.Sink, error) { return audit.All(memory, nil) }, "sinks[1]"},
		"All with nil pointer":    {func() (audit.Sink, error) { return audit.All(memory, memory, (*audit.File)(nil)) }, "sinks[2]: it is nil (*audit.File)"},
		"All with nil function":   {func() (audit.Sink, error) { return audit.All(funcSink(nil)) }, "sinks[0]"},
		"Deadline of nil":         {func() (audit.Sink, error) { return audit.Deadline(nil, time.Second) }, "to Deadline"},
		"Deadline of nil pointer": {func() (audit.Sink, error) { return audit.Deadline((*audit.Memory)(nil), time.Second) }, "to Deadline"},
		"BestEffort of nil": {func() (audit.Sink, error) {
			sink, err := audit.BestEffort(nil, 1)
			if sink != nil {
				t.Error("BestEffort returned a sink and an error")
			}
			return nil, err
		}, "to BestEffort"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, err := test.make()
			if sink != nil || !errors.Is(err, audit.ErrNoSink) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want an ErrNoSink that says %q", sink, err, test.want)
			}
		})
	}
}

func TestAllStoresInEverySink(t *testing.T) {
	t.Parallel()
	first, second := new(audit.Memory), new(audittest.Faulty)
	sink := must[audit.Sink](t)(audit.All(first, second))
	r := audittest.Record("id")
	if err := sink.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for i, got := range [][]audit.Record{first.Records(), second.Records()} {
		if diff := cmp.Diff([]audit.Record{r}, got); diff != "" {
			t.Errorf("sink %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestAllAsksNobodyAboutARecordThatIsNotValid(t *testing.T) {
	t.Parallel()
	careless := funcSink(func(context.Context, audit.Record) error {
		t.Error("the sink was asked")
		return nil
	})
	sink := must[audit.Sink](t)(audit.All(careless, new(audit.Memory)))
	if err := sink.Append(t.Context(), audit.Record{ID: "id"}); !errors.Is(err, audit.ErrNotWritten) {
		t.Errorf("got %v", err)
	}
}

func TestAllFailsIfAnySinkDoes(t *testing.T) {
	t.Parallel()
	full := &fs.PathError{Op: "write", Path: "/trail", Err: errors.New("disk full")}
	var typedNil *strangeError
	for name, test := range map[string]struct {
		faults     []audittest.Fault
		notWritten bool    // certain for all
		is         []error // each must be seen
		text       string
	}{
		"one fails":                      {[]audittest.Fault{{}, audittest.Fail(full)}, false, []error{full}, "1 of 2 sinks did not store record \"id\": sinks[1] (*audittest.Faulty): write /trail: disk full"},
		"all fail":                       {[]audittest.Fault{audittest.Fail(full), audittest.Fail(audit.ErrClosed)}, false, []error{full, audit.ErrClosed}, "2 of 2 sinks"},
		"the only one refuses":           {[]audittest.Fault{refuseRecord("big")}, true, nil, "1 of 1 sinks"},
		"all refuse":                     {[]audittest.Fault{refuseRecord("big"), refuseRecord("odd")}, true, nil, "odd"},
		"one refuses, one stores":        {[]audittest.Fault{refuseRecord("big"), {}}, false, nil, "sinks[0] (*audittest.Faulty): audit: record not written: big"},
		"one refuses, one is in doubt":   {[]audittest.Fault{refuseRecord("big"), audittest.StoreThenFail(full)}, false, []error{full}, "2 of 2"},
		"one stores, the last refuses":   {[]audittest.Fault{{}, {}, refuseRecord("big")}, false, nil, "sinks[2]"},
		"one panics":                     {[]audittest.Fault{{}, audittest.Panic("boom")}, false, []error{audit.ErrPanic}, "sinks[1] (*audittest.Faulty): audit: sink panicked: boom"},
		"a panic proves nothing":         {[]audittest.Fault{audittest.Panic(audit.ErrNotWritten)}, false, []error{audit.ErrPanic}, "panicked"},
		"one ends its goroutine":         {[]audittest.Fault{audittest.Exit()}, false, []error{audit.ErrPanic}, "ended its goroutine"},
		"an error that can't be read":    {[]audittest.Fault{audittest.Fail(typedNil)}, false, []error{audit.ErrPanic}, "nil pointer"},
		"one refuses and another panics": {[]audittest.Fault{refuseRecord("big"), audittest.Panic(1)}, false, []error{audit.ErrPanic}, "2 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sinks []audit.Sink
			for _, fault := range test.faults {
				sinks = append(sinks, always(fault))
			}
			err := must[audit.Sink](t)(audit.All(sinks...)).Append(t.Context(), audittest.Record("id"))
			if err == nil {
				t.Fatal("Append returned nil")
			}
			if got := errors.Is(err, audit.ErrNotWritten); got != test.notWritten {
				t.Errorf("errors.Is(err, ErrNotWritten) = %v: %v", got, err)
			}
			for _, target := range test.is {
				if !errors.Is(err, target) {
					t.Errorf("%v does not match %v", err, target)
				}
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %q, want %q in it", err, test.text)
			}
		})
	}
}

func TestJoinedErrorsCanBeLookedThrough(t *testing.T) {
	t.Parallel()
	path := &fs.PathError{Op: "write", Path: "/trail", Err: fs.ErrPermission}
	inner := must[audit.Sink](t)(audit.All(always(refuseRecord("big")), new(audit.Memory)))
	outer := must[audit.Sink](t)(audit.All(always(refuseRecord("odd")), inner, always(audittest.Fail(path)), always(audittest.Fail(&strangeError{"odd"}))))
	err := outer.Append(t.Context(), audittest.Record("id"))

	var joined *multierror.Error
	if !errors.As(err, &joined) || len(joined.Errors) != 4 {
		t.Fatalf("not a joined error of four: %#v", err)
	}
	var pathError *fs.PathError
	var strange *strangeError
	if !errors.As(err, &pathError) || pathError != path || !errors.As(err, &strange) || strange.text != "odd" {
		t.Errorf("errors.As found %v and %v", pathError, strange)
	}
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist) || errors.Is(err, audit.ErrNotWritten) {
		t.Errorf("errors.Is is wrong about %v", err)
	}
	for _, each := range joined.Errors {
		if errors.Is(each, audit.ErrNotWritten) {
			t.Errorf("a part says that nothing was written: %v", each)
		}
	}
}

func TestAllDoesNotWaitForOneThatHangsOnceTheContextIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hung, fine := always(audittest.Hang()), new(audittest.Faulty)
		sink := must[audit.Sink](t)(audit.All(hung, fine, always(refuseRecord("big"))))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := sink.Append(ctx, audittest.Record("id"))
		if !errors.Is(err, audit.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, audit.ErrNotWritten) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		if len(fine.Records()) != 1 {
			t.Error("the sink beside did not get the record")
		}
		hung.Release()
	})
}

func TestAllGivesEachSinkACopy(t *testing.T) {
	t.Parallel()
	r := audittest.Record("id")
	intact := r.Clone()
	spoils := funcSink(func(_ context.Context, given audit.Record) error {
		given.Reviews[0].Person = "spoiled"
		given.State[0] = 'x'
		return nil
	})
	memory := new(audit.Memory)
	if err := must[audit.Sink](t)(audit.All(spoils, memory, spoils)).Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]audit.Record{intact}, memory.Records()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(intact, r); diff != "" {
		t.Errorf("the caller's record (-want +got):\n%s", diff)
	}
}

func TestAllHasNoRoomOnlyIfNoSinkHoldsTheRecord(t *testing.T) {
	t.Parallel()
	type faults = []audittest.Fault
	for name, test := range map[string]struct {
		faults             faults
		noRoom, notWritten bool
	}{
		"the only one has none":        {faults{noRoom()}, true, false},
		"none has":                     {faults{noRoom(), noRoom()}, true, false},
		"one has none, one refuses":    {faults{noRoom(), refuseRecord("big")}, true, false},
		"one refuses, one has none":    {faults{refuseRecord("big"), noRoom()}, true, false},
		"all refuse":                   {faults{refuseRecord("big"), refuseRecord("odd")}, false, true},
		"one has none and refuses":     {faults{audittest.Fail(errors.Join(audit.ErrNoRoom, audit.ErrNotWritten))}, true, true},
		"one has none, one stores":     {faults{noRoom(), {}}, false, false},
		"one stores, one has none":     {faults{{}, noRoom()}, false, false},
		"one has none, one fails":      {faults{noRoom(), audittest.Fail(nil)}, false, false},
		"one is in doubt, two are not": {faults{audittest.StoreThenFail(nil), noRoom(), refuseRecord("big")}, false, false},
		"one has none, one panics":     {faults{noRoom(), audittest.Panic(audit.ErrNoRoom)}, false, false},
		"one panics":                   {faults{audittest.Panic(audit.ErrNoRoom)}, false, false},
		"one has none, one is closed":  {faults{noRoom(), audittest.Fail(audit.ErrClosed)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sinks []audit.Sink
			for _, fault := range test.faults {
				sinks = append(sinks, always(fault))
			}
			inner := must[audit.Sink](t)(audit.All(sinks...))
			for nested, sink := range map[string]audit.Sink{
				"alone":  inner,
				"nested": must[audit.Sink](t)(audit.All(must[audit.Sink](t)(audit.Deadline(inner, time.Minute)))),
			} {
				err := sink.Append(t.Context(), audittest.Record("id"))
				if err == nil {
					t.Fatal("Append returned nil")
				}
				if errors.Is(err, audit.ErrNoRoom) != test.noRoom || errors.Is(err, audit.ErrNotWritten) != test.notWritten {
					t.Errorf("%s: %v; ErrNoRoom %v, want %v; ErrNotWritten %v, want %v", nested, err,
						errors.Is(err, audit.ErrNoRoom), test.noRoom, errors.Is(err, audit.ErrNotWritten), test.notWritten)
				}
			}
		})
	}
}

func TestAllShowsTheConflictOfOneSink(t *testing.T) {
	t.Parallel()
	conflict := audittest.Fail(fmt.Errorf("%w: %w", audit.ErrConflict, audit.ErrNotWritten))
	sink := must[audit.Sink](t)(audit.All(always(conflict), new(audit.Memory)))
	err := sink.Append(t.Context(), audittest.Record("id"))
	if !errors.Is(err, audit.ErrConflict) || errors.Is(err, audit.ErrNotWritten) {
		t.Errorf("got %v", err)
	}
}

// TestCauseOfADoneContextSaysNothingOfTheRecord ends contexts with what another
// append has failed with.
func TestCauseOfADoneContextSaysNothingOfTheRecord(t *testing.T) {
	t.Parallel()
	reason := fmt.Errorf("first of a group: %w: %w: %w", audit.ErrNotWritten, audit.ErrNoRoom, audit.ErrConflict)
	for name, compose := range map[string]func(sink audit.Sink) audit.Sink{
		"alone":    func(sink audit.Sink) audit.Sink { return new(audit.Memory) },
		"All":      func(sink audit.Sink) audit.Sink { return must[audit.Sink](t)(audit.All(sink)) },
		"Deadline": func(sink audit.Sink) audit.Sink { return must[audit.Sink](t)(audit.Deadline(sink, time.Hour)) },
	} {
		for _, late := range []bool{false, true} {
			if late && name == "alone" {
				continue
			}
			t.Run(fmt.Sprintf("%s, late %v", name, late), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					inner := always(audittest.Hang())
					defer inner.Release()
					ctx, cancel := context.WithCancelCause(t.Context())
					if late {
						time.AfterFunc(time.Second, func() { cancel(reason) })
					} else {
						cancel(reason)
					}
					err := compose(inner).Append(ctx, audittest.Record("id"))
					if !errors.Is(err, reason) || errors.Is(err, audit.ErrTimeout) != late {
						t.Errorf("got %v", err)
					}
					for _, target := range []error{audit.ErrNotWritten, audit.ErrNoRoom, audit.ErrConflict} {
						if errors.Is(err, target) {
							t.Errorf("%v matches %v", err, target)
						}
					}
				})
			})
		}
	}
}

func TestCompositionsReplayOnlyWhatTheirSinksReplay(t *testing.T) {
	t.Parallel()
	first, second := new(audit.Memory), new(audit.Memory)
	for sink, id := range map[*audit.Memory]string{first: "first", second: "second"} {
		if err := sink.Append(t.Context(), minimalRecord(id)); err != nil {
			t.Fatal(err)
		}
	}
	mute := oneWay{new(audit.Memory)}
	compose := must[audit.Sink](t)
	for name, test := range map[string]struct {
		sink audit.Sink
		want string // the ID that is replayed; none: no Replayer
	}{
		"All of Replayers":          {compose(audit.All(first, second)), "first"},
		"All with one Replayer":     {compose(audit.All(mute, second, mute)), "second"},
		"All without one":           {compose(audit.All(mute, mute)), ""},
		"Deadline of a Replayer":    {compose(audit.Deadline(second, time.Second)), "second"},
		"Deadline of another":       {compose(audit.Deadline(mute, time.Second)), ""},
		"All of Deadlines":          {compose(audit.All(compose(audit.Deadline(mute, 1)), compose(audit.Deadline(first, 1)))), "first"},
		"BestEffort of a Replayer":  {bestEffort(t, first, 1), ""},
		"All with BestEffort alone": {compose(audit.All(bestEffort(t, first, 1))), ""},
		"slog":                      {newSlog(t), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replayer, ok := test.sink.(audit.Replayer)
			if ok != (test.want != "") {
				t.Fatalf("is a Replayer: %v", ok)
			}
			if !ok {
				return
			}
			var got []string
			for r, err := range replayer.Replay(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, r.ID)
			}
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("replayed (-want +got):\n%s", diff)
			}
		})
	}
}

func bestEffort(t *testing.T, sink audit.Sink, queue int) *audit.BestEffortSink {
	b := must[*audit.BestEffortSink](t)(audit.BestEffort(sink, queue))
	t.Cleanup(func() { closeBestEffort(t, b) })
	return b
}

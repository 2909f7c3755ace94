package audittest

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"

	"github.com/elevenminutes/interlock/audit"
)

// A Fault is what a [Faulty] sink does with one append. The zero Fault is no
// fault: the record is stored.
type Fault struct {
	act func(ctx context.Context, f *Faulty, r audit.Record) error
}

// Pass stores the record, like the zero Fault.
func Pass() Fault { return Fault{} }

// Fail stores nothing and returns err, or an error of its own if err is nil.
func Fail(err error) Fault {
	return Fault{func(context.Context, *Faulty, audit.Record) error {
		return scripted(err)
	}}
}

// StoreThenFail stores the record and returns err all the same, or an error of
// its own if err is nil: the append is in doubt.
func StoreThenFail(err error) Fault {
	return Fault{func(ctx context.Context, f *Faulty, r audit.Record) error {
		return errors.Join(scripted(err), f.stored.Append(ctx, r))
	}}
}

// Lie stores nothing and returns nil.
func Lie() Fault {
	return Fault{func(context.Context, *Faulty, audit.Record) error { return nil }}
}

// Panic stores nothing and panics with value.
func Panic(value any) Fault {
	return Fault{func(context.Context, *Faulty, audit.Record) error { panic(value) }}
}

// Exit stores nothing and ends the goroutine that called Append.
func Exit() Fault {
	return Fault{func(context.Context, *Faulty, audit.Record) error {
		runtime.Goexit()
		return nil
	}}
}

// Hang waits for [Faulty.Release], whatever becomes of the context, and stores
// the record then.
func Hang() Fault {
	return Fault{func(ctx context.Context, f *Faulty, r audit.Record) error {
		<-f.gate()
		return f.stored.Append(context.WithoutCancel(ctx), r)
	}}
}

// Wait waits until the context is done, stores nothing and returns the
// context's error, as a slow but well-behaved sink does.
func Wait() Fault {
	return Fault{func(ctx context.Context, _ *Faulty, _ audit.Record) error {
		<-ctx.Done()
		return ctx.Err()
	}}
}

func scripted(err error) error {
	if err != nil {
		return err
	}
	return errors.New("audittest: this append was told to fail")
}

// Faulty is a sink in memory, and a Replayer, that misbehaves as its script
// says. The zero Faulty behaves well. It must not be copied after first use;
// the fields must not be changed while its methods run. Its methods may be
// called by many goroutines at once.
type Faulty struct {
	// Script tells what append number n, counted from 0 in the order in which
	// they came, does with its record. It is called for one append at a time.
	// Where Script is nil, all pass.
	Script func(n int, r audit.Record) Fault
	// Replayed, if it is not nil, is asked for each record that is replayed,
	// counted from 0. Replay yields what it returns in place of the record; an
	// error ends the replay.
	Replayed func(n int, r audit.Record) ([]audit.Record, error)

	stored audit.Memory

	mu      sync.Mutex
	calls   int
	hanging chan struct{} // closed by the next Release; nil if nobody hangs
}

// Append does what the script says. Without a fault it does as
// [audit.Memory.Append] does.
func (f *Faulty) Append(ctx context.Context, r audit.Record) error {
	fault := f.next(r)
	if fault.act == nil {
		return f.stored.Append(ctx, r)
	}
	return fault.act(ctx, f, r)
}

func (f *Faulty) next(r audit.Record) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.calls
	f.calls++
	if f.Script == nil {
		return Pass()
	}
	return f.Script(n, r)
}

// gate returns what the next Release closes.
func (f *Faulty) gate() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hanging == nil {
		f.hanging = make(chan struct{})
	}
	return f.hanging
}

// Release lets go of all appends that hang. Later ones hang again if the script
// says so.
func (f *Faulty) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hanging != nil {
		close(f.hanging)
		f.hanging = nil
	}
}

// Calls returns how often Append was called.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Records returns what was stored, in order, whatever Replayed says.
func (f *Faulty) Records() []audit.Record {
	return f.stored.Records()
}

// Replay yields what was stored, in order, as far as Replayed lets it.
func (f *Faulty) Replay(ctx context.Context) iter.Seq2[audit.Record, error] {
	if f.Replayed == nil {
		return f.stored.Replay(ctx)
	}
	return func(yield func(audit.Record, error) bool) {
		n := 0
		for r, err := range f.stored.Replay(ctx) {
			var replaced []audit.Record
			if err == nil {
				replaced, err = f.Replayed(n, r)
			}
			if err != nil {
				yield(audit.Record{}, err)
				return
			}
			n++
			for _, r := range replaced {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

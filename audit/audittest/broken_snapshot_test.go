package audittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

// summary is a snapshot that a keeper has.
type summary struct {
	state []byte
	after int // how many records it stands for
}

// keeper is a sink in memory that keeps a snapshot, some parts of which are
// replaced by worse ones.
type keeper struct {
	*broken
	save    func(k *keeper, ctx context.Context, write func(io.Writer) error) error
	restore func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error]
	again   func(k *keeper) // opens it again

	lock sync.Mutex
	kept *summary
}

func newKeeper(defect func(*keeper)) *keeper {
	k := &keeper{broken: newBroken(func(*broken) {}), save: save, restore: restore, again: func(*keeper) {}}
	defect(k)
	return k
}

func (k *keeper) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	return k.save(k, ctx, write)
}

func (k *keeper) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return k.restore(k, ctx, read)
}

func (k *keeper) summary() *summary {
	k.lock.Lock()
	defer k.lock.Unlock()
	return k.kept
}

func (k *keeper) keep(state []byte, after int) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.kept = &summary{bytes.Clone(state), after}
}

// save is what a good keeper does.
func save(k *keeper, ctx context.Context, write func(io.Writer) error) error {
	before := len(k.stored.Records())
	var state bytes.Buffer
	if err := errors.Join(k.usable(), write(&state), ctx.Err()); err != nil {
		return err
	}
	if len(k.stored.Records()) != before {
		return errors.New("a record came in between")
	}
	k.keep(state.Bytes(), before)
	return nil
}

func (k *keeper) usable() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return audit.ErrClosed
	}
	return nil
}

// restore is what a good keeper does.
func restore(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		after := 0
		if kept := k.summary(); kept != nil {
			if err := read(bytes.NewReader(kept.state)); err != nil {
				yield(audit.Record{}, err)
				return
			}
			after = kept.after
		}
		for r, err := range skip(k.stored.Replay(ctx), after) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// skip leaves out the first records of a replay.
func skip(records iter.Seq2[audit.Record, error], n int) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		i := 0
		for r, err := range records {
			if i++; (err != nil || i > n) && !yield(r, err) {
				return
			}
		}
	}
}

type snapshotDefect struct {
	name   string
	spoil  func(*keeper)
	caught []string
}

// saving returns a defect that keeps something else than what was saved.
func saving(change func(k *keeper, state []byte, after int)) func(*keeper) {
	return func(k *keeper) {
		k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
			if err := save(k, ctx, write); err != nil {
				return err
			}
			kept := k.summary()
			change(k, kept.state, kept.after)
			return nil
		}
	}
}

// restoring returns a defect that replays something else than the good keeper.
func restoring(replay func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error]) func(*keeper) {
	return func(k *keeper) { k.restore = replay }
}

// each are the checks that look at what is restored.
func each(but ...string) []string {
	var names []string
	for _, c := range snapshotChecks() {
		if c.name != "saves no snapshot after Close" && !slices.Contains(but, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

const (
	after       = "replays what came after its snapshot"
	without     = "replays all without a snapshot"
	older       = "keeps its snapshot when the next one fails"
	beside      = "saves no snapshot of an append under way"
	readError   = "hands out the error of who reads its snapshot"
	short       = "fails a replay from a snapshot that is cut short"
	afterClose  = "saves no snapshot after Close"
	openedAgain = "keeps its snapshot when opened again"
)

func snapshotDefects() []snapshotDefect {
	return append(defectsOfSaving(), defectsOfRestoring()...)
}

func defectsOfSaving() []snapshotDefect {
	return []snapshotDefect{
		{"saves half a state", saving(func(k *keeper, state []byte, after int) { k.keep(state[:len(state)/2], after) }),
			each(without, readError, short)},
		{"takes a record too many for part of the state", saving(func(k *keeper, state []byte, after int) { k.keep(state, after+1) }),
			[]string{after, older, beside, openedAgain}},
		{"takes a record too few for part of the state", saving(func(k *keeper, state []byte, after int) { k.keep(state, after-1) }),
			[]string{after, older, beside, openedAgain}},
		{"keeps the first snapshot for ever", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				if kept := k.summary(); kept != nil {
					defer k.keep(kept.state, kept.after)
				}
				return save(k, ctx, write)
			}
		}, []string{after}},
		{"saves nothing", func(k *keeper) {
			k.save = func(k *keeper, _ context.Context, write func(io.Writer) error) error {
				return errors.Join(k.usable(), write(io.Discard))
			}
		}, each(without)},
		{"never saves", func(k *keeper) {
			k.save = func(*keeper, context.Context, func(io.Writer) error) error { return audit.ErrClosed }
		}, each(without)},
		{"saves what could not be written", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				return save(k, ctx, func(w io.Writer) error { _ = write(w); return nil })
			}
		}, []string{older}},
		{"loses the snapshot when the next one fails", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				k.lock.Lock()
				k.kept = nil
				k.lock.Unlock()
				return save(k, ctx, write)
			}
		}, []string{older, beside}},
		{"saves though the context is done, and does not say so", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				return errors.Join(save(k, context.WithoutCancel(ctx), write), ctx.Err())
			}
		}, []string{older}},
		{"takes an append under way for part of the state", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				var state bytes.Buffer
				if err := errors.Join(k.usable(), write(&state), ctx.Err()); err != nil {
					return err
				}
				k.keep(state.Bytes(), len(k.stored.Records()))
				return nil
			}
		}, []string{beside}},
		{"loses an append under way", func(k *keeper) {
			saving := false
			k.append = func(b *broken, ctx context.Context, r audit.Record) error {
				k.lock.Lock()
				defer k.lock.Unlock()
				if saving {
					return nil
				}
				return b.stored.Append(ctx, r)
			}
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				set := func(to bool) { k.lock.Lock(); saving = to; k.lock.Unlock() }
				set(true)
				defer set(false)
				return save(k, ctx, write)
			}
		}, []string{beside}},
		{"saves after Close", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				k.mu.Lock()
				k.closed = false
				k.mu.Unlock()
				return save(k, ctx, write)
			}
		}, []string{afterClose}},
		{"forgets its snapshot when opened again", func(k *keeper) {
			k.again = func(k *keeper) { k.kept = nil }
		}, []string{openedAgain}},
		{"panics", func(k *keeper) {
			k.save = func(*keeper, context.Context, func(io.Writer) error) error { panic("boom") }
		}, append(each(without), afterClose)},
		{"hangs", func(k *keeper) {
			k.save = func(*keeper, context.Context, func(io.Writer) error) error { <-k.release; return nil }
		}, append(each(without), afterClose)},
		{"panics when a state can't be written", func(k *keeper) {
			k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
				return save(k, ctx, func(w io.Writer) error {
					if err := write(w); err != nil {
						panic(err)
					}
					return nil
				})
			}
		}, []string{older}},
	}
}

func defectsOfRestoring() []snapshotDefect {
	return []snapshotDefect{
		{"replays all records again", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				for range skip(restore(k, ctx, read), 1<<30) {
				}
				k.stored.Replay(ctx)(yield)
			}
		}), each(without, short)},
		{"never reads the snapshot", restoring(func(k *keeper, ctx context.Context, _ func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return restore(k, ctx, func(io.Reader) error { return nil })
		}), each(without)},
		{"reads the snapshot twice", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return restore(k, ctx, func(r io.Reader) error {
				return errors.Join(read(r), read(bytes.NewReader(k.summary().state)))
			})
		}), []string{after, older, beside, openedAgain}},
		{"reads nothing where there is no snapshot", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			if k.summary() == nil {
				_ = read(strings.NewReader(""))
			}
			return restore(k, ctx, read)
		}), []string{without}},
		{"replays nothing where there is no snapshot", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			if k.summary() == nil {
				return replaySlice(ctx, nil)
			}
			return restore(k, ctx, read)
		}), []string{without}},
		{"reads the snapshot after the records", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				for r, err := range restore(k, ctx, func(io.Reader) error { return nil }) {
					if !yield(r, err) {
						return
					}
				}
				if kept := k.summary(); kept != nil {
					if err := read(bytes.NewReader(kept.state)); err != nil {
						yield(audit.Record{}, err)
					}
				}
			}
		}), []string{after, older, beside, readError, openedAgain}},
		{"leaves out the last record", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				var last []audit.Record
				for r, err := range restore(k, ctx, read) {
					if err != nil {
						yield(r, err)
						return
					}
					if last = append(last, r); len(last) > 1 && !yield(last[len(last)-2], nil) {
						return
					}
				}
			}
		}), []string{after, without, older, beside, openedAgain}},
		{"swallows the reader's error", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return restore(k, ctx, func(r io.Reader) error { _ = read(r); return nil })
		}), []string{readError}},
		{"replays all when the snapshot can't be read", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				var failure error
				for r, err := range restore(k, ctx, func(r io.Reader) error { failure = read(r); return failure }) {
					if failure == nil && !yield(r, err) {
						return
					}
				}
				if failure != nil {
					k.stored.Replay(ctx)(yield)
					yield(audit.Record{}, failure)
				}
			}
		}), []string{readError}},
		{"gives the reader's error another name", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return restore(k, ctx, func(r io.Reader) error {
				if err := read(r); err != nil {
					return fmt.Errorf("%w: %v", audit.ErrCorrupt, err)
				}
				return nil
			})
		}), []string{readError}},
		{"ends in silence when it is cut short", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				for r, err := range restore(k, ctx, read) {
					if ctx.Err() != nil || !yield(r, err) {
						return
					}
				}
			}
		}), []string{short}},
		{"hangs when the context is done", restoring(func(k *keeper, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return restore(k, context.WithoutCancel(ctx), func(r io.Reader) error {
				err := read(r)
				if ctx.Err() != nil {
					<-k.release
				}
				return err
			})
		}), []string{short}},
	}
}

// snapshotFailures returns the names of those checks that a keeper with a
// defect fails.
func snapshotFailures(t *testing.T, checks []check, spoil func(*keeper)) (names []string) {
	for _, c := range checks {
		synctest.Test(t, func(t *testing.T) { // nothing waits in earnest
			sink := newKeeper(spoil)
			defer close(sink.release)
			reopen := options{reopen: func(_ *testing.T, sink audit.Sink) audit.Sink {
				sink.(*keeper).again(sink.(*keeper))
				return sink
			}}
			if err := c.run(newSubject(t, sink, reopen)); err != nil {
				names = append(names, c.name)
			}
		})
	}
	slices.Sort(names)
	return names
}

func TestSuiteAcceptsAGoodSnapshotter(t *testing.T) {
	t.Parallel()
	if got := snapshotFailures(t, checks(), func(*keeper) {}); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

// TestSuiteAcceptsASnapshotterThatMakesAppendsWait saves, and an append that
// begins meanwhile comes after it.
func TestSuiteAcceptsASnapshotterThatMakesAppendsWait(t *testing.T) {
	t.Parallel()
	waits := func(k *keeper) {
		turn := make(chan struct{}, 1)
		k.append = func(b *broken, ctx context.Context, r audit.Record) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			return b.stored.Append(ctx, r)
		}
		k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			return save(k, ctx, write)
		}
	}
	if got := snapshotFailures(t, checks(), waits); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

func TestSuiteAcceptsASnapshotterWithASnapshotOfOthers(t *testing.T) {
	t.Parallel()
	if got := snapshotFailures(t, checks(), func(k *keeper) { k.keep([]byte("theirs"), 0) }); got != nil {
		t.Errorf("failed checks: %q", got)
	}
}

func TestSuiteCatchesEachDefectOfASnapshotter(t *testing.T) {
	t.Parallel()
	for _, d := range snapshotDefects() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			slices.Sort(d.caught)
			if diff := cmp.Diff(d.caught, snapshotFailures(t, snapshotChecks(), d.spoil)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

package audittest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/elevenminutes/interlock/audit"
)

type (
	appendFunc func(b *broken, ctx context.Context, r audit.Record) error
	replayFunc func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error]
)

// broken is a sink in memory some parts of which are replaced by worse ones.
type broken struct {
	stored  audit.Memory
	append  appendFunc
	replay  replayFunc
	close   func() error
	release chan struct{} // closed at the end of a test, for what hangs

	mu     sync.Mutex
	calls  int
	closed bool
	kept   []audit.Record // without a copy
	ids    map[string]bool
	bodies map[string]string
}

func newBroken(defect func(*broken)) *broken {
	b := &broken{
		append:  func(b *broken, ctx context.Context, r audit.Record) error { return b.stored.Append(ctx, r) },
		replay:  func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] { return b.stored.Replay(ctx) },
		close:   func() error { return nil },
		release: make(chan struct{}),
		ids:     map[string]bool{},
		bodies:  map[string]string{},
	}
	defect(b)
	return b
}

func (b *broken) Append(ctx context.Context, r audit.Record) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return audit.ErrClosed
	}
	return b.append(b, ctx, r)
}

func (b *broken) Replay(ctx context.Context) iter.Seq2[audit.Record, error] {
	return b.replay(b, ctx)
}

func (b *broken) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.close()
}

func (b *broken) call() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	return b.calls
}

// again reports whether it has seen the record before.
func (b *broken) again(r *audit.Record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.ids[r.ID]
	b.ids[r.ID] = true
	return seen
}

// differs reports whether the record has another body than the first under its
// ID that it was asked about.
func (b *broken) differs(r *audit.Record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, seen := b.bodies[r.ID]
	if !seen && r.Validate() == nil {
		b.bodies[r.ID] = text(*r)
	}
	return seen && body != text(*r)
}

// keep stores a valid record without a copy.
func keep(b *broken, ctx context.Context, r audit.Record) error {
	if err := errors.Join(r.Validate(), ctx.Err()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, r)
	return nil
}

// replayKept yields what keep has stored.
func replayKept(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
	b.mu.Lock()
	defer b.mu.Unlock()
	return replaySlice(ctx, slices.Clone(b.kept))
}

func replaySlice(ctx context.Context, records []audit.Record) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range records {
			if !yield(r, ctx.Err()) || ctx.Err() != nil {
				return
			}
		}
	}
}

// before returns a defect that replaces the first part of an append. It returns
// true where the rest is not to be done.
func before(step func(b *broken, ctx context.Context, r *audit.Record) (bool, error)) func(*broken) {
	return func(b *broken) {
		b.append = func(b *broken, ctx context.Context, r audit.Record) error {
			if done, err := step(b, ctx, &r); done {
				return err
			}
			return b.stored.Append(ctx, r)
		}
	}
}

// replayed returns a defect that changes or leaves out records of a replay.
func replayed(change func(n int, r *audit.Record) bool) func(*broken) {
	return func(b *broken) {
		b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
			return func(yield func(audit.Record, error) bool) {
				n := 0
				for r, err := range b.stored.Replay(ctx) {
					keep := err != nil || change(n, &r)
					n++
					if keep && !yield(r, err) {
						return
					}
				}
			}
		}
	}
}

// defect is what is wrong with a sink, and which checks see it.
type defect struct {
	name   string
	spoil  func(*broken)
	caught []string
}

func defects() []defect {
	return append(defectsOfAppend(), defectsOfReplay()...)
}

func defectsOfAppend() []defect {
	return []defect{
		{"loses a record now and then", before(func(b *broken, ctx context.Context, r *audit.Record) (bool, error) {
			return b.call()%20 == 0 && ctx.Err() == nil && r.Validate() == nil, nil
		}), []string{"keeps the order of appends", "loses nothing of concurrent appends", "replays while records are appended"}},
		{"fails when it has much to do", before(func(b *broken, _ context.Context, _ *audit.Record) (bool, error) {
			return b.call() > 500, errors.New("too many records")
		}), []string{"loses nothing of concurrent appends"}},
		{"works though the context is done", func(b *broken) {
			b.append = func(b *broken, ctx context.Context, r audit.Record) error {
				return b.stored.Append(context.WithoutCancel(ctx), r)
			}
		}, []string{"refuses a context that is done"}},
		{"stores, and says for certain that it did not", before(func(b *broken, ctx context.Context, r *audit.Record) (bool, error) {
			if ctx.Err() == nil {
				return false, nil
			}
			return true, fmt.Errorf("%w: %w", audit.ErrNotWritten, b.stored.Append(context.WithoutCancel(ctx), *r))
		}), []string{"refuses a context that is done"}},
		{"is out of order once a context was done", before(func(b *broken, ctx context.Context, _ *audit.Record) (bool, error) {
			if ctx.Err() != nil {
				b.closed = true
			}
			return false, nil
		}), []string{"refuses a context that is done"}},
		{"accepts anything", before(func(_ *broken, _ context.Context, r *audit.Record) (bool, error) {
			return r.Validate() != nil, nil
		}), []string{"refuses records that are not valid"}},
		{"refuses without saying that it is for good", before(func(_ *broken, _ context.Context, r *audit.Record) (bool, error) {
			return r.Validate() != nil, errors.New("no")
		}), []string{"refuses records that are not valid"}},
		{"mends invalid text", before(func(_ *broken, _ context.Context, r *audit.Record) (bool, error) {
			r.Reason = strings.ToValidUTF8(r.Reason, "?")
			return false, nil
		}), []string{"refuses records that are not valid"}},
		{"stores something of what it refuses", before(func(b *broken, ctx context.Context, r *audit.Record) (bool, error) {
			if r.Validate() == nil || r.ID == "" {
				return false, nil
			}
			return false, b.stored.Append(ctx, minimal(r.ID))
		}), []string{"refuses records that are not valid"}},
		{"changes the record", before(func(_ *broken, _ context.Context, r *audit.Record) (bool, error) {
			slices.Reverse(r.Reviews)
			return false, nil
		}), []string{"does not change the record", "does not keep the record's memory", "hands out records to keep", "stores records whole", "takes the same record twice"}},
		{"compacts the record's state in place", before(func(_ *broken, _ context.Context, r *audit.Record) (bool, error) {
			copy(r.State, strings.ReplaceAll(string(r.State), "[ 1 ]", "[1]  "))
			return false, nil
		}), []string{"does not change the record"}},
		{"keeps the caller's memory", func(b *broken) { b.append, b.replay = keep, replayKept },
			[]string{"does not keep the record's memory", "hands out records to keep"}},
		{"refuses a record that it has", before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
			return r.Validate() == nil && b.again(r), errors.New("already there")
		}), []string{"takes the same record twice", "keeps what is stored under an ID"}},
		{"forgets a record that comes twice", func(b *broken) {
			twice := map[string]bool{}
			before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
				if b.again(r) {
					twice[r.ID] = true
				}
				return false, nil
			})(b)
			replayed(func(_ int, r *audit.Record) bool { return !twice[r.ID] })(b)
		}, []string{"takes the same record twice"}},
		{"gives a record that comes twice another body", before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
			if r.Validate() == nil && b.again(r) {
				r.Time = r.Time.Add(1)
			}
			return false, nil
		}), []string{"takes the same record twice"}},
		{"refuses another body without saying why", before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
			return b.differs(r), audit.ErrNotWritten
		}), []string{"keeps what is stored under an ID"}},
		{"refuses another body without saying that it is for good", before(func(b *broken, _ context.Context, r *audit.Record) (bool, error) {
			return b.differs(r), audit.ErrConflict
		}), []string{"keeps what is stored under an ID"}},
		{"stores the body that it refuses", before(func(b *broken, ctx context.Context, r *audit.Record) (bool, error) {
			if !b.differs(r) {
				return false, nil
			}
			return true, errors.Join(audit.ErrConflict, audit.ErrNotWritten, b.stored.Append(ctx, *r))
		}), []string{"keeps what is stored under an ID"}},
		{"works on after Close", func(b *broken) {
			b.close = func() error { b.closed = false; return nil }
		}, []string{"refuses after Close"}},
		{"fails to close", func(b *broken) {
			b.close = func() error { return errors.New("stuck") }
		}, []string{"refuses after Close"}},
		{"panics", before(func(*broken, context.Context, *audit.Record) (bool, error) { panic("boom") }), everyCheck()},
		{"ends its goroutine", before(func(_ *broken, ctx context.Context, r *audit.Record) (bool, error) {
			return true, Exit().act(ctx, nil, *r)
		}), everyCheck()},
		{"hangs", before(func(b *broken, _ context.Context, _ *audit.Record) (bool, error) {
			<-b.release
			return true, nil
		}), everyCheck()},
		{"hangs when the context is done", before(func(b *broken, ctx context.Context, _ *audit.Record) (bool, error) {
			if ctx.Err() != nil {
				<-b.release
			}
			return false, nil
		}), []string{"refuses a context that is done"}},
	}
}

func defectsOfReplay() []defect {
	return []defect{
		{"replays backwards", func(b *broken) {
			b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
				records := b.stored.Records()
				slices.Reverse(records)
				return replaySlice(ctx, records)
			}
		}, []string{"stores records whole", "keeps the order of appends", "loses nothing of concurrent appends", "lets a reader append and stop", "replays while records are appended"}},
		{"drops a field", replayed(func(_ int, r *audit.Record) bool { r.Cause = nil; return true }),
			[]string{"stores records whole", "does not keep the record's memory", "takes the same record twice", "hands out records to keep"}},
		{"leaves out the record before the last", replayed(func(n int, _ *audit.Record) bool { return n != 38 }),
			[]string{"keeps the order of appends", "loses nothing of concurrent appends", "replays while records are appended"}},
		{"adds a record of its own", func(b *broken) {
			b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
				records := b.stored.Records()
				if len(records) > 0 {
					forged := records[len(records)-1]
					forged.ID = strings.TrimRight(forged.ID, "0123456789") + "9999"
					records = append(records, forged)
				}
				return replaySlice(ctx, records)
			}
		}, []string{"stores records whole", "keeps the order of appends", "does not keep the record's memory", "hands out records to keep", "lets a reader append and stop"}},
		{"hands out its own memory", func(b *broken) {
			b.append = func(b *broken, ctx context.Context, r audit.Record) error { return keep(b, ctx, r.Clone()) }
			b.replay = replayKept
		}, []string{"hands out records to keep"}},
		{"fails", func(b *broken) {
			b.replay = func(*broken, context.Context) iter.Seq2[audit.Record, error] {
				return func(yield func(audit.Record, error) bool) { yield(audit.Record{}, audit.ErrCorrupt) }
			}
		}, slices.DeleteFunc(everyCheck(), func(name string) bool {
			return name == "refuses after Close" || name == "fails a replay that is cut short" || name == "keeps what is stored under an ID" ||
				name == "does not change the record" || name == "refuses a context that is done"
		})},
		{"ends in silence when it is cut short", func(b *broken) {
			b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
				return func(yield func(audit.Record, error) bool) {
					for r, err := range b.stored.Replay(ctx) {
						if err != nil || !yield(r, nil) {
							return
						}
					}
				}
			}
		}, []string{"fails a replay that is cut short"}},
		{"locks out appends", func(b *broken) {
			lock := make(chan struct{}, 1)
			b.append = func(b *broken, ctx context.Context, r audit.Record) error {
				select {
				case lock <- struct{}{}:
				case <-b.release:
				}
				defer func() { <-lock }()
				return b.stored.Append(ctx, r)
			}
			b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
				return func(yield func(audit.Record, error) bool) {
					lock <- struct{}{}
					defer func() {
						select {
						case <-lock:
						default:
						}
					}()
					b.stored.Replay(ctx)(yield)
				}
			}
		}, []string{"lets a reader append and stop"}},
		{"shows what there was a while ago", func(b *broken) {
			b.replay = func(b *broken, ctx context.Context) iter.Seq2[audit.Record, error] {
				b.mu.Lock()
				defer b.mu.Unlock()
				if b.kept == nil {
					b.kept = b.stored.Records()
				}
				return replaySlice(ctx, slices.Clone(b.kept))
			}
		}, []string{"hands out records to keep", "lets a reader append and stop", "replays while records are appended"}},
	}
}

// everyCheck returns the names of the checks that a sink of these can fail.
func everyCheck() (names []string) {
	for _, c := range recordChecks() {
		if c.name != "keeps records when opened again" {
			names = append(names, c.name)
		}
	}
	return names
}

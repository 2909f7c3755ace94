//go:build unix

package benchmarks_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

const origin = "example.com/trail"

// implementation is a log with what its appends promise.
type implementation struct {
	name string
	// open begins a log in a directory that does not exist, for so many writers.
	open func(tb testing.TB, dir string, writers int) *openLog
}

// implementations are those that are measured; README.md compares what they
// promise. Those that promise no public checkpoint publish one every second.
var implementations = []implementation{
	{"tessera-integrated", func(tb testing.TB, dir string, writers int) *openLog {
		return openTessera(tb, dir, writers, time.Second, integrated)
	}},
	{"tessera-published", func(tb testing.TB, dir string, writers int) *openLog {
		return openTessera(tb, dir, writers, leastInterval, published)
	}},
	{"trail", func(tb testing.TB, dir string, _ int) *openLog {
		return openTrail(tb, trailConfig(dir))
	}},
}

// openLog is a log that is ready for records.
type openLog struct {
	dir         string
	verifierKey string
	// add returns when the record is as durable as the implementation promises.
	add func(context.Context, audit.Record) error
	// settle does what the implementation has put off and its promise covers.
	settle func(context.Context) error
	close  func() error
}

// addAll adds records from several writers, each waiting for one record before
// it takes the next, and tells took how long the n-th took.
func (l *openLog) addAll(tb testing.TB, records []audit.Record, writers int, took func(n int, d time.Duration)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= len(records) {
					return
				}
				begun := time.Now()
				if err := l.add(tb.Context(), records[n]); err != nil {
					tb.Errorf("record %d: %v", n, err)
					return
				}
				took(n, time.Since(begun))
			}
		})
	}
	group.Wait()
}

// trailConfig puts key and trusted head beside the log's directory.
func trailConfig(dir string) trail.Config {
	return trail.Config{
		Dir:         dir,
		Origin:      origin,
		KeyFile:     dir + ".key",
		TrustedHead: trail.HeadFile(dir + ".head"),
	}
}

func openTrail(tb testing.TB, c trail.Config) *openLog {
	tb.Helper()
	l, err := trail.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return &openLog{
		dir:         c.Dir,
		verifierKey: l.VerifierKey(),
		add:         l.Append,
		settle:      l.Publish,
		close:       l.Close,
	}
}

// leastInterval is the shortest time between checkpoints that Tessera accepts.
const leastInterval = 100 * time.Millisecond

// promise is what holds of an entry once Tessera has answered.
type promise int

const (
	integrated promise = iota // entry, hash tiles and the size of the tree are synced
	published                 // and so is a signed checkpoint that covers them
)

// openTessera begins a log with the options that suit so many writers best. A
// batch is what all of them have under way, so that it neither waits to be full
// nor is synced in pieces; nothing is looked up and nothing tidied.
func openTessera(tb testing.TB, dir string, writers int, interval time.Duration, until promise) *openLog {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		tb.Fatal(err)
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(interval).
		WithBatching(uint(writers), tessera.DefaultBatchMaxAge).
		WithGarbageCollectionInterval(0)

	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		tb.Fatal(err)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		tb.Fatal(err)
	}
	await := func(_ context.Context, future tessera.IndexFuture) error {
		_, err := future()
		return err
	}
	if until == published {
		awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, time.Millisecond)
		await = func(ctx context.Context, future tessera.IndexFuture) error {
			_, _, err := awaiter.Await(ctx, future)
			return err
		}
	}
	return &openLog{
		dir:         dir,
		verifierKey: public,
		add: func(ctx context.Context, r audit.Record) error {
			json, err := r.AppendJSON(make([]byte, 0, entrySize))
			if err != nil {
				return err
			}
			return await(ctx, appender.Add(ctx, tessera.NewEntry(json)))
		},
		settle: func(context.Context) error { return nil },
		close: func() error {
			defer cancel()
			return shutdown(ctx)
		},
	}
}

// logDir returns where a test may begin a log.
func logDir(tb testing.TB) string { return filepath.Join(tb.TempDir(), "log") }

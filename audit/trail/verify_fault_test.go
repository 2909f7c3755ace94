package trail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"testing/synctest"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// faultyFS asks before each of its calls, and reads as it is told to.
type faultyFS struct {
	fstest.MapFS
	before func(call, path string) error // nil: nothing
	reader func(io.Reader) io.Reader     // nil: as the file
	size   func(int64) int64             // nil: as it is
}

func (f *faultyFS) ask(call, path string) error {
	if f.before == nil {
		return nil
	}
	return f.before(call, path)
}

func (f *faultyFS) Stat(path string) (fs.FileInfo, error) {
	if err := f.ask("stat", path); err != nil {
		return nil, err
	}
	info, err := f.MapFS.Stat(path)
	if err != nil || f.size == nil {
		return info, err
	}
	return sizedInfo{info, f.size(info.Size())}, nil
}

func (f *faultyFS) Open(path string) (fs.File, error) {
	if err := f.ask("open", path); err != nil {
		return nil, err
	}
	file, err := f.MapFS.Open(path)
	if err != nil {
		return nil, err
	}
	faulty := &faultyFile{File: file, fs: f, path: path, reader: file}
	if f.reader != nil {
		faulty.reader = f.reader(file)
	}
	return faulty, nil
}

type faultyFile struct {
	fs.File
	fs     *faultyFS
	path   string
	reader io.Reader
}

func (f *faultyFile) Read(b []byte) (int, error) {
	if err := f.fs.ask("read", f.path); err != nil {
		return 0, err
	}
	return f.reader.Read(b)
}

type sizedInfo struct {
	fs.FileInfo
	size int64
}

func (i sizedInfo) Size() int64 { return i.size }

// plainFS has no other method than Open.
type plainFS struct{ files fs.FS }

func (p plainFS) Open(path string) (fs.File, error) { return p.files.Open(path) }

func smallLog(t *testing.T, size int) (signingKey, fstest.MapFS) {
	t.Helper()
	key := newKey(t)
	return key, newTree(t, shortEntries(size)).face(t, key, size)
}

func TestAReadThatFailsIsNoDamage(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 700)
	broken := errors.New("input/output error")
	faults := map[string]func() error{
		"error":        func() error { return broken },
		"permission":   func() error { return fs.ErrPermission },
		"panic":        func() error { panic(broken) },
		"out of range": func() error { return []error{}[len(files)] },
	}
	for name, fault := range faults {
		for _, call := range []string{"stat", "open", "read"} {
			t.Run(name+" at "+call, func(t *testing.T) {
				t.Parallel()
				for path := range files {
					faulty := &faultyFS{MapFS: files, before: func(at, file string) error {
						if at == call && file == path {
							return fault()
						}
						return nil
					}}
					err := verify(t, key, faulty, trail.VerifyOptions{})
					if err == nil || errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), path) {
						t.Errorf("error = %v, want one that names %s and is no damage", err, path)
					}
					if name == "error" && !errors.Is(err, broken) || name == "permission" && !errors.Is(err, fs.ErrPermission) {
						t.Errorf("error = %v, want one that wraps its cause", err)
					}
				}
			})
		}
	}
}

func TestAnOddReaderIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 700)
	readers := map[string]func(io.Reader) io.Reader{
		"one byte at a time":      iotest.OneByteReader,
		"half of what was asked":  iotest.HalfReader,
		"data together with EOF":  iotest.DataErrReader,
		"now and then nothing":    func(r io.Reader) io.Reader { return &hesitant{r: r} },
		"another size than it is": func(r io.Reader) io.Reader { return r },
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			odd := &faultyFS{MapFS: files, reader: reader}
			if name == "another size than it is" {
				odd.size = func(size int64) int64 { return size / 2 }
			}
			if err := verify(t, key, odd, trail.VerifyOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("nothing but Open", func(t *testing.T) {
		t.Parallel()
		if err := verify(t, key, plainFS{files}, trail.VerifyOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// hesitant reads nothing every second time.
type hesitant struct {
	r    io.Reader
	rest bool
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.rest = !h.rest; h.rest {
		return 0, nil
	}
	return h.r.Read(b[:min(len(b), 100)])
}

func TestAReaderThatLiesIsNotBelieved(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 300)
	readers := map[string]func(io.Reader) io.Reader{
		"more than was asked": func(io.Reader) io.Reader { return readerFunc(func(b []byte) (int, error) { return len(b) + 1, nil }) },
		"less than nothing":   func(io.Reader) io.Reader { return readerFunc(func([]byte) (int, error) { return -1, nil }) },
		"nothing for ever":    func(io.Reader) io.Reader { return readerFunc(func([]byte) (int, error) { return 0, nil }) },
		"zeros for ever":      func(io.Reader) io.Reader { return readerFunc(func(b []byte) (int, error) { return len(b), nil }) },
		"EOF at once":         func(io.Reader) io.Reader { return readerFunc(func([]byte) (int, error) { return 0, io.EOF }) },
		"an error after all":  func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(io.ErrUnexpectedEOF)) },
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := verify(t, key, &faultyFS{MapFS: files, reader: reader}, trail.VerifyOptions{}); err == nil {
				t.Error("the log was verified")
			}
		})
	}
	sizes := map[string]int64{"huge": 1 << 60, "negative": -1, "one more than a tile can have": tiles.MaxBundle + 1}
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lying := &faultyFS{MapFS: files, size: func(int64) int64 { return size }}
			wantDamage(t, verify(t, key, lying, trail.VerifyOptions{}), where{tiles.CheckpointPath, 0})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestAFileSystemThatIsNilOrReturnsNilIsNoAnswer(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for name, files := range map[string]fs.FS{
		"typed nil": (*faultyFS)(nil),
		"nil file":  openFunc(func(string) (fs.File, error) { return nil, nil }),
	} {
		if err := verify(t, key, files, trail.VerifyOptions{}); err == nil || errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("%s: error = %v, want one that is no damage", name, err)
		}
	}
}

type openFunc func(string) (fs.File, error)

func (f openFunc) Open(path string) (fs.File, error) { return f(path) }

func TestAReadThatEndsItsGoroutineIsAnError(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 700)
	for path := range files {
		for _, workers := range []int{1, 4} {
			faulty := &faultyFS{MapFS: files, before: func(call, file string) error {
				if call == "read" && file == path {
					runtime.Goexit()
				}
				return nil
			}}
			err := verify(t, key, faulty, trail.VerifyOptions{Workers: workers})
			if err == nil || errors.Is(err, audit.ErrCorrupt) {
				t.Errorf("%s: error = %v, want one that is no damage", path, err)
			}
		}
	}
}

func TestAReadThatHangsDoesNotHoldUpWhoIsDoneWaiting(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 700)
	for path := range files {
		for _, call := range []string{"stat", "open", "read"} {
			hangs := make(chan struct{})
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			var once sync.Once
			faulty := &faultyFS{MapFS: files, before: func(at, file string) error {
				if at == call && file == path {
					once.Do(func() { close(hangs) })
					<-release
				}
				return nil
			}}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-hangs
				cancel()
			}()
			_, err := trail.Verify(ctx, faulty, key.verifier, trail.VerifyOptions{})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s of %s: error = %v, want context.Canceled", call, path, err)
			}
		}
	}
}

// In the bubble a goroutine that is left behind is a failure. The context of a
// test is done when the test is, and would let it go.
func TestNoGoroutineIsLeftBehind(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 20_000)
	t.Run("after damage", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			damaged := with(files, "tile/entries/001", nil)
			_, err := trail.Verify(context.Background(), damaged, key.verifier, trail.VerifyOptions{Workers: 2})
			wantDamage(t, err, where{"tile/entries/001", 256})
		})
	})
	t.Run("when the context is done", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			_, err := trail.Verify(ctx, files, key.verifier, trail.VerifyOptions{
				Workers:  2,
				Progress: func(uint64, uint64) { cancel() },
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v, want context.Canceled", err)
			}
		})
	})
	t.Run("when Progress panics", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			o := trail.VerifyOptions{Progress: func(uint64, uint64) { panic("no progress") }}
			_, _ = trail.Verify(context.Background(), files, key.verifier, o)
		})
	})
}

func TestOnlyAsManyFilesAreOpenAsThereAreWorkers(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 5000)
	const workers = 2
	var open, most atomic.Int64
	counting := openFunc(func(path string) (fs.File, error) {
		file, err := files.Open(path)
		if err != nil {
			return nil, err
		}
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		return &countedFile{file, &open}, nil
	})
	if err := verify(t, key, counting, trail.VerifyOptions{Workers: workers}); err != nil {
		t.Fatal(err)
	}
	if open.Load() != 0 {
		t.Errorf("%d files were left open", open.Load())
	}
	if most.Load() > workers+1 { // and one tile above
		t.Errorf("%d files were open at once", most.Load())
	}
}

type countedFile struct {
	fs.File
	open *atomic.Int64
}

func (f *countedFile) Close() error {
	f.open.Add(-1)
	return f.File.Close()
}

func TestASlowBundleLetsOnlyAFewBeReadAhead(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 20_000)
	synctest.Test(t, func(t *testing.T) {
		var bundles atomic.Int64
		release := make(chan struct{})
		slow := &faultyFS{MapFS: files, before: func(call, path string) error {
			if call == "open" && strings.HasPrefix(path, "tile/entries/") {
				bundles.Add(1)
			}
			if path == "tile/entries/000" {
				<-release
			}
			return nil
		}}
		done := make(chan error)
		go func() {
			_, err := trail.Verify(t.Context(), slow, key.verifier, trail.VerifyOptions{Workers: 2})
			done <- err
		}()
		synctest.Wait()
		if n := bundles.Load(); n == 0 || n > 5 { // three for each worker, with the slow one
			t.Errorf("%d bundles were read ahead, want 1 to 5", n)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A log that goes on while it is verified is verified as it was.
func TestALogCanGrowWhileItIsVerified(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	log := newTree(t, shortEntries(1100))
	before, after := log.face(t, key, 700), log.face(t, key, 1100)
	var mu sync.Mutex
	now := before
	growing := openFunc(func(path string) (fs.File, error) {
		mu.Lock()
		defer mu.Unlock()
		if path != tiles.CheckpointPath && now[tiles.CheckpointPath] == before[tiles.CheckpointPath] {
			now = after // 002 is full now, 001 of level 1 was replaced by a wider one
			now["tile/1/000.p/2"] = before["tile/1/000.p/2"]
		}
		return now.Open(path)
	})
	found, err := trail.Verify(t.Context(), growing, key.verifier, trail.VerifyOptions{})
	if err != nil || found.Checkpoint.Size != 700 {
		t.Errorf("Verify = size %d, %v, want 700", found.Checkpoint.Size, err)
	}
	if !bytes.Equal(found.Signed, before[tiles.CheckpointPath].Data) {
		t.Error("Signed is not the checkpoint that was verified")
	}
}

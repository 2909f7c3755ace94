package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

func verify(t *testing.T, key signingKey, files fs.FS, o trail.VerifyOptions) error {
	t.Helper()
	found, err := trail.Verify(t.Context(), files, key.verifier, o)
	if err != nil && (found.Signed != nil || found.Checkpoint != proof.Checkpoint{}) {
		t.Errorf("Verify = %+v beside the error %v", found, err)
	}
	return err
}

// where is what a DamageError names.
type where struct {
	File  string
	Index uint64
}

// wantDamage fails unless err is the damage at a place.
func wantDamage(t *testing.T, err error, want where) {
	t.Helper()
	var damage *trail.DamageError
	if !errors.As(err, &damage) || !errors.Is(err, audit.ErrCorrupt) {
		t.Errorf("error = %v, want a DamageError at %v", err, want)
		return
	}
	if diff := cmp.Diff(want, where{damage.File, damage.Index}); diff != "" {
		t.Errorf("%v\nplace (-want +got):\n%s", err, diff)
	}
}

func TestALogOfAnySizeIsVerified(t *testing.T) {
	t.Parallel()
	sizes := []int{0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 65_535, 65_536, 65_537}
	key := newKey(t)
	log := newTree(t, shortEntries(slices.Max(sizes)))
	for _, size := range sizes {
		files := log.face(t, key, size)
		for _, workers := range []int{0, 1, 3, 1 << 30} {
			if workers > 0 && size > 1000 {
				continue // nothing new, and not quick
			}
			var seen []uint64
			found, err := trail.Verify(t.Context(), files, key.verifier, trail.VerifyOptions{
				Workers: workers,
				Progress: func(done, total uint64) {
					if total != uint64(size) {
						t.Errorf("size %d: progress of %d entries", size, total)
					}
					seen = append(seen, done)
				},
			})
			if err != nil {
				t.Errorf("size %d, %d workers: %v", size, workers, err)
				continue
			}
			if diff := cmp.Diff(log.checkpoint(t, key, size), found.Signed); diff != "" {
				t.Errorf("size %d: signed checkpoint (-want +got):\n%s", size, diff)
			}
			if text := found.Checkpoint.String(); !strings.HasPrefix(string(found.Signed), text+"\n") {
				t.Errorf("size %d: Checkpoint = %q, want the text of %q", size, text, found.Signed)
			}
			if diff := cmp.Diff(progressOf(uint64(size)), seen); diff != "" {
				t.Errorf("size %d, %d workers: progress (-want +got):\n%s", size, workers, diff)
			}
		}
	}
}

// progressOf is one call for each bundle.
func progressOf(size uint64) (done []uint64) {
	for at := uint64(0); at < size; {
		at = min(at+tiles.Width, size)
		done = append(done, at)
	}
	return done
}

func TestALogGrowsFromEachOfItsFormerHeads(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	log := newTree(t, shortEntries(65_800))
	tests := map[int][]int{
		1:      {0, 1},
		2:      {0, 1, 2},
		257:    {0, 1, 128, 255, 256, 257},
		700:    {0, 1, 2, 255, 256, 257, 511, 512, 513, 699, 700},
		65_800: {300, 65_535, 65_536, 65_537, 65_800},
	}
	for size, heads := range tests {
		files := log.face(t, key, size)
		for _, then := range heads {
			if err := verify(t, key, files, trail.VerifyOptions{Head: log.checkpoint(t, key, then)}); err != nil {
				t.Errorf("size %d, head %d: %v", size, then, err)
			}
		}
	}
}

func TestTheHeadShowsWhatOtherwiseVerifies(t *testing.T) {
	t.Parallel()
	const size = 700
	key := newKey(t)
	log := newTree(t, shortEntries(size))
	changed := shortEntries(size)
	changed[300] = []byte(`{"n":"three hundred"}`)
	rewritten := newTree(t, changed)
	changed = shortEntries(size)
	changed[99] = []byte(`{"n":"ninety-nine"}`)
	early := newTree(t, changed)
	tests := map[string]struct {
		files fs.FS
		head  []byte
		want  error
		where where
	}{
		"an entry rewritten and signed again": {
			rewritten.face(t, key, size), log.checkpoint(t, key, size), trail.ErrRewritten, where{"checkpoint", 0},
		},
		"an entry rewritten that a former head covers": {
			rewritten.face(t, key, size), log.checkpoint(t, key, 301), trail.ErrRewritten, where{"checkpoint", 0},
		},
		"an entry rewritten, and the head at the edge of a tile": {
			rewritten.face(t, key, size), log.checkpoint(t, key, 512), trail.ErrRewritten, where{"checkpoint", 0},
		},
		"an entry rewritten that an early head covers": {
			early.face(t, key, size), log.checkpoint(t, key, 100), trail.ErrRewritten, where{"checkpoint", 0},
		},
		"an entry rewritten that the head does not cover": {
			rewritten.face(t, key, size), log.checkpoint(t, key, 300), nil, where{},
		},
		"the tail cut and sealed again": {
			log.face(t, key, size-1), log.checkpoint(t, key, size), trail.ErrRolledBack, where{"checkpoint", size - 1},
		},
		"an older copy": {
			log.face(t, key, 256), log.checkpoint(t, key, size), trail.ErrRolledBack, where{"checkpoint", 256},
		},
		"begun anew": {
			log.face(t, key, 0), log.checkpoint(t, key, size), trail.ErrRolledBack, where{"checkpoint", 0},
		},
		"the newest copy": {
			log.face(t, key, size), log.checkpoint(t, key, size), nil, where{},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := verify(t, key, tt.files, trail.VerifyOptions{}); err != nil {
				t.Fatalf("without a head: %v, but nothing can be seen then", err)
			}
			err := verify(t, key, tt.files, trail.VerifyOptions{Head: tt.head})
			if !errors.Is(err, tt.want) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				wantDamage(t, err, tt.where)
			}
		})
	}
}

func TestASignatureHasOneForm(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	key, files := smallLog(t, 1)
	signed := files[tiles.CheckpointPath].Data
	last := bytes.LastIndexByte(signed, '=') - 1 // stands for two bits less than it has
	value := strings.IndexByte(alphabet, signed[last])
	for _, more := range []int{1, 2, 3} {
		other := bytes.Clone(signed)
		other[last] = alphabet[value+more]
		err := verify(t, key, with(files, tiles.CheckpointPath, other), trail.VerifyOptions{})
		wantDamage(t, err, where{tiles.CheckpointPath, 0})
	}
}

func TestEachFlippedBitOfTheCheckpointIsFound(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 1)
	signed := files[tiles.CheckpointPath].Data
	for at := range signed {
		for bit := range 8 {
			flipped := bytes.Clone(signed)
			flipped[at] ^= 1 << bit
			err := verify(t, key, with(files, tiles.CheckpointPath, flipped), trail.VerifyOptions{Workers: 1})
			wantDamage(t, err, where{tiles.CheckpointPath, 0})
		}
	}
}

func TestARewrittenLogThatIsDamagedTooIsCalledRewritten(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 300)
	_, others := smallLog(t, 299)
	changed := shortEntries(300)
	changed[5] = []byte(`{"n":"five"}`)
	head := newTree(t, changed).checkpoint(t, key, 300)
	damaged := with(files, "tile/0/000", others["tile/0/001.p/43"].Data)
	err := verify(t, key, damaged, trail.VerifyOptions{Head: head})
	if !errors.Is(err, trail.ErrRewritten) {
		t.Errorf("error = %v, want ErrRewritten", err)
	}
}

func TestAHeadThatProvesNothingIsNoDamage(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	log := newTree(t, shortEntries(10))
	files := log.face(t, key, 10)
	heads := map[string][]byte{
		"empty":             {},
		"no checkpoint":     []byte("hello\n"),
		"of another key":    log.checkpoint(t, other, 10),
		"with another text": append([]byte("x"), log.checkpoint(t, key, 10)...),
	}
	for name, head := range heads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := verify(t, key, files, trail.VerifyOptions{Head: head})
			if err == nil || errors.Is(err, audit.ErrCorrupt) {
				t.Errorf("error = %v, want one that does not wrap ErrCorrupt", err)
			}
		})
	}
}

func TestNothingIsVerifiedWithoutMeans(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, shortEntries(1)).face(t, key, 1)
	tests := map[string]struct {
		files fs.FS
		v     *proof.Verifier
		o     trail.VerifyOptions
	}{
		"no file system":       {nil, key.verifier, trail.VerifyOptions{}},
		"no verifier":          {files, nil, trail.VerifyOptions{}},
		"verifier without key": {files, &proof.Verifier{}, trail.VerifyOptions{}},
		"another key":          {files, newKey(t).verifier, trail.VerifyOptions{}},
		"negative workers":     {files, key.verifier, trail.VerifyOptions{Workers: -1}},
	}
	unable := []string{"no file system", "no verifier", "negative workers"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := trail.Verify(t.Context(), tt.files, tt.v, tt.o)
			if err == nil {
				t.Errorf("Verify = %+v, want an error", found)
			}
			if errors.Is(err, audit.ErrCorrupt) && slices.Contains(unable, name) {
				t.Errorf("error = %v, want one that says nothing about the log", err)
			}
		})
	}
}

func TestVerifyingStopsWhenTheContextIsDone(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, shortEntries(2000)).face(t, key, 2000)

	t.Run("before it begins", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(fmt.Errorf("the other log: %w", &trail.DamageError{File: "checkpoint"}))
		_, err := trail.Verify(ctx, files, key.verifier, trail.VerifyOptions{
			Progress: func(uint64, uint64) { t.Error("Progress was called") },
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), "the other log") {
			t.Errorf("error = %v, want context.Canceled that shows its cause and does not wrap it", err)
		}
	})
	t.Run("on the way", func(t *testing.T) {
		t.Parallel()
		for range 20 { // a race that must not be lost
			ctx, cancel := context.WithCancel(t.Context())
			calls := 0
			_, err := trail.Verify(ctx, files, key.verifier, trail.VerifyOptions{
				Progress: func(uint64, uint64) { calls++; cancel() },
			})
			if !errors.Is(err, context.Canceled) || calls != 1 {
				t.Errorf("error = %v after %d calls of Progress, want context.Canceled after 1", err, calls)
			}
		}
	})
}

//go:build unix

package benchmarks_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// verification verifies all that is public of a log, with so many workers, and
// returns how many entries it has.
type verification struct {
	name   string
	verify func(ctx context.Context, l *openLog, workers int) (uint64, error)
}

var verifications = []verification{
	{"tessera-fsck", verifyWithFsck},
	{"trail", verifyWithTrail},
}

func verifyWithTrail(ctx context.Context, l *openLog, workers int) (uint64, error) {
	v, err := proof.NewVerifier(l.verifierKey)
	if err != nil {
		return 0, err
	}
	found, err := trail.Verify(ctx, os.DirFS(l.dir), v, trail.VerifyOptions{Workers: workers})
	return found.Checkpoint.Size, err
}

func verifyWithFsck(ctx context.Context, l *openLog, workers int) (uint64, error) {
	v, err := note.NewVerifier(l.verifierKey)
	if err != nil {
		return 0, err
	}
	files := client.FileFetcher{Root: l.dir}
	hashLeaves := tessera.NewMigrationOptions().LeafHasher() // that of C2SP tlog-tiles
	if err := fsck.New(origin, v, files, hashLeaves, fsck.Opts{N: uint(workers)}).Check(ctx); err != nil {
		return 0, err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, files.ReadCheckpoint, v, origin)
	if err != nil {
		return 0, err
	}
	return checkpoint.Size, nil
}

// BenchmarkVerify verifies the same log of 600-byte records, which is in the
// page cache, and reports how many records it gets through in a second.
func BenchmarkVerify(b *testing.B) {
	const size = 3*65_536 + 4_321 // tiles of three levels, at the edge partial ones
	l := openTrail(b, trailConfig(logDir(b)))
	records := make([]audit.Record, size)
	for n := range records {
		records[n] = sized(n)
	}
	l.addAll(b, records, 1024, func(int, time.Duration) {})
	if err := l.close(); err != nil {
		b.Fatal(err)
	}
	for _, v := range verifications {
		for _, workers := range []int{1, 2, 8} {
			b.Run(fmt.Sprintf("impl=%s/workers=%d", v.name, workers), func(b *testing.B) {
				for b.Loop() {
					if got, err := v.verify(b.Context(), l, workers); err != nil || got != size {
						b.Fatalf("verified %d entries, want %d: %v", got, size, err)
					}
				}
				b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

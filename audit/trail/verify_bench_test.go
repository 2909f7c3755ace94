package trail_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/elevenminutes/interlock/audit/trail"
)

// BenchmarkVerify verifies a log of 600-byte records in a directory that is in
// the page cache.
func BenchmarkVerify(b *testing.B) {
	const records = 131_072 + 300
	entries := make([][]byte, records)
	for i := range entries {
		entries[i] = fmt.Appendf(nil, `{"n":%d,"x":"`, i)
		entries[i] = append(entries[i], bytes.Repeat([]byte("x"), 598-len(entries[i]))...)
		entries[i] = append(entries[i], '"', '}')
	}
	key, dir := newKey(b), b.TempDir()
	head := writePublicFace(b, dir, key, entries)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := trail.Verify(b.Context(), os.DirFS(dir), key.verifier, trail.VerifyOptions{Workers: workers, Head: head})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
		})
	}
}

package relay_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/relay"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// BenchmarkRelay moves records from a database to a trail. The floor appends the
// same records to a trail of its own, one after the other.
func BenchmarkRelay(b *testing.B) {
	openTrail := func(b *testing.B) *trail.Log {
		dir := b.TempDir()
		log, err := trail.Open(b.Context(), trail.Config{
			Dir: filepath.Join(dir, "log"), Origin: "example.com/moderation", KeyFile: filepath.Join(dir, "key"),
			TrustedHead: trail.HeadFile(filepath.Join(dir, "head")),
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { log.Close() })
		return log
	}
	b.Run("impl=append", func(b *testing.B) {
		log := openTrail(b)
		for n := 1; b.Loop(); n++ {
			if err := log.Append(b.Context(), record(n)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("impl=relay", func(b *testing.B) {
		pool := server.Pool(b)
		if err := postgres.Migrate(b.Context(), pool, postgres.DefaultSchema); err != nil {
			b.Fatal(err)
		}
		must(commit(b.Context(), pool, 0, nil, b.N))
		all := newKeeper(b.N)
		sink := must(audit.All(openTrail(b), all))
		r := must(relay.New(relay.Config{Pool: pool, Sink: sink, Poll: time.Millisecond, Failed: func(err error) { b.Error(err) }}))
		ctx, stop := context.WithCancel(b.Context())
		defer stop()
		b.ResetTimer()
		go r.Run(ctx)
		<-all.enough
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

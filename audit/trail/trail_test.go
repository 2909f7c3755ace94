package trail_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// place is where a test keeps a log, its key and its trusted head.
type place struct{ base string }

func newPlace(tb testing.TB) place { return place{tb.TempDir()} }

func (p place) dir() string { return filepath.Join(p.base, "trail") }

func (p place) config() trail.Config {
	return trail.Config{
		Dir:         p.dir(),
		Origin:      "example.com/trail",
		KeyFile:     filepath.Join(p.base, "key"),
		TrustedHead: trail.HeadFile(filepath.Join(p.base, "head")),
		Room:        trail.MinRoom,
	}
}

func (p place) open(tb testing.TB) *trail.Log {
	tb.Helper()
	l, err := trail.Open(context.Background(), p.config())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

func reopen(tb testing.TB, p place, l *trail.Log) *trail.Log {
	tb.Helper()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return p.open(tb)
}

func TestALogIsASink(t *testing.T) {
	t.Parallel()
	places := map[audit.Sink]place{}
	audittest.TestSink(t, func(t *testing.T) audit.Sink {
		return newPlace(t).open(t)
	})
	_ = places
}

func TestAReceiptIsProved(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.open(t)
	r := audittest.Record("r1")
	receipt, err := l.Add(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.ProveInclusion(t.Context(), receipt.Index)
	if err != nil {
		t.Fatal(err)
	}
	v, err := proof.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	json, _ := r.MarshalJSON()
	if in, err := v.Record(json, text); err != nil || in.Index != receipt.Index {
		t.Fatal(in, err)
	}
	again, err := l.Add(t.Context(), r)
	if err != nil || again.Index != receipt.Index || string(again.Checkpoint) != string(receipt.Checkpoint) {
		t.Fatal(again, err)
	}
	l = reopen(t, p, l)
	again, err = l.Add(t.Context(), r)
	if err != nil || again.Index != receipt.Index || string(again.Checkpoint) != string(receipt.Checkpoint) {
		t.Fatal(again, err)
	}
}

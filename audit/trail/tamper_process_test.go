package trail_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// childBase tells a process of this test binary where to open a log.
const childBase = "TRAIL_TEST_CHILD_BASE"

// TestAsAChildThatHoldsALogOpen is what the child runs; it does nothing else.
func TestAsAChildThatHoldsALogOpen(t *testing.T) {
	base := os.Getenv(childBase)
	if base == "" {
		return
	}
	l := place{base}.open(t)
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// holdOpen starts a child that has a log open, with one record. kill ends it.
func holdOpen(t *testing.T, p place) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAsAChildThatHoldsALogOpen$")
	cmd.Env = append(os.Environ(), childBase+"="+p.base)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = in.Close()
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "open" {
			return kill
		}
		t.Log(lines.Text())
	}
	t.Fatal("the child ended by itself")
	return nil
}

func TestALogIsOpenInOneProcessOnly(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	kill := holdOpen(t, p)
	for range 2 {
		if l, err := trail.Open(t.Context(), p.config()); l != nil || !errors.Is(err, audit.ErrLocked) {
			t.Fatalf("beside another process: %v, %v, want ErrLocked", l, err)
		}
	}
	kill()
	l := p.open(t)
	receipt, err := l.Add(t.Context(), brief(0))
	if err != nil || receipt.Index != 0 || l.Size() != 1 {
		t.Errorf("after the other process: %v, %v, size %d", receipt, err, l.Size())
	}
}

func TestALogIsOpenOnceInAProcess(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.open(t)
	if second, err := trail.Open(t.Context(), p.config()); second != nil || !errors.Is(err, audit.ErrLocked) {
		t.Fatalf("beside an open one: %v, %v, want ErrLocked", second, err)
	}
	if err := l.Append(t.Context(), brief(0)); err != nil {
		t.Errorf("the first: %v", err)
	}
	reopen(t, p, l)
}

func TestALogWhoseLockWasRemovedIsStillOpenOnceOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		remove []string // the write-ahead files are the locks
		want   error    // of the second
	}{
		"the first file": {[]string{"wal-0"}, audit.ErrLocked},
		"the second":     {[]string{"wal-1"}, audit.ErrLocked},
		"both":           {[]string{"wal-0", "wal-1"}, trail.ErrRolledBack},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			l := p.openQuiet(t, trail.MinRoom)
			w := newTruth(t, l)
			w.add(t, l, briefs(0, 2)...)
			for _, name := range tt.remove {
				if err := os.Remove(filepath.Join(p.dir(), "log", name)); err != nil {
					t.Fatal(err)
				}
			}
			if second, err := trail.Open(t.Context(), p.config()); second != nil || !errors.Is(err, tt.want) {
				t.Errorf("the second: %v, %v, want %v", second, err, tt.want)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			wantTruthOrRefusal(t, p, w, false) // it was published at the end
		})
	}
}

func TestALogThatWasRefusedIsNotLeftLocked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	reopen(t, p, p.open(t)).Close()
	c := p.config()
	c.Origin = "example.com/other"
	if _, err := trail.Open(t.Context(), c); err == nil || errors.Is(err, audit.ErrLocked) {
		t.Fatalf("another origin: %v", err)
	}
	p.open(t)
}

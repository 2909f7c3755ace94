//go:build linux || darwin

package trail_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// limitedBase tells a process of this test binary where to fill a log.
const limitedBase = "TRAIL_TEST_LIMITED_BASE"

// TestAsAChildWhoseFilesMustNotGrow is what the child runs; it does nothing
// else. The write-ahead files fit the limit, a bundle soon does not.
func TestAsAChildWhoseFilesMustNotGrow(t *testing.T) {
	base := os.Getenv(limitedBase)
	if base == "" {
		return
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	before := limit.Cur
	limit.Cur = trail.MinRoom + 1000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	p := place{base}
	l := p.open(t)
	intents, accepted, refused := fillUp(t, l)
	for _, event := range []audit.Event{audit.EventRequested, audit.EventIntent, audit.EventOutcome} {
		r := step(event, "ticket-undo", 3000)
		r.Step = "undo"
		if err := l.Append(t.Context(), r); err != nil {
			t.Errorf("undo: %s: %v", event, err)
		}
	}
	for _, ticket := range intents {
		if err := l.Append(t.Context(), step(audit.EventOutcome, ticket, 6000)); err != nil {
			t.Errorf("outcome: %v", err)
		}
	}
	if err := l.Publish(t.Context()); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Publish = %v, want EFBIG", err)
	}
	if err := l.Close(); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Close = %v, want EFBIG", err)
	}
	if _, err := trail.Open(t.Context(), p.config()); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Open = %v, want EFBIG", err)
	}

	limit.Cur = before
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	l = p.open(t)
	wantStored(t, l, len(accepted)+3+len(intents))
	for _, id := range refused {
		ticket, event, _ := strings.Cut(id, " ")
		if err := l.Append(t.Context(), step(audit.Event(event), ticket, 3000)); err != nil {
			t.Errorf("%s with space: %v", id, err)
		}
	}
	w := newTruth(t, l)
	w.add(t, l, brief(1))
	closeLog(t, l)
	_, err := trail.Verify(t.Context(), os.DirFS(p.dir()), w.verifier, trail.VerifyOptions{Head: w.newest})
	if err != nil {
		t.Error(err)
	}
	fmt.Println("all was tried")
}

func wantStored(t *testing.T, l *trail.Log, want int) {
	t.Helper()
	have := 0
	for _, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		have++
	}
	if have != want {
		t.Errorf("%d records are stored, want %d", have, want)
	}
}

func TestAFileSizeLimitRefusesIntentsAndStrandsNone(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAsAChildWhoseFilesMustNotGrow$")
	cmd.Env = append(os.Environ(), limitedBase+"="+newPlace(t).base)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("all was tried")) {
		t.Errorf("the child: %v\n%s", err, out)
	}
}

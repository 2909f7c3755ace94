//go:build unix

package trail

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

const (
	// writerBase tells a process of this test binary where to write to a log.
	writerBase = "TRAIL_TEST_WRITER_BASE"
	// writerTellsAll tells it to print what it does with the disk.
	writerTellsAll = "TRAIL_TEST_WRITER_TELLS_ALL"
)

// TestAsAChildThatWritesUntilItIsKilled is what the child runs: it appends
// records from several goroutines and prints each one's receipt. It does nothing
// in a process that is no child.
func TestAsAChildThatWritesUntilItIsKilled(t *testing.T) {
	base := os.Getenv(writerBase)
	if base == "" {
		return
	}
	files := disk.FS(disk.OS{})
	if os.Getenv(writerTellsAll) != "" {
		files = &disktest.Faulty{During: func(op, _ string) { fmt.Println("does", op) }}
	}
	c := site{base: base, room: siteRoom}.config(files)
	c.PublishEvery = 20 * time.Millisecond
	l, err := open(context.Background(), files, c)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 5)
	var group sync.WaitGroup
	for w := range errs {
		group.Go(func() {
			for i := 0; errs[w] == nil; i++ {
				errs[w] = appendAndTell(l, fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i))
			}
		})
	}
	group.Wait()
	t.Error(errors.Join(errs...))
}

// appendAndTell appends a record and prints its receipt in one write, which a
// pipe takes whole or not at all.
func appendAndTell(l *Log, id string) error {
	receipt, err := l.Add(context.Background(), childsRecord(id))
	if err != nil {
		return err
	}
	_, err = fmt.Printf("told %s %d %s\n", id, receipt.Index, base64.StdEncoding.EncodeToString(receipt.Checkpoint))
	return err
}

// childsRecord is the record that a child appends under an ID.
func childsRecord(id string) audit.Record {
	var process, writer, i int
	if _, err := fmt.Sscanf(id, "%d-%d-%d", &process, &writer, &i); err != nil {
		panic(err)
	}
	if i%30 == 7 {
		return plainRecord(id, 66_000) // in parts
	}
	return plainRecord(id, i*writer*37%1500)
}

// runChild starts a child, kills it when a line begins so for the n-th time, and
// notes what it has acknowledged by then.
func (b *ledger) runChild(s site, line string, n int) {
	b.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAsAChildThatWritesUntilItIsKilled$")
	cmd.Env = append(os.Environ(), writerBase+"="+s.base)
	if line == "does" {
		cmd.Env = append(cmd.Env, writerTellsAll+"=yes")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		b.t.Fatal(err)
	}
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.HasPrefix(lines.Text(), line) {
			if n--; n == 0 {
				_ = cmd.Process.Kill()
			}
		}
	}
	if err := cmd.Wait(); err == nil || n > 0 {
		b.t.Fatalf("the child ended by itself: %v\n%s", err, strings.Join(said, "\n"))
	}
	for _, line := range said {
		if receipt, isOne := strings.CutPrefix(line, "told "); isOne {
			b.note(receipt)
		}
	}
}

// note takes the receipt that a child has printed.
func (b *ledger) note(line string) {
	b.t.Helper()
	var id, encoded string
	var receipt Receipt
	_, err := fmt.Sscan(line, &id, &receipt.Index, &encoded)
	if err == nil {
		receipt.Checkpoint, err = base64.StdEncoding.DecodeString(encoded)
	}
	if _, twice := b.told[id]; err != nil || twice {
		b.t.Fatalf("the child has said %q: %v", line, err)
	}
	b.told[id] = receipt
}

// TestNoAcknowledgedRecordIsLostWhenTheProcessIsKilled kills a process that
// writes, reads and publishes, again and again, also while it opens what the one
// before it has left.
func TestNoAcknowledgedRecordIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	s, b := newSite(t), newLedger(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 7))
	for round := range 16 {
		if round%2 == 0 {
			b.runChild(s, "told", 1+rng.IntN(100))
			continue // the next one finds what this one has left
		}
		b.runChild(s, "does", 1+rng.IntN(200))
		l := s.mustOpen(t, disk.OS{})
		if err := errors.Join(b.checkOrder(l), b.check(s, l), l.Close()); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
	}
	if len(b.told) < 50 {
		t.Errorf("only %d records were acknowledged", len(b.told))
	}
}

// checkOrder wants the records of each writer without gaps and in their order,
// and takes those that nobody was told of for tried.
func (b *ledger) checkOrder(l *Log) error {
	next := map[string]int{}
	for e, err := range l.Records(context.Background(), Query{}) {
		if err != nil {
			return err
		}
		id := e.Record.ID
		cut := strings.LastIndexByte(id, '-')
		writer := id[:cut]
		if want := fmt.Sprint(writer, "-", next[writer]); id != want {
			return fmt.Errorf("entry %d holds record %s instead of %s", e.Index, id, want)
		}
		next[writer]++
		b.tried[id] = childsRecord(id)
	}
	return nil
}

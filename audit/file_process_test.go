package audit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit"
)

// childPath tells a process of this test binary to be a writer, and where to.
const childPath = "AUDIT_TEST_CHILD_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := writeUntilKilled(path, os.Getpid()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// writeUntilKilled appends records from several goroutines and prints the ID of
// each that was acknowledged.
func writeUntilKilled(path string, process int) error {
	f, err := audit.OpenFile(path)
	if err != nil {
		return err
	}
	fmt.Println("open")
	errs := make([]error, 8)
	var group sync.WaitGroup
	for w := range errs {
		group.Go(func() {
			for i := 0; errs[w] == nil; i++ {
				r := minimalRecord(fmt.Sprintf("%d-%d-%d", process, w, i))
				r.Reason = strings.Repeat("x", i%700)
				if errs[w] = f.Append(context.Background(), r); errs[w] == nil {
					fmt.Println(r.ID)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// child is a process that writes until it is killed.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *bufio.Scanner
}

func startChild(t *testing.T, path string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, output: bufio.NewScanner(output)}
	if !c.output.Scan() || c.output.Text() != "open" {
		t.Fatalf("the child said %q", c.output.Text())
	}
	return c
}

// killAfter kills the process once it has acknowledged n records, and returns
// all that it had acknowledged by then.
func (c *child) killAfter(n int) (acknowledged []string) {
	c.t.Helper()
	for c.output.Scan() {
		acknowledged = append(acknowledged, c.output.Text())
		if len(acknowledged) == n {
			if err := c.cmd.Process.Kill(); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	if err := c.cmd.Wait(); err == nil || len(acknowledged) < n {
		c.t.Fatalf("the child ended by itself after %d records: %v", len(acknowledged), err)
	}
	return acknowledged
}

func TestNoAcknowledgedRecordIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	acknowledged := map[string]bool{}
	for round := range 12 {
		for _, id := range startChild(t, path).killAfter(1 + round*17) {
			acknowledged[id] = true
		}
		f, err := audit.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := replayIDs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string]bool{}
		for _, id := range ids {
			if stored[id] {
				t.Errorf("round %d: record %s is stored twice", round, id)
			}
			stored[id] = true
		}
		for id := range acknowledged {
			if !stored[id] {
				t.Errorf("round %d: record %s was acknowledged and is not there", round, id)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileIsOpenInOneProcessOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	c := startChild(t, path)
	if f, err := audit.OpenFile(path); f != nil || !errors.Is(err, audit.ErrLocked) {
		t.Errorf("beside another process: %v, %v", f, err)
	}
	c.killAfter(1)
	appendIDs(t, openFile(t, path), "mine")
}

package moderation_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"
)

// vbKill runs one test of this binary in a process of its own, and kills that when
// it has printed so many exclamation marks. It reports whether the process ended
// by itself before, without a complaint.
func vbKill(t *testing.T, test string, steps int, environment ...string) (ended bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, "-test.run=^"+test+"$")
	child.Env = append(os.Environ(), environment...)
	var complaints bytes.Buffer
	child.Stderr = &complaints
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	tells := bufio.NewReader(io.TeeReader(out, &said))
	for n := 0; n < steps; {
		b, err := tells.ReadByte()
		if err != nil {
			if err := child.Wait(); err != nil {
				t.Fatalf("the process ended by itself: %v\n%s%s", err, said.Bytes(), complaints.Bytes())
			}
			return true
		}
		if b == '!' {
			n++
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	return false
}

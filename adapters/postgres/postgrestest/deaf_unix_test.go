//go:build unix

package postgrestest_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestAServerStopsForAProcessThatIsDeafToInterrupts: a shell starts what runs in
// the background without SIGINT and SIGQUIT, for all who descend from it.
func TestAServerStopsForAProcessThatIsDeafToInterrupts(t *testing.T) {
	t.Parallel()
	c := exec.CommandContext(t.Context(), "sh", "-c", `trap '' INT QUIT; exec "$@"`, "sh",
		os.Args[0], "-test.run", "^TestAServerKeepsWhatWasCommitted")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

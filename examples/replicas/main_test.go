package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's own program be a replica, as the real one is.
func TestMain(m *testing.M) {
	if os.Getenv("REPLICAS_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestNothingIsLostOrDoneTwiceWhenAReplicaIsKilled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := show(t.Context(), options{load: 4 * time.Second, workers: 8, dir: t.TempDir()}, &out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"handler calls by replica-2", "verifies: ", "  yes  no handler was started twice for a ticket"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "unexpected answer") {
		t.Error("an answer was not as expected")
	}
}

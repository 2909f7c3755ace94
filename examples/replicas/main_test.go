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

// TestNothingIsLostOrDoneTwice: whatever happens to one of three replicas or to
// the database under load, every claim about the whole holds afterwards.
func TestNothingIsLostOrDoneTwice(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fault{
		"a replica is killed":                    kill,
		"a replica is stopped past every lease":  freeze(20 * time.Second),
		"the database crashes":                   crash,
		"the policy is changed under load":       amend(6),
		"a replica is cut off from the database": cut(30 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := show(t.Context(), options{load: 6 * time.Second, workers: 4, dir: t.TempDir(), fault: fault}, &out)
			t.Log(out.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"handler calls by replica-2", "verifies: ", "  yes  no handler was started twice for a ticket"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q", want)
				}
			}
		})
	}
}

//go:build unix

package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	commandsInReadme = regexp.MustCompile("(?s)```sh\n(go run .*?)```\n")
	changeInReadme   = regexp.MustCompile("(?s)```text\n(The audit trail .*?)```\n")
)

// The commands of the README are run as they stand there, with another folder,
// and must have the outcome that it shows.
func TestTheReadmeShowsWhatAChangedByteDoes(t *testing.T) {
	t.Parallel()
	commands, shown := commandsInReadme.FindStringSubmatch(readme(t)), changeInReadme.FindStringSubmatch(readme(t))
	if commands == nil || shown == nil {
		t.Fatal("the README lacks the commands, or what they print")
	}
	const inReadme = "/tmp/elevenminutes"
	folder := t.TempDir()
	var last outcome
	for _, line := range strings.Split(strings.TrimSpace(commands[1]), "\n") {
		line = strings.ReplaceAll(line, inReadme, folder)
		if args, ok := strings.CutPrefix(line, "go run ./examples/elevenminutes "); ok {
			last = runProgram(t, strings.Fields(args)...)
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	last.want(t, exitDiffers, "", "")
	words := func(text, folder string) []string { return strings.Fields(plain(text, folder)) } // it is wrapped
	if diff := cmp.Diff(words(shown[1], inReadme), words(last.stderr, folder)); diff != "" {
		t.Errorf("the last of the commands prints (-README +got):\n%s\n%s", diff, last.stderr)
	}
}

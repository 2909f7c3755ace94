package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// outcome is what a run of the program leaves.
type outcome struct {
	code           int
	stdout, stderr string
}

func runProgram(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

func (o outcome) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.stdout, stdout) || !strings.Contains(o.stderr, stderr) {
		t.Errorf("exit code %d, want %d\nstdout, want %q in it:\n%s\nstderr, want %q in it:\n%s", o.code, code, stdout, o.stdout, stderr, o.stderr)
	}
}

// What is another one in each run: IDs, times and keys are.
var (
	rootLine      = regexp.MustCompile(`(?m)^[A-Za-z0-9+/]{43}=$`)
	signatureLine = regexp.MustCompile(`(?m)^(— \S+) [A-Za-z0-9+/]{91}=$`)
	keyText       = regexp.MustCompile(`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}`)
	ticketID      = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)
)

// plain puts names in the place of all that is another one in each run.
func plain(text, folder string) string {
	text = strings.ReplaceAll(text, folder, "TRAIL")
	text = rootLine.ReplaceAllString(text, "ROOT")
	text = signatureLine.ReplaceAllString(text, "$1 SIGNATURE")
	text = keyText.ReplaceAllString(text, "+KEY")
	return ticketID.ReplaceAllString(text, "TICKET")
}

func TestTheStoryOfTheElevenMinutes(t *testing.T) {
	t.Parallel()
	trail := t.TempDir()
	o := runProgram(t, "-trail", trail)
	o.want(t, exitGood, "expectations hold", "")
	got := plain(o.stdout, trail)
	path := filepath.Join("testdata", "golden", "elevenminutes.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the story (-want +got; -update writes it anew):\n%s", diff)
	}
}

// copyOf copies a folder into a temporary one, with some texts of a file
// exchanged.
func copyOf(t *testing.T, folder, file string, exchange ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if file == "" {
		return dir
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(exchange); i += 2 {
		if !strings.Contains(string(text), exchange[i]) {
			t.Fatalf("%s has no %q", file, exchange[i])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.NewReplacer(exchange...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Each change makes the policy or the people worse; the timeline notices.
func TestAWorseScenarioIsNoticed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file     string
		exchange []string
		stderr   []string
	}{
		"without the row against leavers, support could still not": {
			"policy.csv", []string{"p, @leaving, request, *, *, *, deny", "#"},
			[]string{"timeline.txt:3: not as expected", "want: refused denied policy.csv:10", "got:  refused no_rule"},
		},
		"with every tier for support, and without that row": {
			"policy.csv", []string{"p, @leaving, request, *, *, *, deny", "p, support, request, *, *, *, allow"},
			[]string{"timeline.txt:3: not as expected", "got:  pending"},
		},
		"without a last day": {
			"people.csv", []string{"2017-11-02", "none"},
			[]string{"timeline.txt:3: not as expected", "got:  refused no_rule"},
		},
		"without protection of the account": {
			"accounts.csv", []string{"account-3,@HarbourCity,newsworthy", "account-3,@HarbourCity,ordinary"},
			[]string{"got:  done\n", "outcome: got done, want pending"},
		},
		"with one approval": {
			"policy.csv", []string{"lead lead,", "lead,"},
			[]string{"want: done pending\n  got:  done held"},
		},
		"with two persons behind two logins": {
			"people.csv", []string{"east-phone,lead-east", "east-phone,another"},
			[]string{"19:16 east-phone", "want: refused already_counted\n  got:  done held"},
		},
		"without a hold": {
			"policy.csv", []string{"lead lead, 15m,", "lead lead, -,"},
			[]string{"19:24 lead-west", "want: done cancelled\n  got:  refused not_open"},
		},
		"with a longer hold": {
			"policy.csv", []string{"lead lead, 15m,", "lead lead, 16m,"},
			[]string{"20:48 expect ticket taken-over executed", "want: executed\n  got:  held"},
		},
		"with approvals for undo": {
			"policy.csv", []string{"none,      -,   -\n\n# How much", "lead,      -,   1h\n\n# How much"},
			[]string{"20:54 colleague undo", "want: done\n  got:  pending"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := runProgram(t, "-dir", copyOf(t, "after", tc.file, tc.exchange...), "-trail", t.TempDir())
			for _, want := range tc.stderr {
				o.want(t, exitDiffers, "do not hold.", want)
			}
		})
	}
}

func TestMalformedInputIsExitTwo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args   []string
		stderr string
	}{
		"no such folder":               {[]string{"-dir", "nowhere"}, "nowhere/scenario.txt: can't be read: no such file or directory"},
		"a misspelt verb":              {[]string{"-dir", copyOf(t, "after", "timeline.txt", "lead-west approve", "lead-west aprove")}, `after/timeline.txt:15:17: "aprove" is no verb here; did you mean "approve"?`},
		"a misspelt policy":            {[]string{"-dir", copyOf(t, "after", "policy.csv", "lead lead", "lead laed")}, "after/policy.csv:16: "},
		"no flag":                      {[]string{"after"}, `"after" is not a flag; a folder is named by -dir after`},
		"an unknown flag":              {[]string{"-verbose"}, "flag provided but not defined"},
		"answers for what is built in": {[]string{"-write-expect"}, "-write-expect needs -dir"},
		"a trail in a file":            {[]string{"-trail", file}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := runProgram(t, tc.args...)
			o.want(t, exitNotReady, "", tc.stderr)
			if strings.Contains(o.stdout, "expectations") {
				t.Errorf("there is a verdict: %s", o.stdout)
			}
		})
	}
}

func TestHelpExplainsItself(t *testing.T) {
	t.Parallel()
	o := runProgram(t, "-h")
	for _, want := range []string{"-dir folder", "-trail folder", "-write-expect", "Exit codes: 0", "timeline.txt", "TIME LOGIN approve TICKET", "TIME host handler", "[TIME] expect account ACCOUNT up|down [downtime=]"} {
		o.want(t, exitGood, "", want)
	}
}

func TestWriteExpectGivesAStart(t *testing.T) {
	t.Parallel()
	filled, err := os.ReadFile(filepath.Join("testdata", "everyverb", "timeline.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dir := copyOf(t, filepath.Join("testdata", "everyverb"), "timeline.txt", "  -> done\n", "\n", "  -> pending", "", "-> refused key_reused", "-> pending")
	o := runProgram(t, "-dir", dir, "-write-expect", "-trail", t.TempDir())
	if diff := cmp.Diff(strings.Split(string(filled), "\n"), strings.Split(o.stdout, "\n")); o.code != exitGood || diff != "" {
		t.Errorf("exit code %d, filled in (-want +got):\n%s", o.code, diff)
	}
}

func TestATimelineThatExpectsNothingIsToldSo(t *testing.T) {
	t.Parallel()
	dir := copyOf(t, "before", "")
	if err := os.WriteFile(filepath.Join(dir, "timeline.txt"), []byte("> Nothing happens.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "-dir", dir, "-trail", t.TempDir()).want(t, exitGood, "The timeline expects nothing; -write-expect fills in the answers.", "")
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAStoryThatCantBeWrittenIsExitTwo(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"story":   {"-trail", t.TempDir()},
		"answers": {"-dir", "before", "-write-expect", "-trail", t.TempDir()},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, fullDisk{}, &stderr); code != exitNotReady || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%s: exit code %d, %s", name, code, stderr.String())
		}
	}
}

// The program itself, as a shell sees it.
func TestTheProgramsExitCodes(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "elevenminutes")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, tc := range map[string]struct {
		args           []string
		home           string
		code           int
		stdout, stderr string
	}{
		"0 where all comes true":            {nil, t.TempDir(), 0, "expectations hold.", ""},
		"0 for help":                        {[]string{"-help"}, t.TempDir(), 0, "", "Exit codes"},
		"1 where something differs":         {[]string{"-dir", "testdata/wrong"}, t.TempDir(), 1, "13 of 13 expectations do not hold.", "testdata/wrong/timeline.txt:1: not as expected"},
		"2 where a folder is malformed":     {[]string{"-dir", "testdata"}, t.TempDir(), 2, "", "testdata/scenario.txt: can't be read"},
		"2 where trails have no place":      {nil, "", 2, "", "there is no place for the trails"},
		"0 without that place, with -trail": {[]string{"-trail", t.TempDir()}, "", 0, "expectations hold.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			command := exec.CommandContext(t.Context(), program, tc.args...)
			command.Stdout, command.Stderr = &stdout, &stderr
			command.Env = append(os.Environ(), "HOME="+tc.home, "XDG_CACHE_HOME=", "LocalAppData="+tc.home)
			err := command.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			outcome{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}.want(t, tc.code, tc.stdout, tc.stderr)
		})
	}
}

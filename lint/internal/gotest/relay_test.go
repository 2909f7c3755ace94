package gotest_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/gotest"
)

// Events as go test -json prints them, with the fields that matter here.
const (
	passing = `{"Action":"start","Package":"m/a"}
{"Action":"output","Package":"m/a","Output":"-test.shuffle 1\n"}
{"Action":"run","Package":"m/a","Test":"TestA"}
{"Action":"output","Package":"m/a","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"m/a","Test":"TestA","Output":"ok  \tnoise"}
{"Action":"output","Package":"m/a","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"m/a","Test":"TestA","Elapsed":0}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"pass","Package":"m/a","Elapsed":0.1}
`
	failing = `{"Action":"start","Package":"m/b"}
{"Action":"output","Package":"m/b","Output":"-test.shuffle 2\n"}
{"Action":"run","Package":"m/b","Test":"TestGood"}
{"Action":"output","Package":"m/b","Test":"TestGood","Output":"noise\n"}
{"Action":"pass","Package":"m/b","Test":"TestGood"}
{"Action":"run","Package":"m/b","Test":"TestB"}
{"Action":"output","Package":"m/b","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"m/b","Test":"TestB/x","Output":"    b_test.go:1: bad\n"}
{"Action":"output","Package":"m/b","Test":"TestB/x","Output":"--- FAIL: TestB/x (0.00s)\n"}
{"Action":"fail","Package":"m/b","Test":"TestB/x"}
{"Action":"fail","Package":"m/b","Test":"TestB"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t0.1s\n"}
{"Action":"fail","Package":"m/b"}
`
	skipping = `{"Action":"start","Package":"m/c"}
{"Action":"run","Package":"m/c","Test":"TestC/x"}
{"Action":"output","Package":"m/c","Test":"TestC/x","Output":"=== RUN   TestC/x\n"}
{"Action":"output","Package":"m/c","Test":"TestC/x","Output":"    c_test.go:1: no\n"}
{"Action":"output","Package":"m/c","Test":"TestC/x","Output":"        time\n"}
{"Action":"output","Package":"m/c","Test":"TestC/x","Output":"--- SKIP: TestC/x (0.00s)\n"}
{"Action":"skip","Package":"m/c","Test":"TestC/x"}
{"Action":"output","Package":"m/c","Output":"ok  \tm/c\t0.1s\n"}
{"Action":"pass","Package":"m/c"}
`
	untested = `{"Action":"start","Package":"m/d"}
{"Action":"output","Package":"m/d","Output":"?   \tm/d\t[no test files]\n"}
{"Action":"skip","Package":"m/d"}
`
	uncovered = `{"Action":"start","Package":"m/e"}
{"Action":"output","Package":"m/e","Output":"\tm/e\t\t"}
{"Action":"output","Package":"m/e","Output":"coverage: 0.0% of statements"}
{"Action":"pass","Package":"m/e"}
`
	unbuilt = `{"ImportPath":"m/f [m/f.test]","Action":"build-output","Output":"f.go:1: undefined: x\n"}
{"ImportPath":"m/f [m/f.test]","Action":"build-fail"}
{"Action":"start","Package":"m/f"}
{"Action":"output","Package":"m/f","Output":"FAIL\tm/f [build failed]\n"}
{"Action":"fail","Package":"m/f","FailedBuild":"m/f [m/f.test]"}
`
	killed = `{"Action":"start","Package":"m/g"}
{"Action":"run","Package":"m/g","Test":"TestG"}
{"Action":"output","Package":"m/g","Test":"TestG","Output":"so far"}
`
)

func TestRelay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		events string
		output string
		result gotest.Result
	}{
		"nothing": {},
		"passed: the last line only": {
			events: passing,
			output: "ok  \tm/a\t0.1s\n",
			result: gotest.Result{Packages: 1, Passed: 1},
		},
		"failed: all but what passed tests printed": {
			events: failing,
			output: "-test.shuffle 2\n    b_test.go:1: bad\n--- FAIL: TestB/x (0.00s)\nFAIL\tm/b\t0.1s\n",
			result: gotest.Result{Packages: 1, Passed: 1, Failed: []string{"m/b TestB/x", "m/b TestB", "m/b"}},
		},
		"skipped: counted, with the reason": {
			events: skipping,
			output: "ok  \tm/c\t0.1s\n",
			result: gotest.Result{Packages: 1, Skipped: []string{"m/c TestC/x: c_test.go:1: no time"}},
		},
		"no test files: no skipped test": {
			events: untested,
			output: "?   \tm/d\t[no test files]\n",
		},
		"no test files, with coverage": {
			events: uncovered,
			output: "\tm/e\t\tcoverage: 0.0% of statements\n",
		},
		"does not build": {
			events: unbuilt,
			output: "f.go:1: undefined: x\nFAIL\tm/f [build failed]\n",
			result: gotest.Result{Failed: []string{"m/f"}},
		},
		"ends in the middle": {
			events: killed,
			output: "so far\n",
			result: gotest.Result{Failed: []string{"m/g did not end"}},
		},
		"packages mixed": {
			events: interleaved(passing, skipping),
			output: "ok  \tm/c\t0.1s\nok  \tm/a\t0.1s\n",
			result: gotest.Result{Packages: 2, Passed: 1, Skipped: []string{"m/c TestC/x: c_test.go:1: no time"}},
		},
		"lines that are no events": {
			events: "go: warning\n{not JSON}\n" + untested,
			output: "go: warning\n{not JSON}\n?   \tm/d\t[no test files]\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output strings.Builder
			result, err := gotest.Relay(strings.NewReader(tt.events), &output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.output, output.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.result, result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// interleaved takes lines from a and b in turn.
func interleaved(a, b string) string {
	var mixed strings.Builder
	for a != "" || b != "" {
		var line string
		line, a, _ = strings.Cut(a, "\n")
		mixed.WriteString(line + "\n")
		line, b, _ = strings.Cut(b, "\n")
		mixed.WriteString(line + "\n")
	}
	return strings.ReplaceAll(mixed.String(), "\n\n", "\n")
}

func TestRelayReportsWhatItCannotReadOrWrite(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	tests := map[string]struct {
		r io.Reader
		w io.Writer
	}{
		"reading": {io.MultiReader(strings.NewReader(passing), iotest.ErrReader(broken)), io.Discard},
		"writing": {strings.NewReader(passing), failingWriter{broken}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := gotest.Relay(tt.r, tt.w)
			if !errors.Is(err, broken) {
				t.Errorf("got error %v, want %v", err, broken)
			}
			if result.Passed != 1 {
				t.Errorf("counted %d tests, want the one before the error", result.Passed)
			}
		})
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

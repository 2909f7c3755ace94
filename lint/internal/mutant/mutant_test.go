package mutant_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/elevenminutes/interlock/lint/internal/mutant"
)

const repository = "../../.."

// A mutant whose text is gone would no longer be a defect.
func TestEveryMutantCanBeMade(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(repository)
	mutants := mutant.Guard()
	if len(mutants) < 20 {
		t.Errorf("there are only %d mutants", len(mutants))
	}
	defects := make(map[string]bool)
	for _, m := range mutants {
		mutated, err := m.Apply(tree)
		if err != nil {
			t.Error(err)
			continue
		}
		if source, err := os.ReadFile(filepath.Join(repository, m.File)); err != nil || string(source) == string(mutated) {
			t.Errorf("%s: it changes nothing (%v)", m.Defect, err)
		}
		if defects[m.Defect] {
			t.Errorf("two mutants are called %q", m.Defect)
		}
		defects[m.Defect] = true
	}
}

func TestApplyRefusesWhatIsNotThereOnce(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{"a.go": {Data: []byte("package a\n\nvar x, y = 1, 1\n")}}
	for name, m := range map[string]mutant.Mutant{
		"file":  {File: "b.go", Old: "1", New: "2"},
		"text":  {File: "a.go", Old: "3", New: "2"},
		"twice": {File: "a.go", Old: "1", New: "2"},
		"no Go": {File: "a.go", Old: "= 1", New: "== 1"},
	} {
		if _, err := m.Apply(tree); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}

// Test tells a defect that is noticed from one that is not, and from one that
// does not build.
func TestTheTestsOfAPackageKillAMutantOrNot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module example.com/sum\n\ngo 1.25\n",
		"sum.go":      "package sum\n\n// Sum adds.\nfunc Sum(a, b int) int { return a + b }\n",
		"sum_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tif Sum(2, 2) != 4 {\n\t\tt.Error(\"wrong\")\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		with, killed, problem string
	}{
		{"a - b", "TestSum", ""},
		{"a * b", "", ""}, // two and two are four
		{`"a"`, "", "does not build"},
		{"func() int { panic(a) }()", "TestSum", ""},
	} {
		m := mutant.Mutant{Defect: tt.with, File: "sum.go", Old: "a + b", New: tt.with}
		o, err := m.Test(t.Context(), root, "./...")
		if o.Killed != tt.killed || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: killed by %q: %v", tt.with, o.Killed, err)
		}
	}
	if source, err := os.ReadFile(filepath.Join(root, "sum.go")); err != nil || !strings.Contains(string(source), "a + b") {
		t.Errorf("the file was touched: %s %v", source, err)
	}
}

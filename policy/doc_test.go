package policy_test

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// The policy of the manual is the one in testdata, and it opens.
func TestManualsPolicyOpens(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	var indented strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) != "" {
			line = "\t" + line
		}
		indented.WriteString(line)
	}
	if !strings.Contains(file.Doc.Text(), indented.String()) {
		t.Error("the manual has another policy than testdata/policy.csv")
	}
	c := config("")
	c.Source = policy.File("testdata/policy.csv")
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	// What the manual's policy is for.
	bruno := ask("bruno", tier("protected"), labels(moderation.LabelLeaving))
	if d := decide(t, a, bruno); d.Allowed || d.Code != moderation.CodeDenied {
		t.Errorf("a contractor on a protected account: %+v", d)
	}
	if d := decide(t, a, ask("chloe", tier("protected"))); !d.Allowed || len(d.Requirement.Quorum.Slots) != 2 {
		t.Errorf("a lead on a protected account: %+v", d)
	}
}

package analysis_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

func TestScratch(t *testing.T) {
	p, err := policy.Load(t.Context(), policy.Config{Source: policy.File("../testdata/policy.csv"),
		Kinds: []string{"account.suspend", "account.limit", "post.remove"},
		Tiers: []string{"normal", "protected"}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := analysis.New(analysis.Config{Policy: p, Directory: analysis.EachLogin(p), At: time.Date(2017, 11, 2, 18, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.Exposure(t.Context())
	fmt.Println(e, err)
	c, err := a.Collusion(t.Context())
	fmt.Println(c, err)
	f, err := a.Lint(t.Context())
	fmt.Println(f, err)
	b, _ := json.Marshal(c)
	fmt.Println(len(b))
}

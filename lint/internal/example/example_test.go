package example_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/example"
)

const file = `package p_test

func Example() {
	f() // Output: is not here
	// Output: 1
}

func ExampleNew_second() {
	// why
	f(p.New().Field)
	// Unordered output:
	// 1
}

func ExampleSilent() {
	// Output:
}

func ExampleNotRun() { f() }

func (t T) ExampleMethod() {}

func Test() {}
`

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := example.Parse("x_test.go", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []example.Example{
		{
			Name: "", Line: 3, Run: true,
			Body: "\n\tf() // Output: is not here\n\t// Output: 1\n",
			Bare: "\n\tf() // Output: is not here\n\t",
			Uses: []string{"f"},
		},
		{
			Name: "New_second", Line: 8, Run: true,
			Body: "\n\t// why\n\tf(p.New().Field)\n\t// Unordered output:\n\t// 1\n",
			Bare: "\n\t// why\n\tf(p.New().Field)\n\t",
			Uses: []string{"Field", "New", "f", "p"},
		},
		{Name: "Silent", Line: 15, Run: true, Body: "\n\t// Output:\n", Bare: "\n\t"},
		{Name: "NotRun", Line: 19, Body: " f() ", Bare: " f() ", Uses: []string{"f"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseNamesTheFileThatIsNotGo(t *testing.T) {
	t.Parallel()
	_, err := example.Parse("x_test.go", []byte("packag p"))
	if err == nil || err.Error()[:len("x_test.go:1:")] != "x_test.go:1:" {
		t.Errorf("got %v, want an error at x_test.go:1", err)
	}
}

package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy"
)

func TestCSVReads(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []policy.Row
	}{
		{"nothing", "", nil},
		{"a row without a line end", "g, ann, mod", []policy.Row{{"g", []string{"ann", "mod"}, "x:1"}}},
		{"comments and blank lines, which count as lines", "# one\n\n  # three\n \t\ng,a\n", []policy.Row{{"g", []string{"a"}, "x:5"}}},
		{"CRLF", "g, ann\r\ng, bob\r\n", []policy.Row{{"g", []string{"ann"}, "x:1"}, {"g", []string{"bob"}, "x:2"}}},
		{"a byte order mark", "\ufeffg, ann", []policy.Row{{"g", []string{"ann"}, "x:1"}}},
		{"white space around columns", " g ,\tann\t, new lead ", []policy.Row{{"g", []string{"ann", "new lead"}, "x:1"}}},
		{"quoted columns", `g, "ann", "a ""b""" `, []policy.Row{{"g", []string{"ann", `a "b"`}, "x:1"}}},
		{"a comma in quotes", `g, "a,b"`, []policy.Row{{"g", []string{"a,b"}, "x:1"}}},
		{"a # that begins no line", "g, #5", []policy.Row{{"g", []string{"#5"}, "x:1"}}},
		{"empty columns", "g,,", []policy.Row{{"g", []string{"", ""}, "x:1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := policy.CSV("x", tc.text).Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRowsAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	want := policy.Row{Type: "g", Fields: []string{"ann", `a "b"`, "a,b", "#", "lead|director director"}, Source: "x:1"}
	got, err := policy.CSV("x", want.String()).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]policy.Row{want}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestCSVRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"a NUL byte", "g, ann\ng, b\x00b\n", "x:2: the line has a NUL byte"},
		{"invalid UTF-8", "g, \xff\n", "x:1: the line is not valid UTF-8"},
		{"UTF-16", "\xff\xfeg\x00,\x00", "x:1: the line is not valid UTF-8"},
		{"an open quote", "g, \"ann\ng, bob\n", "x:1: the line is not CSV: "},
		{"a quote inside a column", "g, a\"b\n", "x:1: the line is not CSV: bare \" in non-quoted-field at byte 5; quote a whole column"},
		{"text behind a quoted column", "g, \"a\" b, c\n", "x:1: the line is not CSV: "},
		{"a line that is too long", strings.Repeat("x", 8193), "x:1: the line has 8193 bytes; at most 8192 are allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rows, err := policy.CSV("x", tc.text).Load(t.Context())
			if rows != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load = %v, %v; want no rows and %q", rows, err, tc.want)
			}
		})
	}
}

func TestCSVGoesOnBehindWhatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := policy.CSV("x", "g, \"ann\n\x00\ng, bob\n\xff").Load(t.Context())
	var got []string
	for _, row := range rowErrors(t, err) {
		got = append(got, row.Source)
	}
	if diff := cmp.Diff([]string{"x:1", "x:2", "x:4"}, got); diff != "" {
		t.Errorf("rows at fault (-want +got):\n%s", diff)
	}
}

func TestFileIsReadAfreshByEachLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.csv")
	source := policy.File(path)
	for _, login := range []string{"ann", "bob"} {
		if err := os.WriteFile(path, []byte("\n\ng, "+login), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := source.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]policy.Row{{"g", []string{login}, path + ":3"}}, got); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	}
}

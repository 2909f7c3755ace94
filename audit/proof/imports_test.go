package proof_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The package promises to do no I/O, and that who trusts it need trust no more
// than this: whatever it imports is on the list.
func TestThePackageCanDoNoIO(t *testing.T) {
	t.Parallel()
	const module = "github.com/elevenminutes/interlock/"
	allowed := []string{
		"bytes", "crypto/sha256", "encoding/base64", "encoding/binary", "errors", "fmt", "strconv", "strings",
		"unicode", "unicode/utf8",
		"golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog",
		module + "audit/internal/entry",
	}
	for _, dir := range []string{".", "../internal/entry"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) < 4 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil || !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s", name, spec.Path.Value)
				}
			}
		}
	}
}

package apidoc_test

import (
	"testing"

	"github.com/elevenminutes/interlock/lint/internal/apidoc"
	"github.com/elevenminutes/interlock/lint/internal/treetest"
)

func TestComments(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/comments", apidoc.Comments)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/examples", apidoc.Examples)
}

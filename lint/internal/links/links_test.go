package links_test

import (
	"testing"

	"github.com/elevenminutes/interlock/lint/internal/links"
	"github.com/elevenminutes/interlock/lint/internal/treetest"
)

func TestRelative(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata", links.Relative)
}

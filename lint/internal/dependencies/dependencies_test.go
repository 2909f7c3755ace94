package dependencies_test

import (
	"testing"

	"github.com/elevenminutes/interlock/lint/internal/dependencies"
	"github.com/elevenminutes/interlock/lint/internal/treetest"
)

func TestRoot(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata", dependencies.Root)
}

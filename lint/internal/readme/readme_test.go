package readme_test

import (
	"testing"

	"github.com/elevenminutes/interlock/lint/internal/readme"
	"github.com/elevenminutes/interlock/lint/internal/treetest"
)

func TestCode(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/code", readme.Code)
}

func TestPromises(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/promises", readme.Promises)
}

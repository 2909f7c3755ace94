// Modules prints the directory of every module of the repository, one a line,
// that of the root first.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/elevenminutes/interlock/lint/internal/source"
)

func main() {
	root := flag.String("root", "..", "directory of the repository")
	code := flag.Bool("code", false, "only modules that hold Go files")
	flag.Parse()
	if err := list(*root, *code); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(root string, code bool) error {
	tree := os.DirFS(root)
	modules, err := source.Modules(tree)
	if err != nil {
		return err
	}
	for _, m := range modules {
		packages, err := source.Packages(tree, modules, m)
		if err != nil {
			return err
		}
		if len(packages) > 0 || !code {
			fmt.Println(m.Dir)
		}
	}
	return nil
}

// Package source finds the modules and files of the repository, so that no
// list of them has to be kept.
package source

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Module is a Go module of the repository.
type Module struct {
	Dir  string // slash-separated, relative to the repository; "." is its root
	Path string // the path that its packages are imported by
}

// Root is the directory of the root module.
const Root = "."

// Modules returns every module in tree, the one at its root first. Like the go
// command it passes over testdata, vendor and names that begin with a dot or
// an underscore.
func Modules(tree fs.FS) ([]Module, error) {
	files, err := Files(tree, "go.mod")
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, file := range files {
		if path.Base(file) != "go.mod" {
			continue
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		name := modfile.ModulePath(text)
		if name == "" {
			return nil, fmt.Errorf("%s names no module", file)
		}
		modules = append(modules, Module{Dir: path.Dir(file), Path: name})
	}
	if len(modules) == 0 || modules[0].Dir != Root {
		return nil, fmt.Errorf("no go.mod at the root of the repository")
	}
	return modules, nil
}

// Files returns the paths of all files in tree that end in suffix, those of a
// directory before those below it.
func Files(tree fs.FS, suffix string) ([]string, error) {
	var files []string
	err := fs.WalkDir(tree, Root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != Root && passedOver(entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, suffix):
			files = append(files, name)
		}
		return nil
	})
	slices.SortStableFunc(files, func(a, b string) int {
		return strings.Compare(path.Dir(a), path.Dir(b))
	})
	return files, err
}

func passedOver(directory string) bool {
	return directory == "testdata" || directory == "vendor" || strings.IndexAny(directory, "._") == 0
}

// Packages returns the Go files of each directory of the module m that has
// any, by directory. Modules below m have their own.
func Packages(tree fs.FS, modules []Module, m Module) (map[string][]string, error) {
	files, err := Files(tree, ".go")
	if err != nil {
		return nil, err
	}
	packages := map[string][]string{}
	for _, file := range files {
		if owner(modules, file).Dir == m.Dir {
			packages[path.Dir(file)] = append(packages[path.Dir(file)], file)
		}
	}
	return packages, nil
}

// owner returns the innermost module that holds file.
func owner(modules []Module, file string) Module {
	var innermost Module
	for _, m := range modules {
		holds := m.Dir == Root || strings.HasPrefix(file, m.Dir+"/")
		if holds && len(m.Dir) >= len(innermost.Dir) {
			innermost = m
		}
	}
	return innermost
}

// IsTest reports whether the Go file is compiled for tests only.
func IsTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

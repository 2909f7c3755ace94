package main

import (
	"log"
	"os"
	"path/filepath"
)

// The program is run where its policy is found and its trail may be written.
func Example() {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	policy := filepath.Join(dir, "examples", "quickstart")
	if err := os.CopyFS(policy, os.DirFS(".")); err != nil {
		log.Fatal(err)
	}
	back, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	defer os.Chdir(back)
	if err := os.Chdir(dir); err != nil {
		log.Fatal(err)
	}
	main()
	// Output: executed <nil>
}

// Testall builds and tests every module of the repository, each by itself,
// with the race detector and in random order. It fails where a test fails or
// is skipped, and where too little of the root module is covered.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/elevenminutes/interlock/lint/internal/gotest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "\nFAIL\n%v\n", err)
		os.Exit(1)
	}
}

func run() error {
	root := flag.String("root", "..", "directory of the repository")
	least := flag.Float64("least", 90, "percent of the root module's statements to be covered")
	profile := flag.String("profile", "", "file to keep the root module's coverage profile in")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	begun := time.Now()
	scratch, err := os.MkdirTemp("", "testall")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	suite := gotest.Suite{Root: *root, Out: os.Stdout, Least: *least, Profile: filepath.Join(scratch, "coverage.out")}
	if *profile != "" {
		if suite.Profile, err = filepath.Abs(*profile); err != nil {
			return err
		}
	}
	err = suite.Run(ctx)
	fmt.Printf("took %v\n", time.Since(begun).Round(time.Second))
	return err
}

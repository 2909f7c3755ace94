package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
)

// The program's own two replays, told from the summary on.
func Example() {
	trail, err := os.MkdirTemp("", "elevenminutes-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(trail)
	var stdout bytes.Buffer
	code := run(context.Background(), []string{"-trail", trail}, &stdout, os.Stdout)
	_, summary, _ := strings.Cut(stdout.String(), "How long")
	summary, _, _ = strings.Cut(summary, "\n\n")
	fmt.Println("How long" + summary)
	fmt.Println("exit code", code)
	// Output:
	// How long each account was down
	//                                     before  after
	//   @realDonaldTrump      newsworthy  11m     0s
	//   @somebody             ordinary    0s      0s
	//   @HarbourCity          newsworthy  -       6m
	// exit code 0
}

// Mutants puts deliberate defects into the guard, one at a time, runs its tests
// for each, and prints a table of what noticed it. It fails where nothing did.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"

	"github.com/elevenminutes/interlock/lint/internal/mutant"
)

func main() {
	root := flag.String("root", "..", "directory of the repository")
	only := flag.String("only", "", "regular expression of the defects to try; all where empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if failed := try(ctx, *root, pattern); failed > 0 {
		fmt.Fprintf(os.Stderr, "%d defects were not noticed\n", failed)
		os.Exit(1)
	}
}

// try returns how many defects were not noticed.
func try(ctx context.Context, root string, only *regexp.Regexp) (failed int) {
	fmt.Println("| defect | file | noticed first by |")
	fmt.Println("|---|---|---|")
	for _, m := range mutant.Guard() {
		if !only.MatchString(m.Defect) {
			continue
		}
		o, err := m.Test(ctx, root, "./moderation")
		switch {
		case err != nil:
			failed++
			fmt.Printf("| %s | %s | %v |\n", m.Defect, m.File, err)
		case o.Killed == "":
			failed++
			fmt.Printf("| %s | %s | **nothing** |\n", m.Defect, m.File)
		default:
			fmt.Printf("| %s | %s | `%s` |\n", m.Defect, m.File, o.Killed)
		}
	}
	return failed
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// options are what the command line says.
type options struct {
	dir   string
	trail string
	fill  bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("elevenminutes", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "replay the scenario in this `folder` instead of the two that are built in")
	flags.StringVar(&o.trail, "trail", "", "keep the audit trails in this `folder`; default: elevenminutes in your cache directory")
	flags.BoolVar(&o.fill, "write-expect", false, "print the timeline with the answers filled in as expectations, instead of the story")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage())
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nThe lines of %s:\n\n    %s\n", scenario.TimelineFile, strings.ReplaceAll(strings.Join(scenario.Usage(), "\n"), "\n", "\n    "))
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("elevenminutes: %q is not a flag; a folder is named by -dir %s", flags.Arg(0), flags.Arg(0))
	case o.fill && o.dir == "":
		err = errors.New("elevenminutes: -write-expect needs -dir")
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	return o, err
}

func usage() string {
	return `Replays who did what to which account, minute by minute, under a policy.

    elevenminutes                   2 November 2017: as it was, and as it might have been
    elevenminutes -dir FOLDER       your own scenario, in the form that the README describes:
                                    ` + strings.Join([]string{scenario.SettingsFile, scenario.PeopleFile, scenario.AccountsFile, scenario.PolicyFile, scenario.TimelineFile}, ", ") + `

A run first verifies the audit trails that earlier ones have left, and ends by
verifying its own.

Exit codes: 0 where all that the timeline expects came true; 1 where something
did not, or an earlier trail was changed (what differs is on stderr); 2 where a
file is malformed (every fault with its file, line and column) or the replay
could not be run.

`
}

package gotest

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Coverage is how many statements there are, and how many of them a test ran.
type Coverage struct {
	Statements int
	Covered    int
}

// Percent returns the share of statements that were covered, exactly. It is 0
// where there are none.
func (c Coverage) Percent() float64 {
	if c.Statements == 0 {
		return 0
	}
	return 100 * float64(c.Covered) / float64(c.Statements)
}

// String returns the share rounded down to a tenth of a percent, so that it
// never looks better than it is, and the counts.
func (c Coverage) String() string {
	tenths := 0
	if c.Statements > 0 {
		tenths = 1000 * c.Covered / c.Statements
	}
	return fmt.Sprintf("%d.%d %% (%d of %d statements)", tenths/10, tenths%10, c.Covered, c.Statements)
}

// ReadProfile reads a profile as go test -coverprofile writes it and returns
// the coverage of each package in it. A block that several test programs
// report is counted once, and is covered if one of them ran it.
func ReadProfile(r io.Reader) (map[string]Coverage, error) {
	blocks := map[string]Coverage{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text := lines.Text()
		if text == "" || strings.HasPrefix(text, "mode: ") {
			continue
		}
		place, block, err := readBlock(text)
		if err != nil {
			return nil, fmt.Errorf("gotest: line %d of the coverage profile: %w", number, err)
		}
		if before, seen := blocks[place]; seen {
			block.Covered = max(block.Covered, before.Covered)
		}
		blocks[place] = block
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("gotest: coverage profile: %w", err)
	}
	packages := map[string]Coverage{}
	for place, block := range blocks {
		file, _, _ := strings.Cut(place, ":")
		packages[path.Dir(file)] = packages[path.Dir(file)].plus(block)
	}
	return packages, nil
}

// readBlock reads a line such as m/p/f.go:3.19,5.2 1 7: the place of a block,
// its number of statements and how often it ran.
func readBlock(text string) (place string, block Coverage, err error) {
	fields := strings.Fields(text)
	if len(fields) != 3 || !strings.Contains(fields[0], ":") {
		return "", Coverage{}, fmt.Errorf("%q is not a place and two numbers", text)
	}
	statements, err := strconv.Atoi(fields[1])
	if err != nil {
		return "", Coverage{}, err
	}
	count, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return "", Coverage{}, err
	}
	block.Statements = statements
	if count > 0 {
		block.Covered = statements
	}
	return fields[0], block, nil
}

// Total returns the coverage of all packages together.
func Total(packages map[string]Coverage) Coverage {
	var total Coverage
	for _, c := range packages {
		total = total.plus(c)
	}
	return total
}

func (c Coverage) plus(d Coverage) Coverage {
	return Coverage{Statements: c.Statements + d.Statements, Covered: c.Covered + d.Covered}
}

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryTableIsFilledFromRealServers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := options{length: 100 * time.Millisecond, delay: time.Millisecond, rounds: 3, sizes: 3, most: 1, replicas: 2, simulated: 500 * time.Millisecond}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]int)
	title := ""
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		switch {
		case line != "" && !strings.HasPrefix(line, "|"):
			title, _, _ = strings.Cut(line, ",")
			title, _, _ = strings.Cut(title, ":")
		case strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---"):
			rows[title]++
		}
		if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
			t.Errorf("a figure is none: %s", line)
		}
	}
	want := map[string]int{ // with the heading of each
		"Times of the parts":              9,
		"The lock is held for a group of": 4,
		"Real guards":                     2 + 4,
		"Simulated":                       9,
		"A person's budget of 30 actions": 5,
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("rows of each table (-want +got):\n%s\n%s", d, &out)
	}
}

func TestALineIsFittedToTimes(t *testing.T) {
	t.Parallel()
	s := make(samples)
	for _, n := range sizesOf(8) {
		quick := 5*time.Millisecond + time.Duration(n)*time.Millisecond/10
		s[n] = []time.Duration{quick, quick, quick + time.Second, quick + time.Minute} // which something disturbed
	}
	s[3] = []time.Duration{time.Hour} // a group that was not meant
	fixed, each := s.line()
	if fixed.Round(time.Microsecond) != 5*time.Millisecond || each.Round(time.Microsecond) != 100*time.Microsecond {
		t.Errorf("%v and %v for each; want 5ms and 100µs", fixed, each)
	}
}

func TestATargetIsInOnePartitionForEver(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]int{"account-1": 6, "account-2": 3, "account-3": 0, "account-4": 5} {
		if got := partitionOf(target, 8); got != want {
			t.Errorf("%q is in partition %d of 8; it was in %d", target, got, want)
		}
	}
	const targets, partitions = 10_000, 8
	counts := make([]int, partitions)
	for i := range targets {
		counts[partitionOf(fmt.Sprint("account-", i), partitions)]++
	}
	for p, n := range counts {
		if n < targets/partitions*8/10 || n > targets/partitions*12/10 {
			t.Errorf("partition %d has %d of %d targets", p, n, targets)
		}
	}
}

package policy

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseDuration takes what time.ParseDuration takes, and whole days of 24
// hours before that: 7d, 1d12h, 90m. It is not negative.
func parseDuration(text string) (time.Duration, error) {
	var days time.Duration
	rest := text
	if number, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return 0, errors.New("is no duration; write one such as 30m, 24h, 7d or 1d12h")
		}
		if n > uint64(math.MaxInt64/day) {
			return 0, errors.New("is too long; 292 years is the most")
		}
		days, rest = time.Duration(n)*day, after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	switch {
	case err != nil:
		return 0, errors.New("is no duration, or too long; write one such as 30m, 24h, 7d or 1d12h")
	case d < 0 || strings.ContainsAny(rest, "+-"):
		return 0, errors.New("has a sign; write one such as 30m, 24h, 7d or 1d12h")
	case d > math.MaxInt64-days:
		return 0, errors.New("is too long; 292 years is the most")
	}
	return days + d, nil
}

// parseSpan reads a column that holds a duration above zero, or - for none,
// which is zero.
func parseSpan(a *at, column, text string) time.Duration {
	if text == "-" {
		return 0
	}
	d, err := parseDuration(text)
	switch {
	case err != nil:
		a.wrong(column, text, "%v; - where there is none", err)
	case d == 0:
		a.wrong(column, text, "is zero; write - where there is none")
	}
	return d
}

// Instants before and after these are mistakes rather than bounds, and would
// not fit the nanoseconds that limits count in.
const (
	minYear = 1970
	maxYear = 2261
)

// sane reports whether a moment is one that rows and limits can deal with.
func sane(t time.Time) bool {
	y := t.UTC().Year()
	return y >= minYear && y <= maxYear
}

// parseInstant reads a column that holds an RFC 3339 instant, a date, which
// means its first moment in UTC, or - for none, which is the zero time.
func parseInstant(a *at, column, text string) time.Time {
	if text == "-" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	switch {
	case err != nil:
		a.wrong(column, text, "is no moment; write an RFC 3339 one such as 2017-11-02T19:00:00Z, a date, or - where there is none")
	case !sane(t):
		a.wrong(column, text, "is not between the years %d and %d; write - where there is none", minYear, maxYear)
	}
	return t.UTC()
}

package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// The ways to write a moment, and what a reader is told of them.
const (
	layoutDay    = "2006-01-02"
	layoutMinute = "2006-01-02T15:04"
	layoutSecond = "2006-01-02T15:04:05"

	momentForms = "18:59, 18:59:30, 2017-11-02T18:59 or +90s"
)

// parseMoment reads a moment as a timeline writes it: a clock time on the day
// of the moment before, a whole date and time, or a step from the one before.
func parseMoment(text string, before time.Time, zone *time.Location) (time.Time, error) {
	if step, ok := strings.CutPrefix(text, "+"); ok {
		d, err := parseDuration(step)
		if err != nil {
			return time.Time{}, err
		}
		return before.Add(d), nil
	}
	whole := text
	if !strings.Contains(text, "T") {
		whole = before.In(zone).Format(layoutDay) + "T" + text
	}
	at, err := parseLocal(whole, zone)
	if errors.Is(err, errNoMoment) {
		err = noMoment(text) // without the day that was put before it
	}
	if err != nil {
		return time.Time{}, err
	}
	if at.Before(before) {
		return time.Time{}, fmt.Errorf("%s is before %s of the line before; a day later is written as %s",
			text, before.In(zone).Format("15:04:05"), at.AddDate(0, 0, 1).Format(layoutMinute))
	}
	return at, nil
}

var errNoMoment = errors.New("is no moment")

func noMoment(text string) error {
	return fmt.Errorf("%q %w; write it as %s", text, errNoMoment, momentForms)
}

// parseLocal reads a date and time of the wall clock. One that the clock skips
// or shows twice, as when summer time begins or ends, is no moment.
func parseLocal(text string, zone *time.Location) (time.Time, error) {
	layout := layoutMinute
	if strings.Count(text, ":") == 2 {
		layout = layoutSecond
	}
	at, err := time.ParseInLocation(layout, text, zone)
	switch {
	case err != nil:
		return time.Time{}, noMoment(text)
	case at.Format(layout) != text:
		return time.Time{}, fmt.Errorf("%s does not exist in %s: the clock skips it", text, zone)
	}
	for _, shift := range []time.Duration{-time.Hour, time.Hour} {
		if at.Add(shift).Format(layout) == text {
			return time.Time{}, fmt.Errorf("%s happens twice in %s; step there with +", text, zone)
		}
	}
	return at, nil
}

// parseDuration reads 90s, 15m, 2h30m or 7d; not negative.
func parseDuration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no duration; write it as 90s, 15m, 2h30m or 7d", text)
	rest, days := text, int64(0)
	if number, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return 0, wrong
		}
		rest, days = after, n
	}
	var d time.Duration
	if rest != "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, wrong
		}
	} else if text == "" {
		return 0, wrong
	}
	const most = 100 * 365 * 24 * time.Hour
	if days < 0 || d < 0 || days > int64(most/(24*time.Hour)) || d > most {
		return 0, fmt.Errorf("%q is out of range; from zero to a hundred years is allowed", text)
	}
	return time.Duration(days)*24*time.Hour + d, nil
}

// parseLasting reads how long an action lasts.
func parseLasting(text string) (time.Duration, error) {
	if text == "permanent" {
		return moderation.Permanent, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w, or as permanent", err)
	}
	return d, nil
}

// parseLastDay reads none, a day, or a day and time.
func parseLastDay(text string, zone *time.Location) (moderation.LastDay, error) {
	if text == "none" {
		return moderation.NoLastDay(), nil
	}
	if day, err := time.Parse(layoutDay, text); err == nil {
		return moderation.LastDayOn(day.Year(), day.Month(), day.Day(), zone), nil
	}
	if at, err := parseLocal(text, zone); err == nil {
		return moderation.LastDayAt(at), nil
	}
	return moderation.LastDay{}, errors.New("is no last day; write none, 2017-11-02 (to that day's end) or 2017-11-02T18:00")
}

package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // scenarios name zones that a machine may not know
)

// Settings are what scenario.txt says.
type Settings struct {
	Title  string
	Zone   *time.Location
	Start  time.Time // when the timeline begins
	Kinds  []Kind
	Tiers  []string // the least protected first
	Labels []string // that policy and people may use, without the @

	// As in moderation.Config; zero where the file is silent.
	Notice       time.Duration
	Lately       time.Duration
	MaxFreeze    time.Duration
	ResolveGrace time.Duration
	Questions    int
}

// Kind is a kind of action and what it does to an account.
type Kind struct {
	Name string
	// Down says that an account is down while it stands.
	Down       bool
	Undo       bool
	Timed      bool
	Idempotent bool
	Probe      bool
}

// setting reads one kind of line of scenario.txt.
type setting struct {
	repeats bool
	wants   string
	read    func(s *Settings, words []word) *Fault
}

// flagsOfKinds are the words that may follow a kind's name.
var flagsOfKinds = []string{"down", "undo", "timed", "idempotent", "probe"}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+$`)

func settings() map[string]setting {
	return map[string]setting{
		"title":         {wants: "a title in quotes", read: one(func(s *Settings, text string) error { s.Title = text; return nil })},
		"zone":          {wants: "a time zone such as America/New_York", read: one(readZone)},
		"start":         {wants: "a date and time such as 2017-11-02T18:45", read: one(readStart)},
		"kind":          {repeats: true, wants: "a dotted name and then any of " + strings.Join(flagsOfKinds, ", "), read: readKind},
		"tiers":         {wants: "the tiers, the least protected first", read: readNames("tier", func(s *Settings) *[]string { return &s.Tiers })},
		"labels":        {wants: "labels without their @", read: readNames("label", func(s *Settings) *[]string { return &s.Labels })},
		"notice":        {wants: "a duration", read: readDuration(func(s *Settings) *time.Duration { return &s.Notice })},
		"lately":        {wants: "a duration", read: readDuration(func(s *Settings) *time.Duration { return &s.Lately })},
		"max-freeze":    {wants: "a duration", read: readDuration(func(s *Settings) *time.Duration { return &s.MaxFreeze })},
		"resolve-grace": {wants: "a duration", read: readDuration(func(s *Settings) *time.Duration { return &s.ResolveGrace })},
		"questions":     {wants: "a number", read: one(readQuestions)},
	}
}

// required are the settings that no scenario can do without. The zone comes
// before the start, which is told in it.
var required = []string{"zone", "start", "kind", "tiers"}

// parseSettings reads scenario.txt: a line for each setting.
func parseSettings(file, text string) (Settings, Faults) {
	var s Settings
	var faults Faults
	seen := make(map[string]int)
	known := settings()
	fault := func(line, column int, text string) {
		faults = append(faults, Fault{File: file, Line: line, Column: column, Text: text})
	}
	for i, line := range lines(text) {
		words, bad := splitWords(line)
		if bad != nil {
			fault(i+1, bad.Column, bad.Text)
			continue
		}
		if len(words) == 0 {
			continue
		}
		name := words[0].text
		kind, ok := known[name]
		switch {
		case !ok:
			fault(i+1, words[0].column, unknown("setting", name, slices.Sorted(maps.Keys(known))))
		case seen[name] > 0 && !kind.repeats:
			fault(i+1, words[0].column, fmt.Sprintf("%s is set twice, here and in line %d", name, seen[name]))
		case len(words) == 1:
			fault(i+1, words[0].column, fmt.Sprintf("%s has no value; it wants %s", name, kind.wants))
		case name == "start" && seen["zone"] == 0:
			fault(i+1, words[0].column, "start comes before zone, in which it is told; put the zone first")
		default:
			if bad := kind.read(&s, words[1:]); bad != nil {
				fault(i+1, bad.Column, bad.Text+"; "+name+" wants "+kind.wants)
			}
		}
		if seen[name] == 0 {
			seen[name] = i + 1
		}
	}
	for _, name := range required {
		if seen[name] == 0 {
			fault(0, 0, fmt.Sprintf("%s is missing; add a line with %s and %s", name, name, known[name].wants))
		}
	}
	return s, faults
}

// lines splits a text into lines; the last one need not end. It is kept
// simple so that a line's number is what an editor shows.
func lines(text string) []string {
	text = strings.TrimPrefix(text, "\ufeff")
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\r")
	}
	return all
}

// one reads a setting with one value.
func one(read func(s *Settings, text string) error) func(*Settings, []word) *Fault {
	return func(s *Settings, words []word) *Fault {
		if len(words) > 1 {
			return &Fault{Column: words[1].column, Text: fmt.Sprintf("%q is one word too many", words[1].shown())}
		}
		if err := read(s, words[0].shown()); err != nil {
			return &Fault{Column: words[0].column, Text: err.Error()}
		}
		return nil
	}
}

func readZone(s *Settings, text string) error {
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" {
		s.Zone = time.UTC // so that what follows can be checked
		return fmt.Errorf("%q is no time zone that is known here", text)
	}
	s.Zone = zone
	return nil
}

func readStart(s *Settings, text string) error {
	at, err := parseLocal(text, s.Zone)
	if err != nil {
		return err
	}
	s.Start = at
	return nil
}

func readQuestions(s *Settings, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no number above zero", text)
	}
	s.Questions = n
	return nil
}

func readDuration(field func(*Settings) *time.Duration) func(*Settings, []word) *Fault {
	return one(func(s *Settings, text string) error {
		d, err := parseDuration(text)
		if err == nil && d == 0 {
			err = fmt.Errorf("%q is no time at all", text)
		}
		*field(s) = d
		return err
	})
}

func readNames(what string, field func(*Settings) *[]string) func(*Settings, []word) *Fault {
	return func(s *Settings, words []word) *Fault {
		for _, w := range words {
			text := w.shown()
			switch {
			case text == "" || text == "*" || strings.ContainsAny(text, "@,|& \t"):
				return &Fault{Column: w.column, Text: fmt.Sprintf("%q can't be the name of a %s", text, what)}
			case slices.Contains(*field(s), text):
				return &Fault{Column: w.column, Text: fmt.Sprintf("%s %q is named twice", what, text)}
			}
			*field(s) = append(*field(s), text)
		}
		return nil
	}
}

func readKind(s *Settings, words []word) *Fault {
	k := Kind{Name: words[0].shown()}
	at := func(w word, text string) *Fault { return &Fault{Column: w.column, Text: text} }
	switch {
	case !kindName.MatchString(k.Name) || strings.HasPrefix(k.Name, "interlock."):
		return at(words[0], fmt.Sprintf("%q can't be the name of a kind; write it as account.suspend", k.Name))
	case slices.ContainsFunc(s.Kinds, func(other Kind) bool { return other.Name == k.Name }):
		return at(words[0], fmt.Sprintf("kind %s is there already", k.Name))
	}
	flags := map[string]*bool{"down": &k.Down, "undo": &k.Undo, "timed": &k.Timed, "idempotent": &k.Idempotent, "probe": &k.Probe}
	for _, w := range words[1:] {
		flag, ok := flags[w.shown()]
		if !ok {
			return at(w, unknown("property of a kind", w.shown(), flagsOfKinds))
		}
		*flag = true
	}
	if k.Timed && !k.Undo {
		return at(words[0], fmt.Sprintf("kind %s is timed but has no undo to end it with", k.Name))
	}
	s.Kinds = append(s.Kinds, k)
	return nil
}

// Package scenario reads the folders that elevenminutes replays: settings,
// people, accounts, a policy and a timeline. The README of elevenminutes is
// the manual of the form.
//
// Nothing is guessed: what is missing, unknown or misspelt is a [Fault] that
// names file, line and column, and all faults of a folder are reported at once.
package scenario

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// The files of a scenario's folder.
const (
	SettingsFile = "scenario.txt"
	PeopleFile   = "people.csv"
	AccountsFile = "accounts.csv"
	PolicyFile   = "policy.csv"
	TimelineFile = "timeline.txt"
)

// Scenario is a folder as it was read. Load returns only whole ones.
type Scenario struct {
	// Folder is the folder's name as it was given; positions begin with it.
	Folder   string
	Settings Settings
	People   []moderation.Actor
	Accounts []Account
	// Policies are the texts of the policies that are used, by file name.
	Policies map[string]string
	Lines    []Line
	// Timeline is the text of the timeline, line by line.
	Timeline []string
}

// Account is a target and the handles that stand for it.
type Account struct {
	Target  moderation.Target
	Handles []string
}

// Name is how people call the account: its first handle, or else its ID.
func (a Account) Name() string {
	if len(a.Handles) > 0 {
		return a.Handles[0]
	}
	return a.Target.ID
}

// Line is one line of the timeline that says something.
type Line struct {
	// Number counts from 1. Text is the line without its end.
	Number int
	Text   string
	// At is when it happens. Lines never go back in time.
	At time.Time
	// Story is a sentence for the reader; there is no Event then.
	Story string
	Event *Event
	// Want is what is expected as the answer; nil where nothing is.
	Want *Expectation
	// Arrow is where in Text the expectation begins, in bytes; where there is
	// none it is where one would go: behind the last word.
	Arrow int
}

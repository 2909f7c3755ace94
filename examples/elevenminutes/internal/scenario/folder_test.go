package scenario_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// good is a folder without a fault.
var good = map[string]string{
	scenario.SettingsFile: `title  "A morning"
zone   Europe/Berlin
start  2024-03-30T08:00
tiers  ordinary protected
labels on-call
kind   account.suspend down undo timed
kind   account.warn
`,
	scenario.PeopleFile: `login,person,type,status,last_day,labels
mod,mia,human,active,none,on-call
lead,liv,human,active,2024-12-31,
`,
	scenario.AccountsFile: `id,handles,tier,domain,reach
acct-1,@plain @simple,ordinary,en,10
acct-2,@mayor,protected,en,2000
`,
	scenario.PolicyFile: `p, moderation, request, account.*, *, *, allow
p, leads, approve, *, *, *, allow
p2, request, account.*, *, *, *, leads, -, 1h
g, mod, moderation, *, -, -
g, lead, leads, *, -, -
`,
	scenario.TimelineFile: `08:01 mod do spam account.suspend @plain for=1h "spam"  -> pending
`,
}

// folderWith is the good folder with some files exchanged; a file whose text
// is "-" is left out.
func folderWith(files map[string]string) fstest.MapFS {
	folder := make(fstest.MapFS)
	for _, texts := range []map[string]string{good, files} {
		for name, text := range texts {
			folder[name] = &fstest.MapFile{Data: []byte(text)}
			if text == "-" {
				delete(folder, name)
			}
		}
	}
	return folder
}

// changed is a good file with one text exchanged for another.
func changed(t *testing.T, file, old, text string) map[string]string {
	t.Helper()
	if !strings.Contains(good[file], old) {
		t.Fatalf("%s has no %q to change", file, old)
	}
	return map[string]string{file: strings.Replace(good[file], old, text, 1)}
}

func load(t *testing.T, files map[string]string) (*scenario.Scenario, error) {
	t.Helper()
	return scenario.Load(t.Context(), folderWith(files), "morning")
}

// lines loads a timeline that is right.
func lines(t *testing.T, timeline string) []scenario.Line {
	t.Helper()
	s, err := load(t, map[string]string{scenario.TimelineFile: timeline})
	if err != nil {
		t.Fatal(err)
	}
	return s.Lines
}

func berlin(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

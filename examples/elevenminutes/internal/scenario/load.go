package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/elevenminutes/interlock/policy"
)

// Load reads a folder: fsys holds its files, folder is how faults name it. An
// error is [Faults], which has all that is wrong, unless ctx was done.
func Load(ctx context.Context, fsys fs.FS, folder string) (*Scenario, error) {
	l := &loader{fsys: fsys, folder: folder, policies: make(map[string]string)}
	s := l.load(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, err)
	}
	if len(l.faults) > 0 {
		return nil, l.faults
	}
	return s, nil
}

type loader struct {
	fsys     fs.FS
	folder   string
	policies map[string]string
	faults   Faults
}

// load reads file after file. People and accounts can't be judged without the
// settings, nor the timeline without those.
func (l *loader) load(ctx context.Context) *Scenario {
	texts := make(map[string]string)
	for _, name := range []string{SettingsFile, PeopleFile, AccountsFile, PolicyFile, TimelineFile} {
		text, err := fs.ReadFile(l.fsys, name)
		if err != nil {
			l.faults = append(l.faults, Fault{File: l.path(name), Text: "can't be read: " + reason(err)})
		}
		texts[name] = string(text)
	}
	if len(l.faults) > 0 {
		return nil
	}
	settings, faults := parseSettings(l.path(SettingsFile), texts[SettingsFile])
	if l.faults = append(l.faults, faults...); len(faults) > 0 {
		return nil
	}
	peopleRows, people, faults := parsePeople(l.path(PeopleFile), texts[PeopleFile], settings)
	l.faults = append(l.faults, faults...)
	accountRows, accounts, faults := parseAccounts(l.path(AccountsFile), texts[AccountsFile], settings)
	l.faults = append(l.faults, faults...)
	known := len(l.faults) == 0
	l.policy(ctx, PolicyFile, texts[PolicyFile], settings)
	if !known {
		return nil
	}
	t := newTimeline(l.path(TimelineFile), settings, peopleRows, accountRows)
	t.policies = func(name string) (bool, []string) { return l.otherPolicy(ctx, name, settings) }
	events := t.parse(texts[TimelineFile])
	l.faults = append(l.faults, t.faults...)
	return &Scenario{
		Folder: l.folder, Settings: settings, People: people, Accounts: accounts,
		Policies: l.policies, Lines: events, Timeline: lines(texts[TimelineFile]),
	}
}

// newTimeline returns a timeline that knows what the tables say.
func newTimeline(file string, s Settings, people, accounts []row) *timeline {
	t := &timeline{
		file: file, settings: s, now: s.Start,
		people: make(map[string]row), accounts: make(map[string]row),
		handles: make(map[string]string), tickets: make(map[string]maker),
		policies: func(string) (bool, []string) { return false, nil },
	}
	for _, r := range people {
		t.people[r["login"].text] = r
	}
	for _, r := range accounts {
		id := r["id"].text
		t.accounts[id], t.handles[id] = r, id
		for _, handle := range r["handles"].list() {
			t.handles[handle] = id
		}
	}
	return t
}

func (l *loader) path(name string) string { return path.Join(l.folder, name) }

// policy holds a policy against the settings, as the replay will.
func (l *loader) policy(ctx context.Context, name, text string, s Settings) {
	l.policies[name] = text
	_, err := policy.Open(ctx, PolicyConfig(name, text, s))
	if err == nil || ctx.Err() != nil {
		return
	}
	var all *multierror.Error
	if !errors.As(err, &all) {
		l.faults = append(l.faults, Fault{File: l.path(name), Text: err.Error()})
		return
	}
	for _, err := range all.Errors {
		fault := Fault{File: l.path(name), Text: err.Error()}
		if row := (*policy.RowError)(nil); errors.As(err, &row) {
			fault = rowFault(l.path(name), name, row)
		}
		l.faults = append(l.faults, fault)
	}
}

// PolicyConfig is how a scenario's policy is opened.
func PolicyConfig(name, text string, s Settings) policy.Config {
	kinds := make([]string, len(s.Kinds))
	for i, k := range s.Kinds {
		kinds[i] = k.Name
	}
	return policy.Config{Source: policy.CSV(name, text), Kinds: kinds, Tiers: s.Tiers, Labels: s.Labels}
}

// rowFault gives a policy's error the form of the other faults.
func rowFault(file, name string, row *policy.RowError) Fault {
	bare := *row
	bare.Source = ""
	fault := Fault{File: file, Text: strings.TrimPrefix(bare.Error(), ": ")}
	if number, ok := strings.CutPrefix(row.Source, name+":"); ok {
		if _, err := fmt.Sscanf(number, "%d", &fault.Line); err != nil {
			fault.Line = 0
		}
	}
	return fault
}

// otherPolicy reads a policy that the timeline names. Its faults are reported
// once.
func (l *loader) otherPolicy(ctx context.Context, name string, s Settings) (ok bool, others []string) {
	if _, read := l.policies[name]; read {
		return true, nil
	}
	text, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		found, _ := fs.Glob(l.fsys, "*.csv")
		found = slices.DeleteFunc(found, func(name string) bool { return name == PeopleFile || name == AccountsFile })
		return false, slices.Sorted(maps.Keys(toSet(found)))
	}
	l.policy(ctx, name, string(text), s)
	return true, nil
}

func toSet(names []string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range names {
		set[name] = true
	}
	return set
}

// reason is an error of the file system without the path, which the fault has.
func reason(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/elevenminutes/interlock/moderation"
)

func accountColumns() []column {
	return []column{
		{name: "id", required: true},
		{name: "handles"},
		{name: "tier", required: true},
		{name: "domain", required: true},
		{name: "reach", fill: "0"},
		{name: "owners"},
		{name: "conflicts"},
	}
}

// readAccount makes an account of a row.
func readAccount(r row, s Settings) (Account, []problem) {
	var problems []problem
	wrong := func(column, format string, args ...any) {
		problems = append(problems, problem{column, fmt.Sprintf(format, args...)})
	}
	a := Account{
		Target: moderation.Target{
			ID:        r["id"].text,
			Tier:      r["tier"].text,
			Domain:    r["domain"].text,
			Owners:    r["owners"].list(),
			Conflicts: r["conflicts"].list(),
		},
		Handles: r["handles"].list(),
	}
	if !slices.Contains(s.Tiers, a.Target.Tier) {
		wrong("tier", "%s; %s lists them", unknown("tier", a.Target.Tier, s.Tiers), SettingsFile)
	}
	reach, err := strconv.ParseInt(r["reach"].text, 10, 64)
	if err != nil || reach < 0 {
		wrong("reach", "%q is no number of people", r["reach"].text)
	}
	a.Target.Reach = reach
	if len(problems) == 0 {
		if err := new(moderation.MapDirectory).SetTarget(a.Target, a.Handles...); err != nil {
			wrong("id", "%s", plain(err))
		}
	}
	return a, problems
}

func parseAccounts(file, text string, s Settings) ([]row, []Account, Faults) {
	rows, faults := parseTable(file, text, accountColumns())
	var accounts []Account
	names := make(map[string]string) // ID by handle or ID
	for _, r := range rows {
		a, problems := readAccount(r, s)
		faults = append(faults, inTable(file, r, problems)...)
		for column, values := range map[string][]string{"id": {a.Target.ID}, "handles": a.Handles} {
			for _, name := range values {
				if owner, taken := names[name]; taken && (column == "id" || owner != a.Target.ID) {
					c := r[column]
					faults = append(faults, Fault{file, c.line, c.column, fmt.Sprintf("%s: %q stands for %q already", column, name, owner)})
				}
			}
		}
		for _, name := range append(a.Handles, a.Target.ID) {
			names[name] = a.Target.ID
		}
		accounts = append(accounts, a)
	}
	if len(faults) == 0 && len(accounts) == 0 {
		faults = append(faults, Fault{File: file, Text: "has no account in it"})
	}
	return rows, accounts, faults.byLine()
}

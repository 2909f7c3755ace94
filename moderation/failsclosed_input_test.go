package moderation_test

import (
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// fcText is a text that is refused as a name.
type fcText struct{ name, value, says string }

func fcBadNames() []fcText {
	return []fcText{
		{"absurdly long", strings.Repeat("x", moderation.MaxName+1), "at most 256 are allowed"},
		{"not UTF-8", "mod\xff", "not valid UTF-8"},
		{"with a zero-width space", "mo\u200bd", "character (U+200B)"},
		{"with a NUL", "mo\x00d", "character (U+0000)"},
		{"with a text direction override", "mo\u202ed", "character (U+202E)"},
		{"with a no-break space", "mo\u00a0d", "no plain blank (U+00A0)"},
		{"with a line separator", "mo\u2028d", "(U+2028)"},
		{"with a filler that shows nothing", "mo\u3164d", "(U+3164)"},
		{"with a variation selector", "mod\ufe0f", "(U+FE0F)"},
		{"with a space at its end", "mod ", "begins or ends with white space"},
	}
}

func fcBadReasons() []fcText {
	return []fcText{
		{"empty", "", "is empty; say why"},
		{"blank", " \n\t", "is blank; say why"},
		{"invisible", "\u200b\u200b", "say why"},
		{"absurdly long", strings.Repeat("x", moderation.MaxReason+1), "at most 4096 are allowed"},
		{"not UTF-8", "spam\xff", "not valid UTF-8"},
		{"with a NUL", "sp\x00am", "control character (U+0000)"},
		{"with a text direction override", "spam \u202emaps", "character (U+202E)"},
	}
}

// fcFields are the texts of an action and how a row sets them.
func fcInputRows() []fcRow {
	type set func(a *moderation.Action, text string)
	var rows []fcRow
	add := func(field string, text fcText, set set) {
		a := suspend("mod", "@one", "k")
		set(&a, text.value)
		rows = append(rows, fcRow{
			name: "an action whose " + field + " is " + text.name + " is refused",
			act:  fcDo(a), code: moderation.CodeInvalid, says: []string{field, text.says},
		})
	}
	required := fcText{"empty", "", "is empty; it is required"}
	for _, f := range []struct {
		field    string
		set      set
		required bool
	}{
		{"Action.Kind", func(a *moderation.Action, text string) { a.Kind = text }, true},
		{"Action.Actor", func(a *moderation.Action, text string) { a.Actor = text }, true},
		{"Action.Target", func(a *moderation.Action, text string) { a.Target = text }, true},
		{"Action.Tier", func(a *moderation.Action, text string) { a.Tier = text }, false},
		{"Action.Case", func(a *moderation.Action, text string) { a.Case = text }, false},
		{"Action.Key", func(a *moderation.Action, text string) { a.Key = text }, true},
		{"Action.Parameters", func(a *moderation.Action, text string) { a.Parameters = map[string]string{text: "x"} }, true},
	} {
		if f.required {
			add(f.field, required, f.set)
		}
		for _, text := range fcBadNames() {
			add(f.field, text, f.set)
		}
	}
	for _, text := range fcBadReasons() {
		add("Action.Reason", text, func(a *moderation.Action, text string) { a.Reason = text })
	}
	value := func(a *moderation.Action, text string) { a.Parameters = map[string]string{"note": text} }
	add("Action.Parameters", fcText{"too long a value", strings.Repeat("x", moderation.MaxParameter), "at most 1024"}, value)
	add("Action.Parameters", fcText{"a value that is not UTF-8", "\xff", "not valid UTF-8"}, value)
	add("Action.Parameters", fcText{"more than 32", "", "at most 32"}, func(a *moderation.Action, _ string) {
		a.Parameters = make(map[string]string)
		for i := range moderation.MaxParameters + 1 {
			a.Parameters[strings.Repeat("x", i+1)] = "y"
		}
	})
	return rows
}

func fcDurationRows() []fcRow {
	lasting := func(d time.Duration) func(*fcWorld) error {
		a := suspend("mod", "@one", "k")
		a.Duration = d
		return fcDo(a)
	}
	limit := suspend("mod", "@one", "k")
	limit.Kind = moderation.Limit
	return []fcRow{
		{name: "a timed kind without a duration is refused", act: lasting(0), code: moderation.CodeInvalid, says: []string{"Action.Duration is missing"}},
		{name: "a negative duration is refused", act: lasting(-time.Hour), code: moderation.CodeInvalid, says: []string{"at least a second"}},
		{name: "the most negative duration is refused", act: lasting(-1 << 63), code: moderation.CodeInvalid, says: []string{"at least a second"}},
		{name: "a duration under a second is refused", act: lasting(time.Second - 1), code: moderation.CodeInvalid, says: []string{"at least a second"}},
		{name: "a duration of a kind that does not last is refused", act: fcDo(limit), code: moderation.CodeInvalid, says: []string{"does not last"}},
		{name: "the longest duration but Permanent is executed", act: lasting(moderation.Permanent - 1), ok: true, ran: 1, after: func(w *fcWorld) {
			time.Sleep(24 * time.Hour)
			if got := len(w.handler.InForce("acct-1")); got != 1 {
				w.t.Errorf("%d restrictions in force, want 1", got)
			}
		}},
	}
}

// fcClaimRows are about claims that are well formed and wrong.
func fcClaimRows() []fcRow {
	claim := func(change func(*moderation.Action)) func(*fcWorld) error {
		a := suspend("mod", "@one", "k")
		change(&a)
		return fcDo(a)
	}
	return []fcRow{
		{name: "a kind that nobody registered is refused", act: claim(func(a *moderation.Action) { a.Kind = "account.delete" }),
			code: moderation.CodeUnknownKind, is: []error{moderation.ErrInvalid}, says: []string{"account.delete"}},
		{name: "a kind in other letters is refused", act: claim(func(a *moderation.Action) { a.Kind = "Account.Suspend" }), code: moderation.CodeUnknownKind},
		{name: "the wildcard is no kind", act: claim(func(a *moderation.Action) { a.Kind = moderation.Any }), code: moderation.CodeUnknownKind},
		{name: "a freeze can't be asked for as an action", act: claim(func(a *moderation.Action) { a.Kind = moderation.FreezeKind }), code: moderation.CodeUnknownKind},
		{name: "an actor whom nobody knows is refused", act: claim(func(a *moderation.Action) { a.Actor = "nobody" }),
			code: moderation.CodeUnknownActor, is: []error{moderation.ErrDenied, moderation.ErrUnknownActor}, says: []string{"nobody"}},
		{name: "a target that nobody knows is refused", act: claim(func(a *moderation.Action) { a.Target = "@nobody" }),
			code: moderation.CodeUnknownTarget, is: []error{moderation.ErrDenied, moderation.ErrUnknownTarget}, says: []string{"@nobody"}},
		{name: "a target of another tier than the actor expected is refused", act: claim(func(a *moderation.Action) { a.Tier = "protected" }),
			code: moderation.CodeTierMismatch, is: []error{moderation.ErrDenied}, says: []string{"standard", "protected"}},
		{name: "the wildcard is no tier", act: claim(func(a *moderation.Action) { a.Tier = moderation.Any }), code: moderation.CodeTierMismatch},
		{name: "an actor without a role is refused", act: claim(func(a *moderation.Action) { a.Actor = "stranger" }),
			code: moderation.CodeNoRule, is: []error{moderation.ErrDenied}, says: []string{"stranger", "role lead"}},
		{name: "a role is no login", act: claim(func(a *moderation.Action) { a.Actor = "moderator" }), code: moderation.CodeUnknownActor},
		{name: "the ID under which freezes stand is no target", fault: func(w *fcWorld) {
			w.directory.SetTarget(moderation.Target{ID: moderation.FreezeTarget, Tier: "standard", Domain: "en"})
		}, act: claim(func(a *moderation.Action) { a.Target = moderation.FreezeTarget }), code: moderation.CodeDirectory},
	}
}

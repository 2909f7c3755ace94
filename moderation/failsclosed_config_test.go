package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcSink is a sink that can't be replayed.
type fcSink struct{ audit.Sink }

// fcFuncAuthorizer, fcMapDirectory and fcSliceLimiter are dependencies whose
// nil is neither a nil interface nor a nil pointer.
type (
	fcFuncAuthorizer func(context.Context, moderation.Question) (moderation.Decision, error)
	fcMapDirectory   map[string]moderation.Actor
	fcSliceLimiter   []moderation.Usage
)

func (f fcFuncAuthorizer) Decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	return f(ctx, q)
}

func (d fcMapDirectory) Actor(_ context.Context, login string) (moderation.Actor, error) {
	return d[login], nil
}
func (fcMapDirectory) Resolve(_ context.Context, handle string) (string, error) { return handle, nil }
func (fcMapDirectory) Target(_ context.Context, id string) (moderation.Target, error) {
	return moderation.Target{ID: id}, nil
}

func (l fcSliceLimiter) Take(context.Context, moderation.Charge) (moderation.Usage, error) {
	return l[0], nil
}
func (l fcSliceLimiter) Peek(context.Context, moderation.Charge) (moderation.Usage, error) {
	return l[0], nil
}

// fcConfigCases spoil a configuration; New must name every field at fault.
func fcConfigCases() []fcCase {
	type spoil func(*moderation.Config)
	apply := func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }
	kind := func(change func(*moderation.Kind)) spoil {
		return func(c *moderation.Config) {
			c.Kinds = slices.Clone(c.Kinds)
			change(&c.Kinds[0])
		}
	}
	named := func(name string) spoil { return kind(func(k *moderation.Kind) { k.Name = name }) }
	rows := []struct {
		name   string
		spoil  spoil
		fields []string
		says   string
	}{
		{"the zero Config", func(c *moderation.Config) { *c = moderation.Config{} }, []string{"Directory", "Authorizer", "Limiter", "Audit", "Kinds", "Tiers"}, ""},
		{"no directory", func(c *moderation.Config) { c.Directory = nil }, []string{"Directory"}, "nil"},
		{"no authorizer", func(c *moderation.Config) { c.Authorizer = nil }, []string{"Authorizer"}, "nil"},
		{"no limiter", func(c *moderation.Config) { c.Limiter = nil }, []string{"Limiter"}, "nil"},
		{"neither trail nor store", func(c *moderation.Config) { c.Audit = nil }, []string{"Audit"}, "nothing may run unrecorded"},
		{"a typed nil directory", func(c *moderation.Config) { c.Directory = (*moderationtest.Directory)(nil) }, []string{"Directory"}, "nil"},
		{"a directory that is a nil map", func(c *moderation.Config) { c.Directory = fcMapDirectory(nil) }, []string{"Directory"}, "nil"},
		{"a typed nil authorizer", func(c *moderation.Config) { c.Authorizer = (*moderationtest.Authorizer)(nil) }, []string{"Authorizer"}, "nil"},
		{"an authorizer that is a nil function", func(c *moderation.Config) { c.Authorizer = fcFuncAuthorizer(nil) }, []string{"Authorizer"}, "nil"},
		{"a typed nil limiter", func(c *moderation.Config) { c.Limiter = (*moderationtest.Limiter)(nil) }, []string{"Limiter"}, "nil"},
		{"a limiter that is a nil slice", func(c *moderation.Config) { c.Limiter = fcSliceLimiter(nil) }, []string{"Limiter"}, "nil"},
		{"a typed nil trail", func(c *moderation.Config) { c.Audit = (*audit.Memory)(nil) }, []string{"Audit"}, "nil pointer"},
		{"a typed nil gate besides a store", func(c *moderation.Config) { c.Store, c.Audit = &moderation.MemoryStore{}, (*audit.Memory)(nil) }, []string{"Audit"}, "nil pointer"},
		{"a typed nil store", func(c *moderation.Config) { c.Store = (*moderation.MemoryStore)(nil) }, []string{"Store"}, "nil pointer"},
		{"a typed nil store and no trail", func(c *moderation.Config) { c.Store, c.Audit = (*moderation.MemoryStore)(nil), nil }, []string{"Store"}, ""},
		{"a trail that can't be replayed", func(c *moderation.Config) { c.Audit, c.ForgetOnExit = fcSink{&audit.Memory{}}, false }, []string{"Audit"}, "ForgetOnExit"},
		{"a trail in memory without ForgetOnExit", func(c *moderation.Config) { c.ForgetOnExit = false }, []string{"Audit"}, "ForgetOnExit"},
		{"no kinds", func(c *moderation.Config) { c.Kinds = nil }, []string{"Kinds"}, "empty"},
		{"a kind without a name", named(""), []string{"Kinds[0]"}, "name"},
		{"a kind's name of one part", named("suspend"), []string{"Kinds[0]"}, "parts joined by dots"},
		{"a kind's name in capitals", named("Account.Suspend"), []string{"Kinds[0]"}, "lower-case"},
		{"a kind's name with an empty part", named("account..suspend"), []string{"Kinds[0]"}, ""},
		{"a kind's name with a wildcard", named("account.*"), []string{"Kinds[0]"}, ""},
		{"a kind's name with a line break", named("account.suspend\n"), []string{"Kinds[0]"}, ""},
		{"a kind's name in another script", named("account.s\u0443spend"), []string{"Kinds[0]"}, ""},
		{"a kind's name that is too long", named("a." + strings.Repeat("x", moderation.MaxName)), []string{"Kinds[0]"}, ""},
		{"a kind under the library's own name", named(moderation.FreezeKind), []string{"Kinds[0]"}, "library's own"},
		{"another kind under the library's own name", named("interlock.policy.changes"), []string{"Kinds[0]"}, "library's own"},
		{"a change of the policy that lasts for a time", named(moderation.PolicyChangeKind), []string{"Kinds[0]"}, "Timed"},
		{"a change of the policy without Undo", kind(func(k *moderation.Kind) { *k = moderation.Kind{Name: moderation.PolicyChangeKind, Apply: k.Apply} }), []string{"Kinds[0]"}, "no Undo"},
		{"a kind that is registered twice", func(c *moderation.Config) { c.Kinds = append(slices.Clone(c.Kinds), c.Kinds[0]) }, []string{"Kinds[3]"}, "second time"},
		{"a kind without Apply", kind(func(k *moderation.Kind) { k.Apply = nil }), []string{"Kinds[0]"}, "no Apply"},
		{"a timed kind without Undo", kind(func(k *moderation.Kind) { k.Undo = nil }), []string{"Kinds[0]"}, "no Undo"},
		{"no tiers", func(c *moderation.Config) { c.Tiers = nil }, []string{"Tiers"}, "empty"},
		{"a tier without a name", func(c *moderation.Config) { c.Tiers = []string{"standard", ""} }, []string{"Tiers"}, "Tiers[1]"},
		{"a tier named twice", func(c *moderation.Config) { c.Tiers = []string{"standard", "protected", "standard"} }, []string{"Tiers"}, "twice"},
		{"a tier named as the wildcard", func(c *moderation.Config) { c.Tiers = []string{"standard", moderation.Any} }, []string{"Tiers"}, "every tier"},
		{"a tier with an invisible character", func(c *moderation.Config) { c.Tiers = []string{"standard", "protec\u200bted"} }, []string{"Tiers"}, "U+200B"},
		{"a negative bound on questions", func(c *moderation.Config) { c.Questions = -1 }, []string{"Questions"}, "negative"},
		{"undo that must be fresher than the rest", func(c *moderation.Config) { c.MaxStaleness, c.MaxUndoStaleness = time.Hour, time.Minute }, []string{"MaxUndoStaleness"}, "less than"},
		{"an unstated MaxStaleness above MaxUndoStaleness", func(c *moderation.Config) { c.MaxUndoStaleness = time.Second }, []string{"MaxUndoStaleness"}, "less than"},
		{"many faults at once", func(c *moderation.Config) {
			c.Directory, c.Limiter, c.Tiers = nil, nil, []string{"", ""}
			c.Kinds = []moderation.Kind{{}, {Name: "a.b"}, {Name: "a.b", Apply: apply}}
			c.Notice, c.Questions = -1, -1
		}, []string{"Directory", "Limiter", "Kinds[0]", "Kinds[1]", "Kinds[2]", "Tiers", "Notice", "Questions"}, ""},
	}
	for _, d := range []string{"Notice", "MaxStaleness", "MaxUndoStaleness", "Lately", "MaxFreeze", "DecideTimeout", "RecordTimeout", "HandlerTimeout", "ResolveGrace"} {
		rows = append(rows, struct {
			name   string
			spoil  spoil
			fields []string
			says   string
		}{"a negative " + d, func(c *moderation.Config) { *fcDuration(c, d) = -time.Nanosecond }, []string{d}, "can't be negative"})
	}
	var cases []fcCase
	for _, r := range rows {
		cases = append(cases, fcCase{"New refuses " + r.name, func(t *testing.T) {
			w := newWorld(t)
			r.spoil(&w.config)
			guard, err := moderation.New(t.Context(), w.config)
			if err == nil || guard != nil {
				t.Fatalf("New returned %v, %v", guard, err)
			}
			if got := fcFaults(err); !fcContainsAll(got, r.fields) {
				t.Errorf("%v names %v, want %v", err, got, r.fields)
			}
			if !strings.Contains(err.Error(), r.says) {
				t.Errorf("%q does not say %q", err, r.says)
			}
		}})
	}
	return append(cases, fcOpenCases()...)
}

// fcDuration is the field of that name.
func fcDuration(c *moderation.Config, name string) *time.Duration {
	return map[string]*time.Duration{
		"Notice": &c.Notice, "MaxStaleness": &c.MaxStaleness, "MaxUndoStaleness": &c.MaxUndoStaleness,
		"Lately": &c.Lately, "MaxFreeze": &c.MaxFreeze, "DecideTimeout": &c.DecideTimeout,
		"RecordTimeout": &c.RecordTimeout, "HandlerTimeout": &c.HandlerTimeout, "ResolveGrace": &c.ResolveGrace,
	}[name]
}

// fcFaults lists the fields that an error of New names.
func fcFaults(err error) []string {
	var all *multierror.Error
	if !errors.As(err, &all) {
		return []string{fmt.Sprintf("no fields (%T)", err)}
	}
	var fields []string
	for _, err := range all.Errors {
		var fault *moderation.ConfigError
		if !errors.As(err, &fault) || fault.Problem == "" {
			return []string{err.Error()}
		}
		fields = append(fields, fault.Field)
	}
	return fields
}

func fcContainsAll(got, want []string) bool {
	return !slices.ContainsFunc(want, func(field string) bool { return !slices.Contains(got, field) })
}

// fcOpenCases are about a trail that New can't read.
func fcOpenCases() []fcCase {
	refuses := func(name string, ctx func(*testing.T) context.Context, trail audit.Sink, is error) fcCase {
		return fcCase{"New refuses " + name, func(t *testing.T) {
			w := newWorld(t)
			w.config.Audit = trail
			guard, err := moderation.New(ctx(t), w.config)
			if guard != nil || !errors.Is(err, is) {
				t.Errorf("New returned %v, %v, want no guard and %v", guard, err, is)
			}
		}}
	}
	alive := func(t *testing.T) context.Context { return t.Context() }
	failing := &audittest.Faulty{Replayed: func(int, audit.Record) ([]audit.Record, error) { return nil, errFC }}
	if err := failing.Append(context.Background(), audit.Record{ID: "1", Event: audit.EventRefused, Time: time.Now()}); err != nil {
		panic(err)
	}
	return []fcCase{
		refuses("a trail that can't be read to its end", alive, failing, errFC),
		refuses("to go on when its context is done", func(t *testing.T) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}, &audit.Memory{}, context.Canceled),
		{"New refuses a nil context", func(t *testing.T) {
			w := newWorld(t)
			var none context.Context
			if guard, err := moderation.New(none, w.config); guard != nil || err == nil {
				t.Errorf("New returned %v, %v", guard, err)
			}
		}},
		{"New refuses a limiter that can't be rebuilt from the trail", func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k")); err != nil {
				t.Fatal(err)
			}
			w.limiter.OnRestore.Inject(moderationtest.Fail(errFC))
			if guard, err := moderation.New(t.Context(), w.config); guard != nil || !errors.Is(err, errFC) {
				t.Errorf("New returned %v, %v, want no guard and %v", guard, err, errFC)
			}
		}},
	}
}

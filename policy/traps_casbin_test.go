package policy_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// The ways in which Casbin enforcers allow what they should not, or break, and
// the tests that show each of them with the Casbin of go.mod, and that neither
// a policy in our own language nor a host's own model is caught by it:
//
//	zero enforcers allow; EnableEnforce(false)           TestTrapEnforcerThatAllowsEverything
//	deny-override alone allows strangers                 TestTrapDenyOverrideAlone
//	an empty policy, asked about nothing                 TestTrapEmptyPolicy
//	an empty policy, keyMatch and regexMatch             TestTrapEmptyPolicy
//	the default watcher reloads without the lock         TestTrapReloadPastTheLock
//	methods outside the lock                             TestTrapReloadPastTheLock
//	a failed load wipes the roles                        TestTrapFailedLoad
//	errors of loads are dropped                          TestTrapErrorsOfLoads
//	cached enforcers serve stale allows                  TestTrapStaleCache
//	cache keys joined with $$ collide                    TestTrapNamesThatCollide
//	rows joined with , collide                           TestTrapNamesThatCollide
//	RemovePolicy breaks the order of priority            TestTrapOrderAfterRemoval
//	effects that are misspelt or blank                   TestTrapEffectsThatAreMisspelt
//	an effect column of another name                     TestTrapEffectsThatAreMisspelt
//	further columns of g are dropped; * as a domain      TestTrapColumnsOfRoles
//	conditions that are not registered, or after a load  TestTrapConditionsOfRoles
//	a second hop without its condition                   TestTrapConditionsOfRoles
//	TimeMatch goes by the wall clock, in UTC             TestTrapConditionsOfRoles
//	more than ten roles drop denials                     TestTrapDeepRoles
//	a login named like a role                            TestTrapLoginNamedLikeRole
//	a blank login in g                                   TestTrapBlankLogin
//	live slices                                          TestTrapLiveSlices
//	one short row, bad pattern or bad expression         TestTrapRowThatFailsAll
//	subjectPriority and a circle of roles                TestTrapCircleOfRoles
//	panics that are not recovered                        TestTrapPanics
//	Casbin's types in what hosts call                    TestTrapEnforcerThatAllowsEverything

// plain is Casbin with rows, as its documentation sets it up.
func plain(t *testing.T, text string, rows ...[]string) *casbin.Enforcer {
	t.Helper()
	m, err := model.NewModelFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, adapterOf(rows...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func enforce(t *testing.T, e interface{ Enforce(...any) (bool, error) }, values ...any) bool {
	t.Helper()
	ok, err := e.Enforce(values...)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// caught reports where Casbin is no longer caught by a trap: the row may go
// from the table then.
func caught(t *testing.T, is bool, trap string) {
	t.Helper()
	if !is {
		t.Errorf("Casbin is not caught any more: %s", trap)
	}
}

// refusedAsModel opens a model that must be refused for a reason.
func refusedAsModel(t *testing.T, c policy.ModelConfig, want string) {
	t.Helper()
	if _, err := policy.OpenModel(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("OpenModel: %v, want %q", err, want)
	}
}

// refusedAsPolicy opens a policy that must be refused for a reason.
func refusedAsPolicy(t *testing.T, text, want string) {
	t.Helper()
	if _, err := policy.Open(t.Context(), config(text)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Open: %v, want %q", err, want)
	}
}

func TestTrapEnforcerThatAllowsEverything(t *testing.T) {
	t.Parallel()
	caught(t, enforce(t, new(casbin.Enforcer), "eve"), "the zero Enforcer allows")
	made, err := casbin.NewEnforcer()
	if err != nil {
		t.Fatal(err)
	}
	caught(t, enforce(t, made, "eve"), "NewEnforcer() allows")
	off := plain(t, basicModel(basicPolicy, "", someAllow, basicMatcher), []string{"p", "ann", "account.suspend", "normal"})
	off.EnableEnforce(false)
	caught(t, enforce(t, off, "eve", "account.suspend", "normal"), "EnableEnforce(false) allows")

	for _, a := range []moderation.Authorizer{new(policy.Authorizer), (*policy.Authorizer)(nil), new(policy.ModelAuthorizer), (*policy.ModelAuthorizer)(nil)} {
		if d, err := a.Decide(t.Context(), ask("ann")); err == nil || d.Allowed {
			t.Errorf("the zero %T: %+v, %v", a, d, err)
		}
	}
	zero := new(policy.ModelAuthorizer)
	if zero.Reload(t.Context()) == nil || zero.Digest() != "" || zero.Rows() != nil {
		t.Error("the zero ModelAuthorizer does something")
	}
	// Nobody is given an enforcer, or any of Casbin's types, to switch off.
	for _, of := range []any{zero, new(policy.Authorizer), new(policy.Policy), new(policy.ProbeError)} {
		for n := range reflect.TypeOf(of).NumMethod() {
			method := reflect.TypeOf(of).Method(n)
			for i := range method.Type.NumOut() {
				if strings.Contains(method.Type.Out(i).PkgPath()+method.Type.Out(i).String(), "casbin") {
					t.Errorf("%T.%s returns Casbin's %s", of, method.Name, method.Type.Out(i))
				}
			}
		}
	}
}

func TestTrapDenyOverrideAlone(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "", "e = !some(where (p.eft == deny))", basicMatcher)
	rows := "p, ann, account.suspend, normal, allow\np, bob, account.suspend, normal, deny\n"
	e := plain(t, text, []string{"p", "bob", "account.suspend", "normal", "deny"})
	caught(t, enforce(t, e, "eve", "anything", "at all"), "deny-override alone allows strangers")
	caught(t, enforce(t, plain(t, text), "eve", "anything", "at all"), "deny-override allows on an empty policy")

	refusedAsModel(t, threeColumns(text, rows), "allows everybody whatever no row denies")
	if allowed(t, open(t, base+"p, director, request, *, *, *, deny\n"), ask("eve")) {
		t.Error("a stranger is allowed")
	}
}

func TestTrapEmptyPolicy(t *testing.T) {
	t.Parallel()
	for matcher, asked := range map[string][]any{
		basicMatcher:                        {"", "", ""},
		"m = regexMatch(r.sub, p.sub)":      {"eve", "account.suspend", "normal"},
		"m = keyMatch(p.sub, r.sub)":        {"*", "account.suspend", "normal"},
		"m = r.sub == p.sub || p.act == ''": {"eve", "account.suspend", "normal"},
		"m = keyMatch2(r.sub, p.sub)":       {"", "", ""},
	} {
		text := basicModel(basicPolicy, "", someAllow, matcher)
		caught(t, enforce(t, plain(t, text), asked...), matcher+" allows on an empty policy")
		refusedAsModel(t, threeColumns(text, ""), "the policy is empty")
		if strings.HasPrefix(matcher, "m = regexMatch") {
			refusedAsModel(t, threeColumns(text, "p, , account.suspend, normal\n"), "is empty")
		}
	}
	refusedAsPolicy(t, "", "empty")
	// A reload that finds nothing keeps what there was.
	s := new(source)
	s.setText(ownRows)
	c := modelConfig(ownModel, "")
	c.Source = s
	a := openModel(t, c)
	s.setText("")
	if err := a.Reload(t.Context()); err == nil || !modelAllows(t, a, ask("ann")) || modelAllows(t, a, ask("eve")) {
		t.Errorf("Reload: %v", err)
	}
}

// callbackWatcher keeps the callback that Casbin sets.
type callbackWatcher struct {
	persist.Watcher
	callback func(string)
}

func (w *callbackWatcher) SetUpdateCallback(f func(string)) error { w.callback = f; return nil }

// Casbin is shown without a race: what takes no lock goes on while the lock is
// held. Ours is shown by TestModelDecidesWhileItIsReloaded and
// TestDecisionsDuringReloadsAreFromOneVersion, under the race detector.
func TestTrapReloadPastTheLock(t *testing.T) {
	t.Parallel()
	m, err := model.NewModelFromString(basicModel(basicPolicy, "", someAllow, basicMatcher))
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewSyncedEnforcer(m, adapterOf([]string{"p", "ann", "account.suspend", "normal"}))
	if err != nil {
		t.Fatal(err)
	}
	w := new(callbackWatcher)
	if err := e.SetWatcher(w); err != nil {
		t.Fatal(err)
	}
	e.GetLock().Lock() // as if another goroutine changed the policy
	before := e.GetModel()
	w.callback("")
	e.EnableEnforce(false)
	caught(t, reflect.ValueOf(e.GetModel()).Pointer() != reflect.ValueOf(before).Pointer(), "the watcher reloads, and the rest reads and writes, without the lock")
	e.GetLock().Unlock()
}

func TestTrapFailedLoad(t *testing.T) {
	t.Parallel()
	text := basicModel(effectPolicy, "g = _, _", allowAndDeny, roleMatcher)
	rows := [][]string{{"p", "ann", "account.suspend", "normal", "allow"}, {"p", "barred", "account.suspend", "normal", "deny"}, {"g", "ann", "barred"}}
	if enforce(t, plain(t, text, rows...), "ann", "account.suspend", "normal") {
		t.Fatal("Casbin allows who is barred")
	}
	e := plain(t, text, rows...) // one that has not answered yet: it remembers
	e.SetAdapter(adapterOf(append([][]string{{"g", "short"}}, rows...)...))
	if err := e.LoadPolicy(); err == nil {
		t.Fatal("Casbin loaded a short row")
	}
	caught(t, enforce(t, e, "ann", "account.suspend", "normal"), "a failed load wipes the roles, and denials with them")

	good := "p, ann, account.suspend, normal, allow\np, barred, account.suspend, normal, deny\ng, ann, barred\n"
	s := new(source)
	s.setText(good)
	c := threeColumns(text, "")
	c.Source = s
	a := openModel(t, c)
	for name, load := range map[string]func(context.Context) ([]policy.Row, error){
		"a short row": policy.CSV("rows.csv", good+"g, short\n").Load,
		"an error":    func(context.Context) ([]policy.Row, error) { return nil, errors.New("boom") },
		"a panic":     func(context.Context) ([]policy.Row, error) { panic("boom") },
	} {
		s.set(load)
		if err := a.Reload(t.Context()); err == nil {
			t.Errorf("%s: Reload: no error", name)
		}
		if d, err := a.Decide(t.Context(), ask("ann")); err != nil || d.Allowed || d.Code != moderation.CodeDenied {
			t.Errorf("%s: %+v, %v; want denied by the row of the version before", name, d, err)
		}
	}
	// Of a policy: TestFailedReloadKeepsTheLastVersionWhole.
}

func TestTrapErrorsOfLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		m, err := model.NewModelFromString(basicModel(basicPolicy, "", someAllow, basicMatcher))
		if err != nil {
			t.Fatal(err)
		}
		e, err := casbin.NewSyncedEnforcer(m, casbinAdapter{load: func(m model.Model) error {
			if loads.Add(1) > 1 {
				return errors.New("the table is gone")
			}
			return m.AddPolicy("p", "p", []string{"ann", "account.suspend", "normal"})
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.StartAutoLoadPolicy(time.Minute)
		time.Sleep(24*time.Hour + 1)
		caught(t, loads.Load() > 1000 && enforce(t, e, "ann", "account.suspend", "normal"), "for a day each load fails, and nobody is told")
		e.StopAutoLoadPolicy()
	})
	// Ours says so, and past a bound it denies: TestTrapFailedLoad,
	// TestModelThatIsTooOld and TestPolicyThatIsTooOld.
}

func TestTrapStaleCache(t *testing.T) {
	t.Parallel()
	m, err := model.NewModelFromString(basicModel(basicPolicy, "g = _, _", someAllow, roleMatcher))
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewCachedEnforcer(m, adapterOf([]string{"p", "mod", "account.suspend", "normal"}, []string{"g", "ann", "mod"}))
	if err != nil {
		t.Fatal(err)
	}
	e.EnableAutoSave(false)
	first := enforce(t, e, "ann", "account.suspend", "normal")
	if _, err := e.RemoveGroupingPolicy("ann", "mod"); err != nil {
		t.Fatal(err)
	}
	caught(t, first && enforce(t, e, "ann", "account.suspend", "normal"), "the cache still allows who lost the role")

	s := new(source)
	s.setText(ownRows)
	c := modelConfig(ownModel, "")
	c.Source = s
	a := openModel(t, c)
	s.setText(strings.Replace(ownRows, "g, ann, mod, en\n", "", 1))
	if !modelAllows(t, a, ask("ann")) || a.Reload(t.Context()) != nil || modelAllows(t, a, ask("ann")) {
		t.Error("who lost the role is allowed")
	}
	// Of a policy: TestReloadTakesForceWhole.
}

func TestTrapPanics(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/rows.csv"
	writeFile(t, path, ", ann, account.suspend, normal\n")
	m, err := model.NewModelFromString(basicModel(basicPolicy, "", someAllow, basicMatcher))
	if err != nil {
		t.Fatal(err)
	}
	panicked := func() (p any) {
		defer func() { p = recover() }()
		_, _ = casbin.NewEnforcer(m, fileadapter.NewAdapter(path))
		return nil
	}()
	caught(t, panicked != nil, "a row that begins with a comma panics")

	c := threeColumns(basicModel(basicPolicy, "", someAllow, basicMatcher), "")
	c.Source = policy.Adapter("rows", fileadapter.NewAdapter(path))
	refusedAsModel(t, c, "panicked")
	own := config("")
	own.Source = c.Source
	if _, err := policy.Open(t.Context(), own); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("Open: %v", err)
	}
}

package moderation

import (
	"reflect"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Every field of a record, also one that is added later, must change its hash.
func TestRecordHashCoversEveryField(t *testing.T) {
	t.Parallel()
	salted := newMemoryStore(ssNothing{})
	unsalted := newMemoryStore(ssNothing{})
	unsalted.snapshots = nil
	for _, s := range []*MemoryStore{salted, unsalted} {
		rhCoversEveryField(t, func(r *audit.Record) uint64 { return s.fingerprint(r).body })
	}
}

func rhCoversEveryField(t *testing.T, hash func(*audit.Record) uint64) {
	t.Helper()
	full := func() audit.Record {
		return audit.Record{
			ID: "id", Ticket: "t", Revision: 1, Event: audit.EventIntent, Step: "request", Time: time.Unix(1, 1).UTC(),
			Actor: audit.Actor{Login: "l", Person: "p", Type: "human"}, Target: audit.Target{ID: "x", Tier: "y", Domain: "z", Reach: 1},
			Kind: "k", Reason: "r", Case: "c", Digest: "d",
			Decision: &audit.Decision{Allowed: true, Code: "c", Text: "t", Rules: []audit.Rule{{Source: "s", Text: "t"}}, Policy: "p", PolicyThen: "q", Stale: true},
			Reviews:  []audit.Review{{Login: "l", Person: "p", Verdict: "approve", Roles: []string{"lead"}, Time: time.Unix(2, 2).UTC(), Void: "v"}},
			Limits:   []audit.Limit{{Rule: audit.Rule{Source: "s", Text: "t"}, Key: "k", Unit: "u", Charged: 1, Left: 1}},
			Outcome:  &audit.Outcome{Status: "s", Code: "c", Error: "e", Duration: 1, Count: 1},
			Cause:    &audit.Cause{Ticket: "t", Schedule: "s"}, State: []byte(`{}`),
		}
	}
	first := full()
	want := hash(&first)
	again := full()
	if hash(&again) != want {
		t.Fatal("the same record has two hashes")
	}
	fields := 0
	var visit func(path string, at func(*audit.Record) reflect.Value)
	visit = func(path string, at func(*audit.Record) reflect.Value) {
		r := full()
		v := at(&r)
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(1)))
		case v.Kind() == reflect.Pointer:
			visit(path, func(r *audit.Record) reflect.Value { return at(r).Elem() })
			return
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				visit(path+"."+v.Type().Field(i).Name, func(r *audit.Record) reflect.Value { return at(r).Field(i) })
			}
			return
		case v.Kind() == reflect.Slice:
			visit(path+"[0]", func(r *audit.Record) reflect.Value { return at(r).Index(0) })
			return
		case v.Kind() == reflect.String:
			v.SetString(v.String() + "!")
		case v.Kind() == reflect.Bool:
			v.SetBool(!v.Bool())
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		case v.CanUint():
			v.SetUint(v.Uint() + 1)
		}
		fields++
		if hash(&r) == want {
			t.Errorf("%s does not change the hash", path)
		}
	}
	visit("Record", func(r *audit.Record) reflect.Value { return reflect.ValueOf(r).Elem() })
	if fields < 40 {
		t.Errorf("only %d fields were changed", fields)
	}
}

package moderation

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
)

// fcFill sets every field that reflection reaches to values unlike each other,
// so that a field that is added later and forgotten by the encoder is found.
func fcFill(v reflect.Value, n *int, text string) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint(text, *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n % 256))
	case reflect.Array:
		for i := range v.Len() {
			fcFill(v.Index(i), n, text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fcFill(v.Index(0), n, text)
		fcFill(v.Index(1), n, text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fcFill(v.Elem(), n, text)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 3 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fcFill(key, n, text)
			fcFill(value, n, text)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(fcStart.Add(time.Duration(*n)*time.Hour + 123456789)))
			return
		}
		for i := range v.NumField() {
			fcFill(v.Field(i), n, text)
		}
	default:
		panic("a ticket has a field of kind " + v.Kind().String())
	}
}

func fcFull(text string) Ticket {
	var t Ticket
	n := 0
	fcFill(reflect.ValueOf(&t).Elem(), &n, text)
	return t
}

func TestStateIsWrittenAsEncodingJSONWould(t *testing.T) {
	t.Parallel()
	shapes := fcFull("x")
	shapes.Open = []Slot{nil, {}, {""}, {"a", "b"}}
	shapes.Rules = []Rule{{}}
	shapes.Reviews = []Review{{}}
	shapes.Barred = []string{""}
	shapes.Action.Parameters = map[string]string{"": ""}
	empty := Ticket{Extra: []Slot{}, Barred: []string{}, Rules: []Rule{}, Reviews: []Review{}, Action: Action{Parameters: map[string]string{}}}
	zoned := fcFull("x")
	zoned.Requested = zoned.Requested.In(time.FixedZone("east", 3600))
	for name, tickets := range map[string][]Ticket{
		"nothing set":       {{}},
		"empty, not nil":    {empty},
		"everything set":    {fcFull("value ")},
		"odd shapes":        {shapes},
		"two tickets":       {fcFull("a"), fcFull("b")},
		"quotes":            {fcFull(`"\/`)},
		"controls":          {fcFull("\x00\x01\b\f\n\r\t\x1f\x7f")},
		"web page":          {fcFull("</script>&amp;")},
		"line separators":   {fcFull("\u2028\u2029\u2027\u202a")},
		"beyond the plane":  {fcFull("\U0001F600é\ufffd")},
		"a replaced letter": {fcFull("\ufffd")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := json.Marshal(state{tickets})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(encodeState(tickets))); d != "" {
				t.Errorf("state (-encoding/json +ours):\n%s", d)
			}
		})
	}
	// Times in another zone are the same moments.
	got, err := fcDecode(encodeState([]Ticket{zoned}), zoned)
	if err != nil || !got[0].Requested.Equal(zoned.Requested) {
		t.Errorf("a time in another zone: %v, %v, want %v", got[0].Requested, err, zoned.Requested)
	}
}

// fcDecode reads a state as that of a ticket's record.
func fcDecode(text []byte, of Ticket) ([]Ticket, error) {
	return decodeState(audit.Record{ID: "r", Ticket: of.ID, Revision: of.Revision, State: text})
}

func TestStateIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	want := []Ticket{fcFull("a"), fcFull("b")}
	got, err := fcDecode(encodeState(want), want[0])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("state (-written +read):\n%s", d)
	}
}

func TestDecodeStateRefuses(t *testing.T) {
	t.Parallel()
	ticket := fcFull("x")
	good := string(encodeState([]Ticket{ticket}))
	record := func(change func(*audit.Record)) audit.Record {
		r := audit.Record{ID: "r", Ticket: ticket.ID, Revision: ticket.Revision, State: []byte(good)}
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name string
		r    audit.Record
		says string
	}{
		{"a state that was cut out", record(func(r *audit.Record) { r.State = nil }), "cut out"},
		{"a ticket that was cut out", record(func(r *audit.Record) { r.Ticket = "" }), "cut out"},
		{"another ticket", record(func(r *audit.Record) { r.Ticket = "other" }), "its state is of"},
		{"another revision", record(func(r *audit.Record) { r.Revision++ }), "its state is of"},
		{"no revision", record(func(r *audit.Record) { r.Revision = 0 }), "its state is of"},
		{"a state that is cut short", record(func(r *audit.Record) { r.State = r.State[:len(good)-3] }), "can't be read"},
		{"a state that is no object", record(func(r *audit.Record) { r.State = []byte(`[]`) }), "can't be read"},
		{"a state without tickets", record(func(r *audit.Record) { r.State = []byte(`{"tickets":[]}`) }), "names no ticket"},
		{"an empty state", record(func(r *audit.Record) { r.State = []byte(`{}`) }), "names no ticket"},
		{"a state of null", record(func(r *audit.Record) { r.State = []byte(`null`) }), "names no ticket"},
		{"a digest that is none", record(func(r *audit.Record) {
			r.State = []byte(strings.Replace(good, ticket.Digest.String(), "0x12", 1))
		}), "can't be read"},
		{"a moment that is none", record(func(r *audit.Record) {
			r.State = []byte(strings.Replace(good, ticket.Due.Format(time.RFC3339Nano), "soon", 1))
		}), "can't be read"},
		{"a field that no ticket has", record(func(r *audit.Record) {
			r.State = []byte(strings.Replace(good, `"note":`, `"notes":`, 1))
		}), "can't be read"},
		{"two states in one", record(func(r *audit.Record) { r.State = []byte(good + good) }), "can't be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeState(tt.r)
			if err == nil || got != nil {
				t.Fatalf("got %d tickets, %v", len(got), err)
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.r.ID) {
				t.Errorf("%q does not say %q and which record", err, tt.says)
			}
			if !errors.Is(err, audit.ErrCorrupt) {
				t.Errorf("%v does not match ErrCorrupt", err)
			}
		})
	}
	if got, err := decodeState(audit.Record{ID: "r"}); got != nil || err != nil {
		t.Errorf("a refusal without a ticket: %v, %v", got, err)
	}
}

// FuzzState holds the encoder against encoding/json.
func FuzzState(f *testing.F) {
	f.Add("", int64(0), uint64(0))
	f.Add(`"<\u2028`, int64(-1), uint64(1<<63))
	f.Add("\x00\x7f\u2029😀", int64(1<<62), uint64(7))
	f.Fuzz(func(t *testing.T, text string, n int64, u uint64) {
		if !utf8.ValidString(text) {
			return
		}
		ticket := fcFull(text)
		ticket.Note, ticket.UndoToken, ticket.Action.Reason = text, UndoToken(text), text
		ticket.Action.Parameters = map[string]string{text: text, "": text, text + "x": ""}
		ticket.Action.Duration, ticket.Subject.Reach, ticket.Fence, ticket.Revision = time.Duration(n), n, u, u
		ticket.Executed = time.Unix(0, n).UTC()
		want, err := json.Marshal(state{[]Ticket{ticket}})
		if err != nil {
			t.Fatal(err)
		}
		got := encodeState([]Ticket{ticket})
		if string(got) != string(want) {
			t.Fatalf("state (-encoding/json +ours):\n%s", cmp.Diff(string(want), string(got)))
		}
		read, err := fcDecode(got, ticket)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]Ticket{ticket}, read, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("state (-written +read):\n%s", d)
		}
	})
}

// FuzzDecodeState reads what anybody may have written into a trail.
func FuzzDecodeState(f *testing.F) {
	f.Add("x1", uint64(2), []byte(`{"tickets":[{"id":"x1","revision":2}]}`))
	f.Add("", uint64(0), []byte(``))
	f.Add("t", uint64(1), []byte(`{"tickets":[null]}`))
	f.Add("t", uint64(1), []byte(`{"tickets":[{"id":"t","revision":1,"digest":"00"}]}`))
	full := fcFull("x")
	f.Add(full.ID, full.Revision, []byte(encodeState([]Ticket{full})))
	f.Fuzz(func(t *testing.T, id string, revision uint64, text []byte) {
		tickets, err := decodeState(audit.Record{ID: "r", Ticket: id, Revision: revision, State: text})
		if err != nil || len(tickets) == 0 {
			if len(tickets) > 0 {
				t.Errorf("%d tickets together with %v", len(tickets), err)
			}
			return
		}
		if tickets[0].ID != id || tickets[0].Revision != revision {
			t.Errorf("a record of %q revision %d has ticket %q revision %d", id, revision, tickets[0].ID, tickets[0].Revision)
		}
		again, err := fcDecode(encodeState(tickets), tickets[0])
		if err != nil {
			t.Fatalf("what was read can't be written and read again: %v", err)
		}
		if d := cmp.Diff(tickets, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("written and read again (-first +second):\n%s", d)
		}
	})
}

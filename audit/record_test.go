package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// plain has the fields of a record without its methods: encoding/json writes it
// by the struct tags alone.
type plain audit.Record

func minimalRecord(id string) audit.Record {
	return audit.Record{ID: id, Event: audit.EventIntent, Time: time.Unix(1509663421, 0).UTC()}
}

func refusal() audit.Record {
	return audit.Record{
		ID:     "01JAVR",
		Event:  audit.EventRefused,
		Step:   "request",
		Time:   time.Date(2017, time.November, 2, 22, 57, 0, 500_000_000, time.UTC),
		Actor:  audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
		Target: audit.Target{ID: "account-25073877", Tier: "protected", Reach: 41_700_000},
		Kind:   "account.suspend",
		Reason: "last day",
		Decision: &audit.Decision{
			Code:   "leaving",
			Text:   "people in their notice period may not act on protected accounts",
			Rules:  []audit.Rule{{Source: "policy.csv:3", Text: "p, @leaving, *, *, protected, *, deny"}},
			Policy: "sha256:77aa",
		},
		Outcome: &audit.Outcome{Status: "refused", Code: "leaving"},
	}
}

func TestRecordJSONIsAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]audit.Record{
		"full":    audittest.Record("01JAVQ"),
		"minimal": minimalRecord("01JAVP"),
		"refusal": refusal(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden, err := os.ReadFile(filepath.Join("testdata", "record-"+name+".golden"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := record.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), string(got)+"\n"); diff != "" {
				t.Errorf("JSON form (-golden +got):\n%s", diff)
			}
			var read audit.Record
			if err := json.Unmarshal(golden, &read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(record, read); diff != "" {
				t.Errorf("read from the golden file (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFullRecordHasEveryFieldSet(t *testing.T) {
	t.Parallel()
	var check func(path string, v reflect.Value)
	check = func(path string, v reflect.Value) {
		if v.IsZero() {
			t.Errorf("audittest.Record leaves %s empty", path)
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			check(path, v.Elem())
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct {
				check(path+"[0]", v.Index(0))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				if path == "Record.Reviews[0]" && v.Type().Field(i).Name == "Void" {
					continue // only the second one is void
				}
				check(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	check("Record", reflect.ValueOf(audittest.Record("id")))
}

func TestJSONFormIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2017, 11))
	for range 2000 {
		r := generate(rng)
		want, err := json.Marshal(plain(r))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendJSON([]byte("before"))
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if string(got) != "before"+string(want) {
			t.Fatalf("got  %s\nwant before%s", got, want)
		}
	}
}

func TestValidateAcceptsWhatCanBeWritten(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 2))
	for range 1000 {
		r := generate(rng)
		r.Time = r.Time.Add(time.Second) // never the zero time
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMarshalIsAppendJSON(t *testing.T) {
	t.Parallel()
	r := audittest.Record("id")
	want, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("json.Marshal = %s, %v; want %s", got, err, want)
	}
	r.Reason = "\xff"
	if _, err := json.Marshal(r); !errors.Is(err, audit.ErrNotWritten) {
		t.Errorf("json.Marshal of invalid UTF-8: %v, want ErrNotWritten", err)
	}
}

func TestTimesAreWrittenAndReadInUTC(t *testing.T) {
	t.Parallel()
	r := audittest.Record("id")
	want, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("", -8*3600)
	r.Time = r.Time.In(zone)
	for i := range r.Reviews {
		r.Reviews[i].Time = r.Reviews[i].Time.In(zone)
	}
	got, err := r.AppendJSON(nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("with an offset: %s, %v\nwant %s", got, err, want)
	}
	var read audit.Record
	err = json.Unmarshal([]byte(`{"id":"a","event":"intent","time":"2017-11-02T15:57:00-07:00",
		"reviews":[{"login":"","person":"","verdict":"","time":"2017-11-02T15:57:00-07:00"}]}`), &read)
	if err != nil {
		t.Fatal(err)
	}
	moment := time.Date(2017, time.November, 2, 22, 57, 0, 0, time.UTC)
	if read.Time != moment || read.Reviews[0].Time != moment {
		t.Errorf("read %v and %v, want %v", read.Time, read.Reviews[0].Time, moment)
	}
}

func TestAppendJSONAllocatesNothingWhereThereIsRoom(t *testing.T) {
	r := audittest.Record("id")
	buffer := make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := r.AppendJSON(buffer); err != nil {
			t.Fatal(err)
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

// texts calls visit with every string of a record and its path in the JSON form.
func texts(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v)
	case reflect.Pointer:
		texts(v.Elem(), path, visit)
	case reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), path, visit)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			texts(v.Field(i), strings.TrimPrefix(path+"."+name, "."), visit)
		}
	}
}

func TestInvalidUTF8IsRefusedInEveryTextAndNamed(t *testing.T) {
	t.Parallel()
	r := audittest.Record("id")
	visited := 0
	texts(reflect.ValueOf(&r).Elem(), "", func(path string, v reflect.Value) {
		visited++
		intact := v.String()
		defer v.SetString(intact)
		for _, bad := range []string{"\xff", "caf\xe9", "\xed\xa0\x80", "cut \xe2\x80"} {
			v.SetString(bad)
			b, err := r.AppendJSON([]byte("before"))
			if !errors.Is(err, audit.ErrNotWritten) || !strings.Contains(err.Error(), "field "+path+" is not valid UTF-8") {
				t.Errorf("%s = %q: %v", path, bad, err)
			}
			if string(b) != "before" {
				t.Errorf("%s = %q: %q was appended", path, bad, b)
			}
		}
	})
	if visited < 40 {
		t.Errorf("%d texts were tried", visited)
	}
}

func TestValidateNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	for name, test := range map[string]struct {
		change func(*audit.Record)
		want   string
	}{
		"no ID":            {func(r *audit.Record) { r.ID = "" }, "field id is missing"},
		"no event":         {func(r *audit.Record) { r.Event = "" }, "field event is missing"},
		"no time":          {func(r *audit.Record) { r.Time = time.Time{} }, "field time is missing"},
		"year before 0":    {func(r *audit.Record) { r.Time = r.Time.AddDate(-2018, 0, 0) }, "field time is outside"},
		"year beyond 9999": {func(r *audit.Record) { r.Reviews[1].Time = r.Time.AddDate(7983, 0, 0) }, "field reviews.time is outside"},
		"beyond 9999 by an offset": {func(r *audit.Record) {
			r.Time = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))
		}, "field time is outside"},
		"text not in UTF-8":  {func(r *audit.Record) { r.Reason = "\xe9" }, "field reason is not valid UTF-8"},
		"state not in UTF-8": {func(r *audit.Record) { r.State = []byte("\"\xe9\"") }, "field state is not valid UTF-8"},
		"state cut short":    {func(r *audit.Record) { r.State = []byte(`{"a":`) }, "field state is not valid JSON"},
		"state too deep":     {func(r *audit.Record) { r.State = []byte(deep) }, "nested too deep"},
		"too long":           {func(r *audit.Record) { r.Case = strings.Repeat("a", audit.MaxRecord) }, "has more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := audittest.Record("the-record")
			test.change(&r)
			err := r.Validate()
			if !errors.Is(err, audit.ErrNotWritten) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate() = %v, want %q", err, test.want)
			}
		})
	}
}

func TestRecordOfExactlyTheMostBytesIsValid(t *testing.T) {
	t.Parallel()
	r := minimalRecord("id")
	r.Reason = "a"
	b, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Reason = strings.Repeat("a", audit.MaxRecord-len(b)+1)
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	r.Reason += "a"
	if err := r.Validate(); !errors.Is(err, audit.ErrNotWritten) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestReadingRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	const rest = `"event":"intent","time":"2017-11-02T22:57:00Z"`
	for name, text := range map[string]string{
		"unknown field":           `{"id":"a","mood":"bad",` + rest + `}`,
		"unknown field within":    `{"id":"a","actor":{"login":"kim","shoe":9},` + rest + `}`,
		"not UTF-8":               "{\"id\":\"\xff\"," + rest + "}",
		"no object":               `[]`,
		"wrong type":              `{"id":1,` + rest + `}`,
		"year 10000 in UTC":       `{"id":"a","event":"intent","time":"9999-12-31T23:00:00-02:00"}`,
		"state nested too deep":   `{"id":"a",` + rest + `,"state":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`,
		"review with an odd time": `{"id":"a",` + rest + `,"reviews":[{"login":"","person":"","verdict":"","time":"yesterday"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := minimalRecord("before")
			if err := r.UnmarshalJSON([]byte(text)); err == nil {
				t.Errorf("read %s", text)
			}
			if diff := cmp.Diff(minimalRecord("before"), r); diff != "" {
				t.Errorf("changed the record:\n%s", diff)
			}
		})
	}
}

func TestCloneSharesNothingThatCanBeChanged(t *testing.T) {
	t.Parallel()
	r := audittest.Record("id")
	copied := r.Clone()
	if diff := cmp.Diff(r, copied); diff != "" {
		t.Errorf("Clone (-want +got):\n%s", diff)
	}
	var compare func(path string, a, b reflect.Value)
	compare = func(path string, a, b reflect.Value) {
		switch a.Kind() {
		case reflect.Pointer:
			if a.Pointer() == b.Pointer() {
				t.Errorf("%s is shared", path)
			}
			compare(path, a.Elem(), b.Elem())
		case reflect.Slice:
			if a.Pointer() == b.Pointer() {
				t.Errorf("%s is shared", path)
			}
			for i := range a.Len() {
				compare(path, a.Index(i), b.Index(i))
			}
		case reflect.Struct:
			if a.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range a.NumField() {
				compare(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
			}
		}
	}
	compare("Record", reflect.ValueOf(r), reflect.ValueOf(copied))
	if diff := cmp.Diff(minimalRecord("id"), minimalRecord("id").Clone()); diff != "" {
		t.Errorf("Clone of a minimal record (-want +got):\n%s", diff)
	}
}

// FuzzRecord holds that what was read is written in a form that reads the same.
func FuzzRecord(f *testing.F) {
	for _, r := range []audit.Record{audittest.Record("full"), minimalRecord("minimal"), refusal()} {
		b, err := r.AppendJSON(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(` { "ID" : "\ud800", "time":"0000-01-01T00:00:00+23:59","state": { "<" : [ 1.0e5 ] } , "reviews":[], "cause":{}} `))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second audit.Record
		if err := json.Unmarshal(data, &first); err != nil {
			return
		}
		for _, moment := range append(reviewTimes(first), first.Time) {
			if moment.Location() != time.UTC {
				t.Errorf("read a time in %v", moment.Location())
			}
		}
		written, err := first.AppendJSON(nil)
		if err != nil {
			t.Fatalf("read what can't be written: %v", err)
		}
		if byTags, err := json.Marshal(plain(first)); err != nil || !bytes.Equal(byTags, written) {
			t.Errorf("written as %s\nencoding/json: %s, %v", written, byTags, err)
		}
		if err := json.Unmarshal(written, &second); err != nil {
			t.Fatalf("wrote what can't be read: %v\n%s", err, written)
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
		again, err := second.AppendJSON(nil)
		if err != nil || !bytes.Equal(again, written) {
			t.Errorf("written again: %s, %v\nbefore: %s", again, err, written)
		}
	})
}

func reviewTimes(r audit.Record) []time.Time {
	var times []time.Time
	for _, review := range r.Reviews {
		times = append(times, review.Time)
	}
	return times
}

// FuzzAppendJSON holds that texts are written as encoding/json writes them, and
// that only valid UTF-8 is.
func FuzzAppendJSON(f *testing.F) {
	f.Add("plain", `{"a":1}`)
	f.Add("<&>\u2028\u2029\x00\"\\", ` [ "\u2028<" , "`+"\u2029"+`" ] `)
	f.Add("\xff", "\"\xff\"")
	f.Fuzz(func(t *testing.T, text, state string) {
		r := minimalRecord(text)
		r.Reviews = []audit.Review{{Roles: []string{text, "x"}}}
		r.State = json.RawMessage(state)
		got, err := r.AppendJSON(nil)
		want, wantErr := json.Marshal(plain(r))
		valid := wantErr == nil && strings.ToValidUTF8(text+state, "") == text+state && !strings.Contains(state, strings.Repeat("[", 500))
		if valid && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		if err != nil && !errors.Is(err, audit.ErrNotWritten) {
			t.Errorf("error %v is not ErrNotWritten", err)
		}
		if err == nil && wantErr != nil {
			t.Errorf("wrote %s; encoding/json: %v", got, wantErr)
		}
		if err == nil && !json.Valid(got) {
			t.Errorf("wrote %s", got)
		}
	})
}

package audit_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// generate returns a valid record in which each field may be set. It walks the
// struct, so that a field that is added later is not forgotten.
func generate(rng *rand.Rand) audit.Record {
	var r audit.Record
	fill(rng, reflect.ValueOf(&r).Elem())
	r.ID, r.Event = "id"+r.ID, "event"+r.Event
	return r
}

func fill(rng *rand.Rand, v reflect.Value) {
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		*value = time.Unix(rng.Int64N(4e9), rng.Int64N(2)*rng.Int64N(1e9)).UTC()
		return
	case *json.RawMessage:
		*value = randomState(rng)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(randomText(rng))
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int64:
		v.SetInt(rng.Int64N(3) * (rng.Int64() - rng.Int64()))
	case reflect.Uint64:
		v.SetUint(rng.Uint64N(3) * rng.Uint64())
	case reflect.Pointer:
		if rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rng, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(4), 4))
		for i := range v.Len() {
			fill(rng, v.Index(i))
		}
	case reflect.Struct:
		if rng.IntN(4) == 0 {
			return
		}
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	default:
		panic("a record has a field of a kind that this test can't fill: " + v.Type().String())
	}
}

func randomText(rng *rand.Rand) string {
	pieces := []string{"a", "Zürich", "<script>", "&", `"`, `\`, "\n", "\r", "\t", "\b", "\f", "\x00", "\x1f", "\x7f",
		"\u2028", "\u2029", "\u2027", "\ufffd", "\U0001f600", "/", "'", "long enough to be copied at once "}
	text := ""
	for range rng.IntN(4) {
		text += pieces[rng.IntN(len(pieces))]
	}
	return text
}

func randomState(rng *rand.Rand) json.RawMessage {
	states := []string{"", "null", "true", " false ", "-0.5e+10", `"\u003c<>&` + "\u2028\u2029" + `\\\" é"`, "[]", "{}",
		" [ 1 , \"a b\",\n{ } ] ", `{"a": {"b" :[ [ ] , null ]}, "é": "\ud83d\ude00" }`}
	return json.RawMessage(states[rng.IntN(len(states))])
}

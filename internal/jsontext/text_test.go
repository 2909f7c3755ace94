package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func jsonTexts() []string {
	return []string{
		`null`, `true`, `false`, `nul`, `truex`, `0`, `-0`, `-`, `01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `1E-9`, `-12.75e+3`, `+1`, `1 2`,
		``, ` `, "\t\n\r 1 \n", "\v1", "\x001", "1\x00",
		`""`, `"`, `"a`, `"\""`, `"\`, `"\x"`, `"\/\b\f\n\r\t\\"`, `"\u00e9"`, `"\u00g0"`, `"\u12`, "\"\n\"", "\"\x7f\"", `"é"`,
		`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2 , [3]]`, `[`, `[1`, `[1,`, `]`, `[}`,
		`{}`, `{ }`, `{"a":1}`, `{"a" : 1 , "b":{}}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:1}`, `{"a":1`, `{"a":1 "b":2}`, `{"a"`, `{`, `{]`,
		`{"a":[{"b":[null,true,false,"x",-1.5e3]}]}`, `[[[[]]]]x`, `"<>&` + "\u2028\u2029" + `"`, "[\"\u2027 \u2028\"]",
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	}
}

func TestJSONIsValidWhereEncodingJSONSaysSo(t *testing.T) {
	t.Parallel()
	for _, text := range jsonTexts() {
		if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("Valid(%.60q) = %v, encoding/json says %v", text, got, want)
		}
	}
}

func TestJSONNestedTooDeepIsNotValid(t *testing.T) {
	t.Parallel()
	const deep = MaxDepth + 1
	for name, text := range map[string]string{
		"arrays":  strings.Repeat("[", deep) + strings.Repeat("]", deep),
		"objects": strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep),
		"endless": strings.Repeat("[", 1<<20),
	} {
		if Valid([]byte(text)) {
			t.Errorf("%s nested %d deep are valid", name, deep)
		}
	}
}

// FuzzJSONText holds our scanner against encoding/json's.
func FuzzJSONText(f *testing.F) {
	for _, text := range jsonTexts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		valid := Valid(text)
		if valid != json.Valid(text) && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= MaxDepth {
			t.Fatalf("Valid(%q) = %v", text, valid)
		}
		if !valid {
			return
		}
		want, err := json.Marshal(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := Compact([]byte("x"), text); string(got) != "x"+string(want) {
			t.Errorf("Compact(%q) = %q, want %q", text, got, want)
		}
	})
}

package conformance

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func fromJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestDecode(t *testing.T) {
	for _, x := range []struct {
		in   string
		want any
	}{
		{`null`, nil},
		{`1.5`, 1.5},
		{`42`, 42.0},
		{`[1,"a",[true,null]]`, []any{1.0, "a", []any{true, nil}}},
		{`{"a":{"b":[]}}`, map[string]any{"a": map[string]any{"b": []any{}}}},
		{`{"$bytes":"AAH/"}`, []byte{0, 1, 255}},
		{`{"$bytes":""}`, []byte{}},
		{`{"$num":"Infinity"}`, math.Inf(1)},
		{`{"$num":"-Infinity"}`, math.Inf(-1)},
		{`{"$undefined":true}`, undefined{}},
		{`{"$repeat":["ab",3]}`, "ababab"},
		{`{"$concat":["SELECT ",{"$repeat":["x",2]},1]}`, "SELECT xx1"},
		{`{"$join":[3,"c#=#",","]}`, "c0=0,c1=1,c2=2"},
		{`{"$zeros":3}`, []byte{0, 0, 0}},
		{`{"$list":[{"$bytes":"AA=="},2]}`, []any{[]byte{0}, []byte{0}}},
		{`{"$nest":[1,2]}`, []any{[]any{1.0}}},
		{`{"$nest":[1,0]}`, 1.0},
		{`{"$other":1}`, map[string]any{"$other": 1.0}},
		{`{"$bytes":"AA==","x":1}`, map[string]any{"$bytes": "AA==", "x": 1.0}},
		{`{"__proto__":1}`, map[string]any{"__proto__": 1.0}},
	} {
		if got := decode(fromJSON(t, x.in)); !reflect.DeepEqual(got, x.want) {
			t.Errorf("decode(%s) = %#v, want %#v", x.in, got, x.want)
		}
	}
	if got, ok := decode(fromJSON(t, `{"$num":"-0"}`)).(float64); !ok || got != 0 || !math.Signbit(got) {
		t.Errorf("decode of -0 = %v", got)
	}
	if got, ok := decode(fromJSON(t, `{"$num":"NaN"}`)).(float64); !ok || !math.IsNaN(got) {
		t.Errorf("decode of NaN = %v", got)
	}
}

func TestEncode(t *testing.T) {
	for _, x := range []struct {
		in   any
		want string
	}{
		{nil, `null`},
		{true, `true`},
		{1.5, `1.5`},
		{int64(7), `7`},
		{3, `3`},
		{math.Copysign(0, -1), `{"$num":"-0"}`},
		{math.NaN(), `{"$num":"NaN"}`},
		{math.Inf(-1), `{"$num":"-Infinity"}`},
		{undefined{}, `{"$undefined":true}`},
		{[]byte{1, 2}, `{"$bytes":"AQI="}`},
		{[]any{[]byte{}, "x"}, `[{"$bytes":""},"x"]`},
		{map[string]any{"a": []any{nil}}, `{"a":[null]}`},
		{struct{ X int }{1}, `{"$other":"struct { X int }"}`},
		// Lengths and hashes as the reference recorded them.
		{strings.Repeat("abc", 1000), `{"$long":"text","len":3000,"fnv1a32":"aa75a605"}`},
		{make([]byte, 100000), `{"$long":"bytes","len":100000,"fnv1a32":"f1a1b645"}`},
		{strings.Repeat("m", 1024), `{"$long":"text","len":1024,"fnv1a32":"3fc6f1c5"}`},
	} {
		if got, want := plain(encode(x.in)), fromJSON(t, x.want); !equal(got, want) {
			t.Errorf("encode(%.20v) = %s, want %s", x.in, show(got), x.want)
		}
	}
}

// TestEncodeLong holds the two limits of text: over 600 bytes and over 200 UTF-16 units.
func TestEncodeLong(t *testing.T) {
	for _, x := range []struct {
		name string
		in   any
		long bool
	}{
		{"600 bytes of text", strings.Repeat("x", 600), false},
		{"601 bytes of text", strings.Repeat("x", 601), true},
		{"800 bytes, 400 units", strings.Repeat("😀", 200), true},
		{"600 bytes, 300 units", strings.Repeat("é", 300), false},
		{"700 bytes, 350 units", strings.Repeat("é", 350), true},
		{"400 bytes, 200 units", strings.Repeat("😀", 100), false},
		{"600 bytes", make([]byte, 600), false},
		{"601 bytes", make([]byte, 601), true},
	} {
		if got := asMap(encode(x.in))["$long"] != nil; got != x.long {
			t.Errorf("%s: long %v, want %v", x.name, got, x.long)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1e0}`, true},
		{`{"a":null}`, `{}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,1]`, false},
		{`"1"`, `1`, false},
		{`null`, `false`, false},
		{`{}`, `[]`, false},
		{`0`, `{"$num":"-0"}`, false},
		{`9007199254740993`, `9007199254740992`, true},
		{`{"value":{"1":"a","10":"b"}}`, `{"value":{"10":"b","1":"a"}}`, true},
	} {
		if got := equal(fromJSON(t, x.a), fromJSON(t, x.b)); got != x.want {
			t.Errorf("equal(%s, %s) = %v", x.a, x.b, got)
		}
		if got := equal(fromJSON(t, x.b), fromJSON(t, x.a)); got != x.want {
			t.Errorf("equal(%s, %s) = %v", x.b, x.a, got)
		}
	}
}

package codec_test

import (
	"bytes"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/internal/codec"
)

// same is reflect.DeepEqual, but NaN equals NaN and floats are compared by their bits.
func same(a, b any) bool {
	if x, ok := a.(float64); ok {
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	}
	if x, ok := a.(float32); ok && x != x {
		y, ok := b.(float32)
		return ok && y != y
	}
	return reflect.DeepEqual(a, b)
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := codec.Encode(v)
	if err != nil {
		t.Fatalf("Encode(%T) = %v, want no error", v, err)
	}
	return data
}

// K5: what is kept exactly, into a variable of its own type.
func TestK5_KeptExactly(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 2, 3, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	for name, v := range map[string]any{
		"int zero":         int(0),
		"int 23":           int(23),
		"int 24":           int(24),
		"int 255":          int(255),
		"int 256":          int(256),
		"int -1":           int(-1),
		"int -24":          int(-24),
		"int -25":          int(-25),
		"max int64":        int64(math.MaxInt64),
		"min int64":        int64(math.MinInt64),
		"int8":             int8(-128),
		"int16":            int16(-32768),
		"int32":            int32(math.MinInt32),
		"max uint64":       uint64(math.MaxUint64),
		"uint8":            uint8(255),
		"uint16":           uint16(65535),
		"uint32":           uint32(math.MaxUint32),
		"uint":             uint(math.MaxUint),
		"float zero":       0.0,
		"float minus zero": math.Copysign(0, -1),
		"float one":        1.0,
		"float third":      1.0 / 3,
		"float pi":         math.Pi,
		"float max":        math.MaxFloat64,
		"float smallest":   math.SmallestNonzeroFloat64,
		"float max half":   65504.0,
		"float inf":        math.Inf(1),
		"float -inf":       math.Inf(-1),
		"float nan":        math.NaN(),
		"float nan bits":   math.Float64frombits(0xfff4000000000123),
		"float32":          float32(0.1),
		"float32 inf":      float32(math.Inf(-1)),
		"string":           "naïve 😀",
		"string empty":     "",
		"string nul":       "a\x00b",
		"string not utf-8": "\xff\xfe\x80",
		"string long":      strings.Repeat("x", 70000),
		"bytes":            []byte{0, 1, 255},
		"bytes empty":      []byte{},
		"bytes nil":        []byte(nil),
		"true":             true,
		"false":            false,
		"time":             noon.UTC(),
		"time year 0":      time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"time year 9999":   time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		"time zero":        time.Time{},
		"time 1 ns":        time.Unix(0, 1).UTC(),
		"duration":         3 * time.Second,
		"slice":            []int{1, 2, 3},
		"slice empty":      []int{},
		"slice nil":        []int(nil),
		"slice of slices":  [][]string{{"a"}, {}, nil},
		"array":            [3]uint16{1, 2, 3},
		"byte array":       [4]byte{1, 2, 3, 4},
		"map":              map[string]int{"b": 1, "a": 2, "aa": 3},
		"map nil":          map[string]int(nil),
		"map empty":        map[string]int{},
		"map of int":       map[int]string{-1: "a", 500: "b"},
		"map of bool":      map[bool]int{true: 1, false: 2},
		"map of time":      map[time.Time]int{time.Unix(5, 0).UTC(): 1},
		"map of addr":      map[netip.Addr]int{netip.MustParseAddr("10.0.0.1"): 1},
		"map of any":       map[any]any{"a": int64(1), int64(2): "b"},
		"big int":          *new(big.Int).Lsh(big.NewInt(-7), 200),
		"netip":            netip.MustParseAddrPort("[::1]:80"),
		"pointers":         []*int{new(int), nil},
		"zero time inside": []time.Time{{}, noon.UTC()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := encode(t, v)
			got := reflect.New(reflect.TypeOf(v))
			if err := codec.Decode(data, got.Interface()); err != nil {
				t.Fatalf("Decode(%x) = %v, want no error", data, err)
			}
			if !same(got.Elem().Interface(), v) {
				t.Errorf("Decode(Encode(v)) = %#v, want %#v", got.Elem().Interface(), v)
			}
			if again := encode(t, got.Elem().Interface()); !bytes.Equal(again, data) {
				t.Errorf("encoding again gives %x, want %x", again, data)
			}
		})
	}
}

// K5: what comes back into an any, also inside other values and typed ones.
func TestK5_IntoAny(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 3, 12, 0, 0, 5, time.UTC)
	type doc struct {
		N int
		T time.Time
	}
	for _, c := range []struct{ in, want any }{
		{nil, nil},
		{7, int64(7)},
		{uint8(7), int64(7)},
		{int64(math.MinInt64), int64(math.MinInt64)},
		{uint64(math.MaxInt64), int64(math.MaxInt64)},
		{big.NewInt(12), int64(12)},
		{1.0, 1.0},
		{float32(0.5), 0.5},
		{math.Copysign(0, -1), math.Copysign(0, -1)},
		{math.NaN(), math.NaN()},
		{math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0x7ff0000000000001)},
		{math.Inf(-1), math.Inf(-1)},
		{"a\xff", "a\xff"},
		{[]byte("a"), []byte("a")},
		{[]byte{}, []byte{}},
		{[]byte(nil), nil},
		{true, true},
		{at, at},
		{time.Minute, int64(time.Minute)},
		{[]int{1}, []any{int64(1)}},
		{[]time.Time{at}, []any{at}},
		{[]any{1, "a", nil, 2.0}, []any{int64(1), "a", nil, 2.0}},
		{map[string]bool{"x": true}, map[string]any{"x": true}},
		{map[string]any{"x": []any{map[string]any{}}}, map[string]any{"x": []any{map[string]any{}}}},
		{doc{1, at}, map[string]any{"N": int64(1), "T": at}},
		{[2]byte{1, 2}, []byte{1, 2}},
	} {
		data := encode(t, c.in)
		var got any = "old"
		if err := codec.Decode(data, &got); err != nil {
			t.Errorf("Decode of %#v into any = %v, want no error", c.in, err)
		} else if !same(got, c.want) {
			t.Errorf("Decode of %#v into any = %#v, want %#v", c.in, got, c.want)
		}
		held := struct{ V any }{c.in}
		got2, err := codec.DecodeAs[struct{ V any }](encode(t, held))
		if err != nil || !same(got2.V, c.want) {
			t.Errorf("Decode of %#v into a field of type any = %#v, %v, want %#v", c.in, got2.V, err, c.want)
		}
	}
}

// K5: no zone, no monotonic reading, but the instant.
func TestK5_TimeInUTC(t *testing.T) {
	t.Parallel()
	for _, in := range []time.Time{time.Now(), time.Date(2026, 7, 1, 0, 30, 0, 1, time.FixedZone("X", -7*3600))} {
		got, err := codec.DecodeAs[time.Time](encode(t, in))
		if err != nil || !got.Equal(in) || got.Location() != time.UTC || got != got.Round(0) {
			t.Errorf("Decode(Encode(%v)) = %v, %v", in, got, err)
		}
	}
}

// K5: the zero time is stored as null. It is the zero time again in a time.Time, and nil in what
// can be nil.
func TestK5_ZeroTime(t *testing.T) {
	t.Parallel()
	type doc struct {
		T time.Time
		P *time.Time
		A any
		L []time.Time
		M map[string]time.Time
	}
	in := doc{time.Time{}, new(time.Time), time.Time{}, []time.Time{{}}, map[string]time.Time{"a": {}}}
	got, err := codec.DecodeAs[doc](encode(t, in))
	if want := (doc{L: []time.Time{{}}, M: map[string]time.Time{"a": {}}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Decode = %+v, %v, want %+v", got, err, want)
	}
	at := time.Now()
	if err := codec.Decode(encode(t, time.Time{}), &at); err != nil || !at.IsZero() {
		t.Errorf("Decode of the zero time = %v, %v", at, err)
	}
	old := any(at)
	if err := codec.Decode(encode(t, time.Time{}), &old); err != nil || old != nil {
		t.Errorf("Decode of the zero time into any = %v, %v, want nil", old, err)
	}
}

// K5: 1,000 levels both ways, not one more.
func TestK5_Depth(t *testing.T) {
	t.Parallel()
	type node struct{ Next any }
	type key string
	nest := map[string]func(any) any{
		"slices": func(v any) any { return []any{v} },
		"maps":   func(v any) any { return map[string]any{"k": v} },
		"typed":  func(v any) any { return &node{v} },
		"named":  func(v any) any { return map[key]any{"k": v} },
		"arrays": func(v any) any { return [1]any{v} },
	}
	deepen := func(n int, wrap func(any) any, v any) any {
		for range n {
			v = wrap(v)
		}
		return v
	}
	for name, wrap := range nest {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := deepen(1000, wrap, true)
			data := encode(t, v)
			out := reflect.New(reflect.TypeOf(v))
			if err := codec.Decode(data, out.Interface()); err != nil {
				t.Errorf("Decode of 1,000 levels = %v, want no error", err)
			}
			var dynamic any
			if err := codec.Decode(data, &dynamic); err != nil {
				t.Errorf("Decode of 1,000 levels into any = %v, want no error", err)
			}
			wantInvalid(t, "Encode of 1,001 levels", encodeErr(wrap(v)))
			wantInvalid(t, "Encode of 1,001 levels, one by its type", encodeErr(deepen(999, wrap, [1][]int{{}})))
			encode(t, deepen(999, wrap, [1][]int{nil}))
			deeper := append([]byte{0x81}, data...)
			wantInvalid(t, "Decode of 1,001 levels", codec.Decode(deeper, new([]any)))
			wantInvalid(t, "Decode of 1,001 levels", codec.Decode(deeper, new([][]any)))
		})
	}
}

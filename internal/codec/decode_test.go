package codec_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/durablego/do/internal/codec"
)

// K7: null sets the zero value, whatever was there.
func TestK7_Null(t *testing.T) {
	t.Parallel()
	null := encode(t, nil)
	n, s, b, p, a := 5, "x", []byte{1}, new(int), any(1)
	at, m, list := time.Now(), map[string]any{"a": 1}, []any{1}
	st := struct{ A int }{7}
	self := failing{errors.New("not asked")}
	for _, dst := range []any{&n, &s, &b, &p, &a, &at, &m, &list, &st, &self, new(bool), new(float64)} {
		if err := codec.Decode(null, dst); err != nil {
			t.Errorf("Decode(null, %T) = %v, want no error", dst, err)
		}
		if v := reflect.ValueOf(dst).Elem(); !v.IsZero() {
			t.Errorf("Decode(null, %T) left a value, want the zero value", dst)
		}
	}
}

// K8: what does not fit leaves the destination alone.
func TestK8_Misfit(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B int8 }
	for i, c := range []struct{ stored, dst any }{
		{300, new(int8)},
		{-1, new(uint)},
		{int64(1) << 40, new(int32)},
		{uint64(1) << 63, new(int64)},
		{uint64(1) << 63, new(any)},
		{[]uint64{1 << 63}, new(any)},
		{1.5, new(int)},
		{1e300, new(float32)},
		{"1", new(int)},
		{1, new(string)},
		{"x", new([]byte)},
		{[]byte("x"), new(string)},
		{1, new(bool)},
		{true, new(int)},
		{1, new(time.Time)},
		{"2026-02-03T00:00:00Z", new(time.Time)},
		{"x", new([]any)},
		{[]int{1}, new(map[string]any)},
		{map[int]int{1: 1}, new(any)},
		{map[bool]int{true: 1}, new(map[string]any)},
		{map[float64]int{1.5: 1}, new(any)},
		{map[string]any{"a": map[int]int{1: 1}}, new(any)},
		{[]int{1, 2}, new(pair)},
		{map[string]any{"A": 1, "B": "two"}, new(pair)},
		{map[string]any{"A": 1, "B": 1000}, new(pair)},
		{[]any{1, "x"}, new([]int)},
		{"x", new(fmt.Stringer)},
		{1, new(func())},
	} {
		before := fmt.Sprint(reflect.ValueOf(c.dst).Elem().Interface())
		wantInvalid(t, fmt.Sprintf("case %d: Decode of a %T into %T", i, c.stored, c.dst), codec.Decode(encode(t, c.stored), c.dst))
		if after := fmt.Sprint(reflect.ValueOf(c.dst).Elem().Interface()); after != before {
			t.Errorf("case %d: the destination became %s, want %s", i, after, before)
		}
	}
	stay := pair{3, 4}
	wantInvalid(t, "Decode", codec.Decode(encode(t, map[string]any{"A": 1, "B": "two"}), &stay))
	if stay != (pair{3, 4}) {
		t.Errorf("after a misfit the destination is %v, want {3 4}", stay)
	}
	if v, err := codec.DecodeAs[pair](encode(t, map[string]any{"A": 1, "B": "two"})); err == nil || v != (pair{}) {
		t.Errorf("DecodeAs = %v, %v, want the zero value and an error", v, err)
	}
}

// K8: nothing of the old value shines through.
func TestK8_FreshValue(t *testing.T) {
	t.Parallel()
	type doc struct {
		A int
		M map[string]int
		L []int
		P *int
		I any
	}
	old := 9
	d := doc{A: 1, M: map[string]int{"old": 1}, L: []int{1, 2, 3}, P: &old, I: &old}
	oldM, oldL := d.M, d.L
	if err := codec.Decode(encode(t, map[string]any{"M": map[string]int{"new": 2}, "L": []int{7}, "P": 8, "I": 5}), &d); err != nil {
		t.Fatal(err)
	}
	want := doc{M: map[string]int{"new": 2}, L: []int{7}, P: new(8), I: int64(5)}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("Decode = %+v, want %+v", d, want)
	}
	if len(oldM) != 1 || oldL[0] != 1 || old != 9 {
		t.Error("Decode wrote through the old value")
	}
	m := map[string]any{"old": 1}
	same := m
	if err := codec.Decode(encode(t, map[string]any{"a": 1}), &m); err != nil || len(m) != 1 || len(same) != 1 {
		t.Errorf("Decode into a map = %v, %v; the old map is %v", m, err, same)
	}
	p := &old
	if err := codec.Decode(encode(t, 3), &p); err != nil || *p != 3 || old != 9 {
		t.Errorf("Decode into a pointer = %v, %v; the old variable is %d", *p, err, old)
	}
}

// K8: bytes are copied in both directions.
func TestK8_NothingShared(t *testing.T) {
	t.Parallel()
	in := []byte("abc")
	data := encode(t, in)
	in[0] = 'x'
	var direct []byte
	var dynamic any
	var typed struct{ B []byte }
	wrapped := encode(t, map[string]any{"B": []byte("abc")})
	for _, err := range []error{codec.Decode(data, &direct), codec.Decode(data, &dynamic), codec.Decode(wrapped, &typed)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	clear(data)
	clear(wrapped)
	if string(direct) != "abc" || string(dynamic.([]byte)) != "abc" || string(typed.B) != "abc" {
		t.Errorf("after the stored bytes changed: %q, %q, %q, want abc", direct, dynamic, typed.B)
	}
}

func TestK8_Destination(t *testing.T) {
	t.Parallel()
	data := encode(t, 1)
	for _, dst := range []any{nil, 1, "x", (*int)(nil), (*string)(nil), (*[]byte)(nil), (*bool)(nil), (*float64)(nil),
		(*float32)(nil), (*uint)(nil), (*any)(nil), map[string]any{}, struct{}{}, func() {}} {
		wantInvalid(t, fmt.Sprintf("Decode into %T", dst), codec.Decode(data, dst))
		wantInvalid(t, fmt.Sprintf("CheckDestination(%T)", dst), codec.CheckDestination(dst))
	}
}

func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "\x18", "\x19\x01", "\x62a", "\x42", "\x82\x01", "\xa1\x01", "\xa1\x61a", "\x01\x01",
		"\x9f\xff", "\x5f\xff", "\x7f\xff", "\xbf\xff", "\xff", "\x1c", "\xf8\x14", "\xc0", "\xc0\x01", "\xc0\x61x",
		"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", "\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x9b\x00\x00\x00\x01\x00\x00\x00\x00", "\xa2\x61a\x01\x61a\x02"} {
		var v any
		wantInvalid(t, fmt.Sprintf("Decode(%x) into any", data), codec.Decode([]byte(data), &v))
		wantInvalid(t, fmt.Sprintf("Decode(%x) into a struct with a func", data), codec.Decode([]byte(data), new(struct{ A func() })))
		if v != nil {
			t.Errorf("Decode(%x) set the destination", data)
		}
	}
}

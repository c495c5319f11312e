package kvstorage_test

import (
	"context"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/kvstorage"
)

func TestK1_MadeByTheFirstWrite(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	read := func() {
		t.Helper()
		if ok, err := o.Get(ctx, "k", nil); ok || err != nil {
			t.Errorf("Get = %v, %v, want false", ok, err)
		}
		if got, err := o.GetMany(ctx, []string{"k", "l"}); len(got) != 0 || err != nil {
			t.Errorf("GetMany = %v, %v, want nothing", got, err)
		}
		if got := o.keys(kvstorage.ListOptions{}); len(got) != 0 {
			t.Errorf("List = %v, want nothing", got)
		}
	}
	read()
	o.commit()
	o.noFile("reading")
	for range 2 { // what an undone transaction made is made again
		o.ok(o.Put(ctx, "k", 1))
		o.ok(o.session.Rollback())
		read()
	}
	o.ok(o.Put(ctx, "k", 2))
	o.commit()
	if v, ok, err := kvstorage.Get[int](ctx, o.Store, "k"); v != 2 || !ok || err != nil {
		t.Errorf("Get = %v, %v, %v, want 2", v, ok, err)
	}
}

func TestK2_Keys(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	good := []string{"", "\x00", "a\x00b", " ", "é", "e\u0301", "😀", "\ufffd", "\u0080", strings.Repeat("x", 2048), strings.Repeat("é", 1024)}
	for _, key := range good {
		o.ok(o.Put(t.Context(), key, key))
	}
	for _, key := range good { // each is a key of its own: nothing is normalised
		if v, ok, err := kvstorage.Get[string](t.Context(), o.Store, key); v != key || !ok || err != nil {
			t.Errorf("Get(%.20q) = %.20q, %v, %v, want the key", key, v, ok, err)
		}
	}
	everyCall(o, "\xff", kvstorage.ErrInvalidKey)
	everyCall(o, "a\xc3", kvstorage.ErrInvalidKey)
	everyCall(o, "\xed\xa0\x80", kvstorage.ErrInvalidKey) // half a pair of UTF-16
	everyCall(o, strings.Repeat("x", 2049), kvstorage.ErrKeyTooLarge)
	everyCall(o, strings.Repeat("\xff", 2049), kvstorage.ErrKeyTooLarge)
	if n := len(o.keys(kvstorage.ListOptions{})); n != len(good) {
		t.Errorf("%d keys are stored, want %d", n, len(good))
	}
}

// everyCall checks that every call refuses key and does nothing.
func everyCall(o *object, key string, want error) {
	o.t.Helper()
	ctx := o.t.Context()
	v := "old"
	_, err := o.Get(ctx, key, &v)
	o.want("Get", err, want)
	_, err = o.Get(ctx, key, nil)
	o.want("Get without destination", err, want)
	_, _, err = kvstorage.Get[string](ctx, o.Store, key)
	o.want("Get[string]", err, want)
	_, err = o.GetMany(ctx, []string{"a", key})
	o.want("GetMany", err, want)
	o.want("Put", o.Put(ctx, key, 1), want)
	o.want("PutMany", o.PutMany(ctx, map[string]any{"new": 1, key: 1}), want)
	_, err = o.Delete(ctx, key)
	o.want("Delete", err, want)
	_, err = o.DeleteMany(ctx, []string{"", key})
	o.want("DeleteMany", err, want)
	if ok, err := o.Get(ctx, "new", nil); ok || err != nil || v != "old" {
		o.t.Errorf("a refused call changed something")
	}
}

// K3: by bytes, not by the code units of UTF-16.
func TestK3_Order(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	want := []string{"", "\x00", "\x00\x00", "\x01", "A", "B", "a", "a\x00", "aa", "b", "\u007f", "\u0080", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "😀", "\U0010ffff"}
	for _, i := range []int{3, 0, 17, 18, 5, 16, 15, 2, 8, 7, 6, 1, 4, 9, 10, 14, 13, 12, 11} {
		o.ok(o.Put(t.Context(), want[i], i))
	}
	if got := o.keys(kvstorage.ListOptions{}); !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
}

func TestK4_K5_Values(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	type doc struct {
		Name   string `json:"name" cbor:"n"`
		At     time.Time
		hidden int
	}
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	for name, c := range map[string]struct{ in, dynamic any }{
		"int":    {7, int64(7)},
		"uint":   {uint64(math.MaxUint64), nil},
		"float":  {math.Inf(-1), math.Inf(-1)},
		"string": {"a\xff\x00", "a\xff\x00"},
		"bytes":  {[]byte{0, 255}, []byte{0, 255}},
		"empty":  {[]byte{}, []byte{}},
		"bool":   {true, true},
		"time":   {at, at},
		"zero":   {time.Time{}, nil}, // stored as null
		"doc":    {doc{Name: "x", At: at}, map[string]any{"n": "x", "At": at}},
		"list":   {[]any{int64(1), "a", nil}, []any{int64(1), "a", nil}},
	} {
		o.ok(o.Put(t.Context(), name, c.in))
		typed := reflect.New(reflect.TypeOf(c.in))
		if ok, err := o.Get(t.Context(), name, typed.Interface()); !ok || err != nil || !reflect.DeepEqual(typed.Elem().Interface(), c.in) {
			t.Errorf("%s: Get = %v, %v, %v, want %v", name, typed.Elem(), ok, err, c.in)
		}
		var dynamic any = "old"
		ok, err := o.Get(t.Context(), name, &dynamic)
		if name == "uint" {
			o.want("Get of a large uint64 into any", err, kvstorage.ErrInvalidValue)
		} else if !ok || err != nil || !reflect.DeepEqual(dynamic, c.dynamic) {
			t.Errorf("%s: Get into any = %#v, %v, %v, want %#v", name, dynamic, ok, err, c.dynamic)
		}
	}
	if doc, _, err := kvstorage.Get[doc](t.Context(), o.Store, "doc"); doc.hidden != 0 || err != nil {
		t.Errorf("Get = %v, %v", doc, err)
	}
}

func TestK6_RefusedValues(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	cycle := map[string]any{}
	cycle["me"] = []any{cycle}
	for _, v := range []any{func() {}, make(chan int), 1i, cycle, []any{1, func() {}}, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)} {
		o.want("Put", o.Put(ctx, "k", v), kvstorage.ErrInvalidValue)
		o.want("PutMany", o.PutMany(ctx, map[string]any{"a": 1, "k": v, "z": 1}), kvstorage.ErrInvalidValue)
	}
	o.commit()
	o.noFile("refused values")
}

// K6: the value is captured at the call, and every Get decodes a fresh copy.
func TestK6_Captured(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	in := []int{1, 2}
	o.ok(o.Put(ctx, "k", in))
	in[0] = 9
	for range 2 {
		got, _, err := kvstorage.Get[[]int](ctx, o.Store, "k")
		if err != nil || !slices.Equal(got, []int{1, 2}) {
			t.Errorf("Get = %v, %v, want [1 2]", got, err)
		}
		got[0] = 8
	}
}

func TestK7_Null(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.Put(ctx, "k", nil))
	n, p, a := 5, &struct{}{}, any("x")
	for _, dst := range []any{nil, &n, &p, &a} {
		if ok, err := o.Get(ctx, "k", dst); !ok || err != nil {
			t.Errorf("Get(%T) = %v, %v, want true", dst, ok, err)
		}
	}
	if n != 0 || p != nil || a != nil {
		t.Errorf("Get of null set %v, %v, %v, want zero values", n, p, a)
	}
	if keys := o.keys(kvstorage.ListOptions{}); len(keys) != 1 {
		t.Errorf("List = %v, want the key", keys)
	}
}

func TestK8_Get(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.Put(ctx, "text", "hello"))
	o.ok(o.Put(ctx, "map", map[string]any{"a": 1}))
	n := 5
	if ok, err := o.Get(ctx, "none", &n); ok || err != nil || n != 5 {
		t.Errorf("Get of a missing key = %v, %v, destination %d, want false and 5", ok, err, n)
	}
	ok, err := o.Get(ctx, "text", &n)
	if !ok || n != 5 {
		t.Errorf("Get of a misfit = %v, destination %d, want true and 5", ok, n)
	}
	o.want("Get of a misfit", err, kvstorage.ErrInvalidValue)
	v, ok, err := kvstorage.Get[int](ctx, o.Store, "text")
	if v != 0 || !ok {
		t.Errorf("Get[int] of a misfit = %v, %v, want 0, true", v, ok)
	}
	o.want("Get[int] of a misfit", err, kvstorage.ErrInvalidValue)
	if v, ok, err := kvstorage.Get[int](ctx, o.Store, "none"); v != 0 || ok || err != nil {
		t.Errorf("Get[int] of a missing key = %v, %v, %v, want 0, false", v, ok, err)
	}
	m := map[string]any{"old": true}
	if ok, err := o.Get(ctx, "map", &m); !ok || err != nil || !maps.Equal(m, map[string]any{"a": int64(1)}) {
		t.Errorf("Get into a map = %v, %v, %v, want only what is stored", m, ok, err)
	}
	for _, key := range []string{"text", "none"} {
		for _, dst := range []any{n, (*int)(nil), "x", m} {
			_, err := o.Get(ctx, key, dst)
			o.want("Get into what cannot be set", err, kvstorage.ErrInvalidValue)
		}
	}
}

func TestS58_DoneContext(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.want("Put", o.Put(ctx, "k", 1), context.Canceled)
	_, err := o.Get(ctx, "k", nil)
	o.want("Get", err, context.Canceled)
	for _, err := range o.List(ctx, kvstorage.ListOptions{}) {
		o.want("List", err, context.Canceled)
	}
	o.commit()
	o.noFile("calls with a done ctx")
}

func TestFenced(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.Put(ctx, "k", 1))
	o.commit()
	o.session.Fence()
	everyCallGives(o, kvstorage.ErrReset)
}

func TestT2_OutsideTurn(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.Put(ctx, "k", 1))
	o.over = true
	everyCallGives(o, kvstorage.ErrOutsideTurn)
	o.over = false
	if v, _, err := kvstorage.Get[int](ctx, o.Store, "k"); v != 1 || err != nil {
		t.Errorf("Get in the next turn = %v, %v, want 1", v, err)
	}
}

// everyCallGives also tries calls that have nothing to do.
func everyCallGives(o *object, want error) {
	o.t.Helper()
	ctx := o.t.Context()
	_, err := o.Get(ctx, "k", nil)
	o.want("Get", err, want)
	_, _, err = kvstorage.Get[int](ctx, o.Store, "k")
	o.want("Get[int]", err, want)
	for _, keys := range [][]string{nil, {"k"}, {"k", "l"}} {
		_, err = o.GetMany(ctx, keys)
		o.want("GetMany", err, want)
		_, err = o.DeleteMany(ctx, keys)
		o.want("DeleteMany", err, want)
	}
	o.want("Put", o.Put(ctx, "k", 2), want)
	for _, entries := range []map[string]any{nil, {"k": 2}, {"k": 2, "l": 2}} {
		o.want("PutMany", o.PutMany(ctx, entries), want)
	}
	_, err = o.Delete(ctx, "k")
	o.want("Delete", err, want)
	for _, l := range []kvstorage.ListOptions{{}, {Reverse: true}, {Start: "b", End: "a"}} {
		n := 0
		for e, err := range o.List(ctx, l) {
			n++
			o.want("List", err, want)
			if e.Key != "" {
				o.t.Errorf("List gave %q with its error", e.Key)
			}
		}
		if n != 1 {
			o.t.Errorf("List gave %d pairs, want the error alone", n)
		}
	}
}

package kvstorage_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/kvstorage"
)

func TestK9_GetMany(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": 2, "c": 3, "": 0})
	ask := []string{"c", "x", "a", "c", "", "a", "0"}
	asked := slices.Clone(ask)
	got, err := o.GetMany(ctx, ask)
	o.ok(err)
	var keys []string
	for _, e := range got {
		keys = append(keys, e.Key)
		var n int
		o.ok(e.Value(&n))
		if want := map[string]int{"a": 1, "c": 3}[e.Key]; n != want {
			t.Errorf("the value of %q is %d, want %d", e.Key, n, want)
		}
	}
	if want := []string{"", "a", "c"}; !slices.Equal(keys, want) {
		t.Errorf("GetMany = %q, want %q", keys, want)
	}
	if !slices.Equal(ask, asked) {
		t.Errorf("GetMany changed its argument to %q", ask)
	}
	o.want("Value into the wrong type", got[1].Value(new(string)), kvstorage.ErrInvalidValue)
	o.want("Value into nothing", got[1].Value(nil), kvstorage.ErrInvalidValue)
	o.want("Value of an empty entry", kvstorage.Entry{}.Value(new(int)), kvstorage.ErrInvalidValue)
}

func TestK10_PutReplaces(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.Put(ctx, "k", 1))
	o.ok(o.Put(ctx, "k", "two"))
	if v, ok, err := kvstorage.Get[string](ctx, o.Store, "k"); v != "two" || !ok || err != nil {
		t.Errorf("Get = %q, %v, %v, want two", v, ok, err)
	}
	if keys := o.keys(kvstorage.ListOptions{}); len(keys) != 1 {
		t.Errorf("List = %q, want one key", keys)
	}
}

// K11: everything is checked before anything is written; a failure while writing undoes this
// call alone.
func TestK11_PutManyIsAtomic(t *testing.T) {
	t.Parallel()
	o, ctx := newObjectWith(t, kvstorage.Limits{MaxEntryBytes: -1}, 10_000), t.Context()
	o.ok(o.Put(ctx, "a", "before"))
	o.want("PutMany", o.PutMany(ctx, map[string]any{"a": "new", "b": func() {}}), kvstorage.ErrInvalidValue)
	o.want("PutMany", o.PutMany(ctx, map[string]any{"a": "new", "\xff": 1}), kvstorage.ErrInvalidKey)
	if err := o.PutMany(ctx, map[string]any{"a": "new", "b": strings.Repeat("x", 20_000), "c": 1}); err == nil {
		t.Error("PutMany of a row the database refuses = nil, want an error")
	}
	if v, _, err := kvstorage.Get[string](ctx, o.Store, "a"); v != "before" || err != nil {
		t.Errorf("Get = %q, %v, want what the turn wrote before", v, err)
	}
	o.put(map[string]any{"c": 3, "b": 2})
	o.commit()
	if keys := o.keys(kvstorage.ListOptions{}); !slices.Equal(keys, []string{"a", "b", "c"}) {
		t.Errorf("List = %q, want a, b, c", keys)
	}
}

func TestK11_EmptyMapIsNoWrite(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.ok(o.PutMany(ctx, nil))
	o.ok(o.PutMany(ctx, map[string]any{}))
	if _, wrote, err := o.session.Commit(); wrote || err != nil {
		t.Errorf("Commit = %v, %v, want nothing written", wrote, err)
	}
	o.noFile("empty PutMany")
}

func TestK12_Delete(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	if ok, err := o.Delete(ctx, "a"); ok || err != nil {
		t.Errorf("Delete of nothing = %v, %v, want false", ok, err)
	}
	if n, err := o.DeleteMany(ctx, []string{"a", "b"}); n != 0 || err != nil {
		t.Errorf("DeleteMany of nothing = %v, %v, want 0", n, err)
	}
	o.commit()
	o.noFile("deleting from nothing")

	o.put(map[string]any{"a": 1, "b": nil, "c": 3, "d": 4, "": 5})
	for _, want := range []bool{true, false} {
		if ok, err := o.Delete(ctx, "b"); ok != want || err != nil {
			t.Errorf("Delete = %v, %v, want %v", ok, err, want)
		}
	}
	ask := []string{"d", "", "x", "a", "d", "b"}
	if n, err := o.DeleteMany(ctx, ask); n != 3 || err != nil {
		t.Errorf("DeleteMany(%q) = %v, %v, want 3", ask, n, err)
	}
	if n, err := o.DeleteMany(ctx, nil); n != 0 || err != nil {
		t.Errorf("DeleteMany(nil) = %v, %v, want 0", n, err)
	}
	if keys := o.keys(kvstorage.ListOptions{}); !slices.Equal(keys, []string{"c"}) {
		t.Errorf("List = %q, want c", keys)
	}
}

func TestK13_N3_KeysPerCall(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	many := map[string]any{}
	for i := range 1000 {
		many[fmt.Sprintf("k%04d", i)] = i
	}
	keys := slices.Sorted(maps.Keys(many))
	for _, free := range []int{0, -1} {
		o := newObject(t, kvstorage.Limits{MaxKeysPerCall: free})
		o.put(many)
		if got, err := o.GetMany(ctx, keys); len(got) != 1000 || err != nil {
			t.Errorf("GetMany gave %d, %v, want 1000", len(got), err)
		}
		if n, err := o.DeleteMany(ctx, keys); n != 1000 || err != nil {
			t.Errorf("DeleteMany = %d, %v, want 1000", n, err)
		}
	}
	o := newObject(t, kvstorage.Limits{MaxKeysPerCall: 2})
	o.put(map[string]any{"a": 1, "b": 2})
	o.want("PutMany", o.PutMany(ctx, map[string]any{"c": 1, "d": 2, "e": 3}), kvstorage.ErrTooManyKeys)
	_, err := o.GetMany(ctx, []string{"a", "a", "a"})
	o.want("GetMany", err, kvstorage.ErrTooManyKeys)
	_, err = o.DeleteMany(ctx, []string{"a", "b", "c"})
	o.want("DeleteMany", err, kvstorage.ErrTooManyKeys)
	if keys := o.keys(kvstorage.ListOptions{}); !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("List = %q, want a and b", keys)
	}
}

func TestN1_N2_Limits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := newObject(t, kvstorage.Limits{})
	for _, keyLen := range []int{0, 1, 2048} {
		key := strings.Repeat("k", keyLen)
		fits := 2_097_152 - keyLen - 5 // the head of a long string has five bytes
		o.ok(o.Put(ctx, key, strings.Repeat("v", fits)))
		o.want("Put", o.Put(ctx, key, strings.Repeat("v", fits+1)), kvstorage.ErrValueTooLarge)
		o.want("PutMany", o.PutMany(ctx, map[string]any{"": 1, key + "x": make([]byte, 3<<20)}), map[bool]error{true: kvstorage.ErrKeyTooLarge, false: kvstorage.ErrValueTooLarge}[keyLen == 2048])
		if v, _, err := kvstorage.Get[string](ctx, o.Store, key); len(v) != fits || err != nil {
			t.Errorf("Get gave %d bytes, %v, want %d", len(v), err, fits)
		}
	}
	small := newObject(t, kvstorage.Limits{MaxKeyBytes: 4, MaxEntryBytes: 6})
	o = small
	o.ok(o.Put(ctx, "abcd", "x"))
	o.want("Put", o.Put(ctx, "abcd", "xy"), kvstorage.ErrValueTooLarge)
	o.want("Put", o.Put(ctx, "abcde", 1), kvstorage.ErrKeyTooLarge)
	o = newObject(t, kvstorage.Limits{MaxKeyBytes: -1, MaxEntryBytes: 10})
	o.ok(o.Put(ctx, "123456789", 1))
	o.want("Put", o.Put(ctx, "1234567890", 1), kvstorage.ErrValueTooLarge)
	o.want("Put", o.Put(ctx, "12345678901", nil), kvstorage.ErrValueTooLarge)
	o = newObjectWith(t, kvstorage.Limits{MaxKeyBytes: -1, MaxEntryBytes: -1}, 8<<20)
	o.ok(o.Put(ctx, strings.Repeat("k", 3000), make([]byte, 3<<20)))
}

package kvstorage_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/durablego/do/kvstorage"
)

func TestK16_K19_Options(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	o.put(map[string]any{"": 0, "a": 1, "ab": 2, "b": 3, "c": 4})
	for _, c := range []struct {
		rule string
		l    kvstorage.ListOptions
		want []string
	}{
		{"K16 Start is inclusive", kvstorage.ListOptions{Start: "b"}, []string{"b", "c"}},
		{"K17 StartAfter is exclusive", kvstorage.ListOptions{StartAfter: "a"}, []string{"ab", "b", "c"}},
		{"K18 End is exclusive", kvstorage.ListOptions{End: "b"}, []string{"", "a", "ab"}},
		{"K19 Prefix narrows", kvstorage.ListOptions{Prefix: "a", Start: "ab"}, []string{"ab"}},
		{"K19 Prefix never widens", kvstorage.ListOptions{Prefix: "a", Start: "b"}, []string{}},
		{"K19 empty is unset", kvstorage.ListOptions{}, []string{"", "a", "ab", "b", "c"}},
		{"K19 after the empty key", kvstorage.ListOptions{Start: "\x00"}, []string{"a", "ab", "b", "c"}},
		{"K20 Reverse keeps the range", kvstorage.ListOptions{Start: "a", End: "c", Reverse: true}, []string{"b", "ab", "a"}},
		{"K20 Limit counts from the high end", kvstorage.ListOptions{End: "c", Reverse: true, Limit: 2}, []string{"b", "ab"}},
		{"K21 Limit", kvstorage.ListOptions{Limit: 2}, []string{"", "a"}},
		{"K22 nothing between", kvstorage.ListOptions{Start: "b", End: "b"}, []string{}},
		{"K22 end before start", kvstorage.ListOptions{Start: "c", End: "a", Reverse: true}, []string{}},
	} {
		if got := o.keys(c.l); !slices.Equal(got, c.want) {
			t.Errorf("%s: List = %q, want %q", c.rule, got, c.want)
		}
	}
}

// K17, K21, K24: bad options are the one pair of the list, at every ranging.
func TestK24_BadOptions(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1})
	for _, l := range []kvstorage.ListOptions{{Start: "a", StartAfter: "a"}, {Limit: -1}, {Limit: -1, Start: "b", End: "a"}} {
		list := o.List(ctx, l)
		for range 2 {
			n := 0
			for e, err := range list {
				n++
				o.want("List", err, kvstorage.ErrInvalidOptions)
				if e.Key != "" {
					t.Errorf("the pair of the error has the key %q", e.Key)
				}
			}
			if n != 1 {
				t.Errorf("List gave %d pairs, want 1", n)
			}
		}
		for _, err := range kvstorage.List[int](ctx, o.Store, l) {
			o.want("List[int]", err, kvstorage.ErrInvalidOptions)
		}
	}
}

// K23: what the body puts ahead is seen, what it puts behind or deletes is not.
func TestK23_LiveList(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	for _, c := range []struct {
		reverse bool
		want    []string
	}{{false, []string{"b", "d", "f", "h"}}, {true, []string{"h", "d", "b", "a"}}} {
		o.put(map[string]any{"b": 1, "d": 1, "h": 1})
		_, err := o.DeleteMany(ctx, []string{"a", "c", "f"})
		o.ok(err)
		var got []string
		for e, err := range o.List(ctx, kvstorage.ListOptions{Reverse: c.reverse}) {
			o.ok(err)
			got = append(got, e.Key)
			switch {
			case len(got) == 1: // a and f lie on different sides, c comes and goes
				o.put(map[string]any{"c": 2})
				if !c.reverse {
					o.put(map[string]any{"a": 2})
				}
			case e.Key == "d":
				_, err := o.DeleteMany(ctx, []string{"c", "d"})
				o.ok(err)
				o.put(map[string]any{"f": 2})
				if c.reverse {
					o.put(map[string]any{"a": 2})
				}
			case e.Key == "c":
				o.ok(o.Put(ctx, "c", 3))
			}
		}
		got = slices.DeleteFunc(got, func(k string) bool { return k == "c" }) // ahead in one direction, read before it was deleted
		if !slices.Equal(got, c.want) {
			t.Errorf("reverse %v: the list gave %q, want %q", c.reverse, got, c.want)
		}
	}
}

// K23: the value is that of the step; deleting all there is ends the list.
func TestK23_ValuesAndDeletes(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": 1, "c": 1})
	sum := 0
	for item, err := range kvstorage.List[int](ctx, o.Store, kvstorage.ListOptions{}) {
		o.ok(err)
		sum += item.Value
		o.ok(o.Put(ctx, "b", 10))
		o.ok(o.Put(ctx, "c", 100))
	}
	if sum != 111 {
		t.Errorf("the values add up to %d, want 111", sum)
	}
	n := 0
	for e, err := range o.List(ctx, kvstorage.ListOptions{}) {
		o.ok(err)
		n++
		_, err := o.DeleteMany(ctx, []string{"a", "b", "c"})
		o.ok(err)
		if err := e.Value(&sum); err != nil || sum != 1 {
			t.Errorf("the entry's value = %d, %v, want 1 although it is deleted", sum, err)
		}
	}
	if n != 1 {
		t.Errorf("the list gave %d entries, want 1", n)
	}
}

// K23: several at once, also of one Seq, inside each other, over a commit and an undone
// transaction.
func TestK23_SeveralLists(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": 2, "c": 3})
	list := o.List(ctx, kvstorage.ListOptions{})
	pairs := map[string]int{}
	for outer, err := range list {
		o.ok(err)
		for inner, err := range list {
			o.ok(err)
			pairs[outer.Key+inner.Key]++
			if inner.Key == "b" {
				o.commit()
			}
		}
		errBack := errors.New("back")
		if err := o.session.Transaction(ctx, func(ctx2 context.Context) error {
			o.ok(o.Put(ctx2, "x", 1))
			return errBack
		}); !errors.Is(err, errBack) {
			t.Fatal(err)
		}
	}
	if len(pairs) != 9 {
		t.Errorf("the lists gave %v, want all 9 pairs", slices.Sorted(maps.Keys(pairs)))
	}
}

// K24: the turn ends while the list is open.
func TestK24_AfterTheTurn(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": 2, "c": 3})
	var got []string
	var last error
	for e, err := range o.List(ctx, kvstorage.ListOptions{}) {
		if last = err; err == nil {
			got = append(got, e.Key)
		}
		o.over = len(got) == 2
	}
	o.over = false
	o.want("the last pair", last, kvstorage.ErrOutsideTurn)
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the list gave %q before its error, want a and b", got)
	}
}

// K24: leaving early, also by a panic, frees everything: the transaction can be undone and the
// database closed (which the end of the test does).
func TestK24_LeavingEarly(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": 2, "c": 3})
	for range o.List(ctx, kvstorage.ListOptions{}) {
		break
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		for range kvstorage.List[int](ctx, o.Store, kvstorage.ListOptions{Reverse: true}) {
			panic("body")
		}
	}()
	o.commit()
	o.ok(o.db.Checkpoint(ctx))
}

// K24: a value that does not fit ends a typed list, with its key.
func TestK24_Misfit(t *testing.T) {
	t.Parallel()
	o, ctx := newObject(t, kvstorage.Limits{}), t.Context()
	o.put(map[string]any{"a": 1, "b": "two", "c": 3})
	var keys []string
	for item, err := range kvstorage.List[int](ctx, o.Store, kvstorage.ListOptions{}) {
		keys = append(keys, item.Key)
		if item.Key == "b" {
			o.want("the pair of b", err, kvstorage.ErrInvalidValue)
		} else {
			o.ok(err)
		}
	}
	if !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("the list gave %q, want a and b", keys)
	}
}

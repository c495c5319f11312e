package kvstorage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/kvstorage"
)

func TestK14_K15_Range(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o      kvstorage.ListOptions
		lo, hi string
		bound  bool
	}{
		{kvstorage.ListOptions{}, "", "", false},
		{kvstorage.ListOptions{Start: "b"}, "b", "", false},
		{kvstorage.ListOptions{StartAfter: "b"}, "b\x00", "", false},
		{kvstorage.ListOptions{Start: "\x00"}, "\x00", "", false},
		{kvstorage.ListOptions{End: "b"}, "", "b", true},
		{kvstorage.ListOptions{Prefix: "b"}, "b", "c", true},
		{kvstorage.ListOptions{Prefix: "b", Start: "a", End: "z"}, "b", "c", true},
		{kvstorage.ListOptions{Prefix: "b", Start: "ba", End: "bc"}, "ba", "bc", true},
		{kvstorage.ListOptions{Prefix: "b", StartAfter: "b"}, "b\x00", "c", true},
		{kvstorage.ListOptions{Prefix: "b", StartAfter: "a"}, "b", "c", true},
		{kvstorage.ListOptions{Prefix: "\xff"}, "\xff", "", false},
		{kvstorage.ListOptions{Prefix: "a\xff\xff"}, "a\xff\xff", "b", true},
		{kvstorage.ListOptions{Prefix: "\xfe\xff"}, "\xfe\xff", "\xff", true},
		{kvstorage.ListOptions{Prefix: "a\x00"}, "a\x00", "a\x01", true},
		{kvstorage.ListOptions{Prefix: "\x7f"}, "\x7f", "\x80", true},
		{kvstorage.ListOptions{Prefix: "é"}, "é", "\xc3\xaa", true},
		{kvstorage.ListOptions{Prefix: "\ufffd"}, "\ufffd", "\xef\xbf\xbe", true},
		{kvstorage.ListOptions{Prefix: "\xff", End: "\xff\x01"}, "\xff", "\xff\x01", true},
	} {
		r := kvstorage.RangeOf(c.o)
		if r.Lo != c.lo || r.Hi != c.hi || r.HasHi != c.bound {
			t.Errorf("range of %#v = %q to %q (%v), want %q to %q (%v)", c.o, r.Lo, r.Hi, r.HasHi, c.lo, c.hi, c.bound)
		}
	}
}

// FuzzRange compares the range with a filter that asks each rule by itself (K14 to K20).
func FuzzRange(f *testing.F) {
	f.Add("", "", "", "", "a\nab\nb\n\xff\n\xff\xff")
	f.Add("a", "", "b", "a", "a\na\x00\nab\nb")
	f.Add("", "a", "", "a\xff", "a\na\xff\na\xff\xff\nb")
	f.Add("", "", "", "\xff\xff", "\xff\n\xff\xff\n\xff\xff\x00")
	f.Add("", "\ufffd", "\xf0", "\xef\xbf", "\ufffd\n\uffff\n\xef\xbf\xbf\xbf\n\ufffe")
	f.Fuzz(func(t *testing.T, start, after, end, prefix, keys string) {
		if start != "" {
			after = ""
		}
		o := kvstorage.ListOptions{Start: start, StartAfter: after, End: end, Prefix: prefix}
		r := kvstorage.RangeOf(o)
		for _, base := range append(strings.Split(keys, "\n"), start, after, end, prefix) {
			for _, key := range []string{base, base + "\x00", base + "\xff", prefix + base, strings.TrimSuffix(base, "\xff")} {
				want := key >= start && (after == "" || key > after) && (end == "" || key < end) && strings.HasPrefix(key, prefix)
				if got := key >= r.Lo && (!r.HasHi || key < r.Hi); got != want {
					t.Fatalf("%#v: key %q is in %q to %q (%v): %v, want %v", o, key, r.Lo, r.Hi, r.HasHi, got, want)
				}
			}
		}
	})
}

// K14 to K22 against the same filter, through the database.
func TestK14_K22_Matrix(t *testing.T) {
	t.Parallel()
	o := newObject(t, kvstorage.Limits{})
	all := []string{"", "\x00", "a", "a\x00", "aa", "ab", "abc", "b", "b\u007f", "bé", "bé\x00", "c", "é", "\uffff", "\U00010000", "\U0010ffff"}
	for i, key := range all {
		o.ok(o.Put(t.Context(), key, i))
	}
	marks := []string{"", "\x00", "a", "ab", "ab\x00", "b", "b\xff", "bé", "\xc3", "\xef\xbf\xbf", "\xff"}
	for _, start := range marks {
		for _, after := range marks {
			if start != "" && after != "" {
				continue
			}
			for _, end := range marks {
				for _, prefix := range marks {
					l := kvstorage.ListOptions{Start: start, StartAfter: after, End: end, Prefix: prefix}
					want := slices.DeleteFunc(slices.Clone(all), func(key string) bool {
						return key < start || after != "" && key <= after || end != "" && key >= end || !strings.HasPrefix(key, prefix)
					})
					matrix(t, o, l, want)
				}
			}
		}
	}
}

// matrix tries both directions and some limits (K20, K21).
func matrix(t *testing.T, o *object, l kvstorage.ListOptions, want []string) {
	t.Helper()
	for _, l.Reverse = range []bool{false, true} {
		for _, l.Limit = range []int{0, 1, 3, 100} {
			limited := want
			if l.Limit > 0 {
				limited = want[:min(l.Limit, len(want))]
			}
			if got := o.keys(l); !slices.Equal(got, limited) {
				t.Fatalf("List(%#v) = %q, want %q", l, got, limited)
			}
		}
		want = slices.Clone(want)
		slices.Reverse(want)
	}
}

package kvstorage_test

import (
	"strconv"
	"testing"

	"github.com/durablego/do/kvstorage"
)

type record struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Open bool   `json:"open"`
}

func BenchmarkGet(b *testing.B) {
	benchGet(b, "int", 123456)
	benchGet(b, "string", "a text of some length, as there are many")
	benchGet(b, "struct", record{1, "a name", true})
	benchGet(b, "1KiB", make([]byte, 1024))
}

func benchGet[T any](b *testing.B, name string, v T) {
	b.Run(name, func(b *testing.B) {
		o, ctx := newObject(b, kvstorage.Limits{}), b.Context()
		o.ok(o.Put(ctx, "key", v))
		o.commit()
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := kvstorage.Get[T](ctx, o.Store, "key"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name string
		v    any
	}{
		{"int", 123456},
		{"string", "a text of some length, as there are many"},
		{"struct", record{1, "a name", true}},
		{"1KiB", make([]byte, 1024)},
	} {
		b.Run(c.name, func(b *testing.B) {
			o, ctx := newObject(b, kvstorage.Limits{}), b.Context()
			o.ok(o.Put(ctx, "key", c.v))
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Put(ctx, "key", c.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	o, ctx := newObject(b, kvstorage.Limits{}), b.Context()
	for i := range 100 {
		o.ok(o.Put(ctx, strconv.Itoa(i), i))
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range kvstorage.List[int](ctx, o.Store, kvstorage.ListOptions{}) {
			o.ok(err)
		}
	}
}

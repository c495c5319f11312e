package codec_test

import (
	"strings"
	"testing"

	"github.com/durablego/do/internal/codec"
)

type small struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Score float64
	Open  bool
}

var smallValue = small{ID: 123456, Name: "a name of some length", Score: 1.25, Open: true}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name string
		v    any
	}{
		{"int", 123456},
		{"string", strings.Repeat("x", 100)},
		{"bytes", make([]byte, 100)},
		{"struct", smallValue},
		{"pointer", &smallValue},
		{"any", map[string]any{"id": int64(1), "name": "a name of some length", "tags": []any{"a", "b"}}},
		{"map", map[string]int{"a": 1, "bb": 2, "ccc": 3}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Encode(c.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	decode(b, "int", 123456)
	decode(b, "string", strings.Repeat("x", 100))
	decode(b, "bytes", make([]byte, 100))
	decode(b, "struct", smallValue)
	decode(b, "any", any(map[string]any{"id": int64(1), "name": "a name of some length", "tags": []any{"a", "b"}}))
	decode(b, "map", map[string]int{"a": 1, "bb": 2, "ccc": 3})
}

func decode[T any](b *testing.B, name string, v T) {
	data := encode(b, v)
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var out T
			if err := codec.Decode(data, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/as", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.DecodeAs[T](data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCopyOf(b *testing.B) {
	b.Run("int", func(b *testing.B) { copyOf(b, 123456) })
	b.Run("string", func(b *testing.B) { copyOf(b, "hello") })
	b.Run("struct", func(b *testing.B) { copyOf(b, smallValue) })
	b.Run("pointer", func(b *testing.B) { copyOf(b, &smallValue) })
}

func copyOf[T any](b *testing.B, v T) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.CopyOf(v, 32<<20); err != nil {
			b.Fatal(err)
		}
	}
}

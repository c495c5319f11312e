package codec_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/fxamacker/cbor/v2"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/doerr"
)

func encodeErr(v any) error {
	_, err := codec.Encode(v)
	return err
}

func wantInvalid(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, doerr.ErrInvalidValue) {
		t.Errorf("%s = %v, want ErrInvalidValue", what, err)
	}
}

type loop struct{ Next *loop }

type tree struct {
	Parent *tree `json:"-"`
	Kids   []*tree
}

type selfPointer *selfPointer

// Both have MarshalText, so what embeds them has none, and is stored by its fields.
type (
	ringed   struct{ Ring any }
	embedded struct {
		*ringed
		viaText
	}
)

func (ringed) MarshalText() ([]byte, error) { return nil, nil }

// K6: refused, and nothing else happens.
func TestK6_Refused(t *testing.T) {
	t.Parallel()
	ring := &loop{}
	ring.Next = &loop{ring}
	list := []any{nil}
	list[0] = list
	object := map[string]any{}
	object["o"] = object
	mixed := map[int][]any{1: {nil}}
	mixed[1][0] = mixed
	var face any
	face = &face
	var ptr selfPointer
	ptr = &ptr
	tag := &cbor.Tag{Number: 9}
	tag.Content = tag
	parent := &tree{}
	parent.Kids = []*tree{parent}
	for name, v := range map[string]any{
		"func":             func() {},
		"nil func":         (func())(nil),
		"func field":       struct{ F func() }{},
		"func in any":      []any{1, func() {}},
		"chan":             make(chan int),
		"chan in map":      map[string]chan int{"a": nil},
		"complex128":       1i,
		"complex64":        []complex64{1},
		"uintptr":          uintptr(1),
		"unsafe pointer":   unsafe.Pointer(nil),
		"cycle in a tag":   tag,
		"empty map":        map[string]func(){},
		"nil slice":        []chan int(nil),
		"cycle in a key":   map[any]int{&face: 1},
		"embedded cycle":   embedded{ringed: &ringed{face}},
		"cycle of pointer": ring,
		"cycle of slice":   list,
		"cycle of map":     object,
		"cycle of both":    mixed,
		"cycle of face":    face,
		"pointer to self":  ptr,
		"cycle in tree":    parent,
		"nil key":          map[any]int{nil: 1},
		"nil pointer key":  map[*int]int{nil: 1},
		"zero time key":    map[time.Time]int{{}: 1},
		"equal keys":       map[any]int{int8(1): 1, int16(1): 2},
		"equal pointers":   map[*int]int{new(int): 1, new(int): 2},
		"two nan keys":     map[float64]int{math.NaN(): 1, math.NaN(): 2},
		"year 10000":       time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"year 10000 utc":   time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)),
		"year -1":          []time.Time{time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC)},
		"far year":         time.Unix(math.MaxInt64, 0),
		"far past":         time.Unix(math.MinInt64, 0),
		"keyasint": struct {
			A int `cbor:"x,keyasint"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := codec.Encode(v)
			wantInvalid(t, "Encode", err)
			if data != nil {
				t.Errorf("Encode gave %d bytes with its error, want none", len(data))
			}
		})
	}
}

// K6: a field that is not stored may hold anything; shared values are no cycle.
func TestK6_NotRefused(t *testing.T) {
	t.Parallel()
	kid := &tree{}
	root := &tree{Kids: []*tree{kid, kid, {}}}
	kid.Parent = root
	got, err := codec.DecodeAs[*tree](encode(t, root))
	if err != nil || len(got.Kids) != 3 || got.Kids[0].Parent != nil {
		t.Errorf("a tree with parent pointers that are not stored: %v, %v", got, err)
	}
	for _, v := range []any{
		struct {
			hidden func()
			Skip   chan int `cbor:"-"`
			N      int
		}{N: 1},
	} {
		encode(t, v)
	}
	encode(t, map[any]any{int8(1): 1, "1": 2, 1.5: 3, [2]int{1}: 4, true: 5}) // keys that differ
	long := new(int)                                                          // many pointers in a row nest nothing
	p := &long
	encode(t, &p)
}

// K6: a small value that stands for more bytes than there is memory ends at the limit.
func TestK6_SharedParts(t *testing.T) {
	t.Parallel()
	var doubled any = "x"
	for range 60 {
		doubled = []any{doubled, doubled}
	}
	for name, v := range map[string]any{
		"doubled":     doubled,
		"empty items": [1 << 40]struct{}{},
		"huge slice":  make([]struct{}, 1<<50),
		"text":        strings.Repeat("x", 1<<20),
		"bytes":       [1 << 20]byte{},
		"pointers":    doubledTree(60),
	} {
		if _, err := codec.EncodeMax(v, 1<<20); !errors.Is(err, doerr.ErrValueTooLarge) {
			t.Errorf("EncodeMax(%s) = %v, want ErrValueTooLarge", name, err)
		}
	}
}

// doubledTree stands for 2^n values.
func doubledTree(n int) *tree {
	t := &tree{}
	for range n {
		t = &tree{Kids: []*tree{t, t}}
	}
	return t
}

func TestN2_LimitIsExact(t *testing.T) {
	t.Parallel()
	type optional struct {
		Long, Other string   `json:",omitempty"`
		Any         any      `json:",omitempty"`
		Items       [300]any `json:",omitzero"`
		Zero        *tree    `json:",omitzero"`
		Last        string
	}
	for name, v := range map[string]any{
		"int":     1 << 20,
		"float":   1.1,
		"string":  strings.Repeat("a", 300),
		"bytes":   make([]byte, 300),
		"nil":     nil,
		"true":    true,
		"slice":   []any{1, "a", nil, map[string]any{"a": 1.5}},
		"typed":   []string{"a", "bb"},
		"omitted": optional{Last: "x"},
		"time":    time.Unix(1, 1),
		"anys":    []any{new(int), &[]any{}, new(any), "", []byte{}},
		"omit":    []optional{{}, {}, {Any: new(int)}, {Zero: &tree{}}},
		"map":     map[int]int{1: 2, 1000: 2000},
		"array":   [300]byte{},
		"self":    cbor.RawMessage{0x18, 0x20},
		"bigger":  &[]string{"a"},
		"deep":    [][]any{{map[int]string{1: "abc"}}},
	} {
		size := len(encode(t, v))
		if data, err := codec.EncodeMax(v, size); err != nil || len(data) != size {
			t.Errorf("EncodeMax(%s, its size) = %d bytes, %v, want %d bytes", name, len(data), err, size)
		}
		if size == 1 {
			continue // 0 is no limit
		}
		if data, err := codec.EncodeMax(v, size-1); !errors.Is(err, doerr.ErrValueTooLarge) || data != nil {
			t.Errorf("EncodeMax(%s, one less) = %v, want ErrValueTooLarge", name, err)
		}
	}
}

// The text of an error goes to logs: it names types, never values.
func TestErrorsHideValues(t *testing.T) {
	t.Parallel()
	secret := "s3cr3t-77177"
	type user struct {
		Age int8
		At  time.Time
	}
	errs := []error{
		codec.Decode(encode(t, secret), new(int)),
		codec.Decode(encode(t, 77177), new(int8)),
		codec.Decode(encode(t, 77177), new(string)),
		codec.Decode(encode(t, map[string]any{"Age": 77177}), new(user)),
		codec.Decode(encode(t, map[string]any{"At": secret}), new(user)),
		codec.Decode(append([]byte{0xc0}, encode(t, secret)...), new(time.Time)),
		codec.Decode(encode(t, map[string]int{secret: 1}), new(map[int]int)),
		encodeErr(map[string]any{secret: func() {}}),
		encodeErr(failing{errors.New(secret)}),
	}
	for _, err := range errs {
		if !errors.Is(err, doerr.ErrInvalidValue) {
			t.Errorf("error %v, want ErrInvalidValue", err)
		} else if s := err.Error(); strings.Contains(s, secret) || strings.Contains(s, "77177") || strings.Contains(s, "cbor") {
			t.Errorf("error text %q shows the value or the library", s)
		}
	}
}

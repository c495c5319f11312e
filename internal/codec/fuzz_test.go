package codec_test

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/doerr"
)

func seeds(f *testing.F) {
	for _, v := range samples {
		if data, err := codec.Encode(v); err == nil {
			f.Add(data)
		}
	}
	for _, s := range []string{"", "\xff", "\x9f\xff", "\xc0\x74" + "0001-01-01T00:00:00Z", "\xc2\x40", "\xa2\x01\x02\xf6\x03",
		"\xc0\x78\x19" + "9999-12-31T23:59:59-01:00", "\xc0\x78\x19" + "0000-01-01T00:00:00+01:00", "\xf9\x7c\x01", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Add(bytes.Repeat([]byte{0x81}, 5000))
	f.Add(bytes.Repeat([]byte{0xc6}, 5000))
	f.Add(bytes.Repeat([]byte{0xa1, 0x60}, 5000))
}

// stable checks that v, decoded from data, can be stored and comes back as the same bytes. Under
// a tag, bytes that Encode did not write can hold times and integers that it refuses.
func stable[T any](t *testing.T, data []byte, v T, mayFail bool) {
	t.Helper()
	tagged := slices.ContainsFunc(data, func(b byte) bool { return b >= 0xc0 && b < 0xe0 })
	first, err := codec.Encode(v)
	if err != nil {
		if !mayFail && !tagged || !errors.Is(err, doerr.ErrInvalidValue) {
			t.Fatalf("Encode of what was decoded = %v", err)
		}
		return
	}
	again, err := codec.DecodeAs[T](first)
	if err != nil {
		if !tagged || !errors.Is(err, doerr.ErrInvalidValue) {
			t.Fatalf("Decode(%x), which Encode wrote, = %v", first, err)
		}
		return
	}
	second, err := codec.Encode(again)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("Encode gives %x, after another round %x, %v", first, second, err)
	}
}

func FuzzDecodeAny(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if err := codec.Decode(data, &v); err != nil {
			if !errors.Is(err, doerr.ErrInvalidValue) || v != nil {
				t.Fatalf("Decode = %v, value %v, want ErrInvalidValue and no value", err, v)
			}
			return
		}
		stable(t, data, v, false)
		var list []any
		var m map[string]any
		if codec.Decode(data, &list) == nil {
			stable(t, data, list, false)
		}
		if codec.Decode(data, &m) == nil {
			stable(t, data, m, false)
		}
	})
}

type everything struct {
	Tagged *tagged   `cbor:"t"`
	Embed  embedding `cbor:"e"`
	Tuple  struct {
		_ struct{} `cbor:",toarray"`
		A int
		B []string
	} `cbor:"tu"`
	Num     numbered `cbor:"n"`
	Any     any      `cbor:"a"`
	List    []everything
	Maps    map[string]map[int]any
	Keys    map[any]any
	Times   []*time.Time
	Big     *big.Int
	Bytes   []byte
	Array   [3]byte
	Floats  []float32
	Pointer **int
	Raw     cbor.RawMessage
	Self    viaText
}

// viaText is stored as text.
type viaText struct{ s string }

func (v viaText) MarshalText() ([]byte, error)     { return []byte(v.s), nil }
func (v *viaText) UnmarshalText(text []byte) error { v.s = string(text); return nil }

func FuzzDecodeTyped(f *testing.F) {
	seeds(f)
	one := 1
	p := &one
	data, err := codec.Encode(everything{Any: 1, List: []everything{{}}, Maps: map[string]map[int]any{"a": {1: 2}}, Keys: map[any]any{"x": 1, 2: 3},
		Times: []*time.Time{nil, new(time.Time)}, Big: big.NewInt(7), Bytes: []byte{1}, Floats: []float32{1.5}, Pointer: &p, Self: viaText{"x"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := codec.DecodeAs[everything](data); err == nil {
			stable(t, data, v, true)
		}
		if v, err := codec.DecodeAs[map[string]everything](data); err == nil {
			stable(t, data, v, true)
		}
		if v, err := codec.DecodeAs[[]tagged](data); err == nil {
			stable(t, data, v, true)
		}
		if v, err := codec.DecodeAs[map[any][]string](data); err == nil {
			stable(t, data, v, true)
		}
	})
}

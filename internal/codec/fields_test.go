package codec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/durablego/do/internal/codec"
)

type (
	Inner struct {
		A, B int
		Same string
	}
	Other struct {
		Same string
		Deep *Inner
	}
	hiddenBase struct{ Seen, unseen int }
	level      int
	flags      [2]bool
)

type tagged struct {
	Plain     int
	JSON      int    `json:"j"`
	CBOR      int    `cbor:"c" json:"other"`
	Both      int    `json:"x" cbor:",omitempty"`
	Skip      func() `cbor:"-"`
	SkipJSON  func() `json:"-"`
	Dash      int    `cbor:"-,"`
	unseen    int
	OmitInt   int                        `json:",omitempty"`
	OmitFloat float64                    `json:",omitempty"`
	OmitText  string                     `json:",omitempty"`
	OmitList  []int                      `json:",omitempty"`
	OmitMap   map[string]int             `json:",omitempty"`
	OmitPtr   *int                       `json:",omitempty"`
	OmitFace  any                        `json:",omitempty"`
	OmitTime  time.Time                  `json:",omitempty"`
	OmitInner *Inner                     `json:",omitempty"`
	ZeroTime  time.Time                  `json:",omitzero"`
	ZeroInner Inner                      `json:",omitzero"`
	ZeroPtr   *time.Time                 `json:",omitzero"`
	ZeroFace  interface{ IsZero() bool } `cbor:",omitzero"`
}

type embedding struct {
	Inner
	*Other
	hiddenBase
	level
	Named  Inner `cbor:"in"`
	Raw    cbor.RawMessage
	Levels map[level]flags
}

// What embedding hides: Base twice on one level, a struct in itself, one name on two levels,
// and a tag before none.
type (
	Base struct{ Lost int }
	Left struct {
		Base
		L, Top int
	}
	Right struct {
		Base
		R, Twice int
	}
	Tag struct {
		N int `json:"Twice"`
	}
	diamond struct {
		Left
		Right
		*Tag
		*diamond
		Top int
	}
)

type tuple struct {
	_ struct{} `cbor:",toarray"`
	A int
	B string
	*Inner
}

type numbered struct {
	A int `cbor:"1,keyasint"`
	B int `cbor:"-5,keyasint,omitempty"`
	C int `cbor:"c"`
	D int `cbor:"300,keyasint"`
}

// failing encodes itself, badly.
type failing struct{ err error }

func (f failing) MarshalCBOR() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	return []byte{0x82, 1}, nil
}

func (f *failing) UnmarshalCBOR([]byte) error { return f.err }

type deep struct{ levels int }

func (d deep) MarshalCBOR() ([]byte, error) {
	return append(bytes.Repeat([]byte{0x81}, d.levels), 0), nil
}

type onlyText int

func (onlyText) MarshalText() ([]byte, error) { return []byte("seven"), nil }

type viaPointer struct{ n int }

func (p *viaPointer) MarshalBinary() ([]byte, error) { return []byte{byte(p.n)}, nil }
func (p *viaPointer) UnmarshalBinary(b []byte) error { p.n = int(b[0]); return nil }

var samples = []any{
	tagged{OmitTime: time.Unix(0, 0)}, &tagged{Plain: 1, JSON: 2, CBOR: 3, Both: 4, Dash: 5, OmitInt: 6, OmitFloat: 1.5, OmitText: "x", OmitList: []int{}, OmitMap: map[string]int{"": 1},
		OmitPtr: new(int), OmitFace: 0, OmitTime: time.Unix(1, 0), OmitInner: &Inner{}, ZeroTime: time.Unix(1, 0), ZeroInner: Inner{A: 1}, ZeroPtr: new(time.Unix(1, 0)), ZeroFace: time.Unix(1, 0)},
	embedding{Other: &Other{}}, embedding{level: 1, Inner: Inner{1, 2, "a"}, hiddenBase: hiddenBase{3, 4}, Raw: cbor.RawMessage{0x83, 1, 2, 3}, Levels: map[level]flags{5: {true}, -5: {}, 500: {}}},
	[]any{embedding{Other: &Other{Same: "b", Deep: &Inner{}}}},
	diamond{Top: 1, Tag: &Tag{2}, diamond: &diamond{Top: 9}}, diamond{Left: Left{Top: 3}, Right: Right{Twice: 4}},
	tuple{A: 1, B: "x"}, tuple{Inner: &Inner{A: 5}}, numbered{}, numbered{1, 2, 3, 4},
	map[string]any{"z": 1, "aa": 2, "b": nil, "": []any{1.5, true}, "longer than twenty-four bytes of key": map[string]any{}},
	map[any]any{1: 1, "1": 2, 1.5: 3, true: 4, [2]int{1, 2}: 5, -1: 6}, map[int64][]string{1: {"a"}, -1: nil, 1 << 40: {}},
	map[uint8]map[string]int{1: {"x": 1, "a": 2}, 0: nil}, [3]Inner{}, []Inner{{}, {A: 1}}, [][]byte{{1}, nil, {}}, [2][2]byte{},
	big.NewInt(0), *big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 70), []*big.Int{nil, new(big.Int).Lsh(big.NewInt(-1), 80)},
	netip.MustParseAddr("::1"), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, &url.URL{Scheme: "https", Host: "a.example"}, regexp.MustCompile("a+"),
	viaPointer{7}, &viaPointer{8}, []viaPointer{{1}}, map[string]viaPointer{"a": {2}}, deep{999}, cbor.SimpleValue(99), cbor.RawTag{Number: 9, Content: cbor.RawMessage{1}}, cbor.ByteString("x"),
	time.Unix(1e9, 5), []time.Time{time.Unix(-1e9, 0)}, time.Second, new("text"), new(new(1)), level(3), flags{true},
	struct{ E error }{}, struct{}{}, (*Inner)(nil), [0]int{}, []struct{}{{}},
}

// K4: equal values give equal bytes, and bytes once stored must stay readable: these are fixed.
func TestK4_Bytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "f6"}, {true, "f5"}, {23, "17"}, {-1, "20"}, {uint64(1) << 63, "1b8000000000000000"}, {1.0, "f93c00"}, {0.1, "fb3fb999999999999a"},
		{math.Inf(-1), "f9fc00"}, {math.NaN(), "fb7ff8000000000001"}, {"a\xff", "6261ff"}, {[]byte{1}, "4101"}, {[2]byte{1}, "420100"}, {[]int(nil), "f6"}, {[]int{}, "80"},
		{time.Unix(0, 5).In(time.FixedZone("", 3600)), "c0781e" + hex.EncodeToString([]byte("1970-01-01T00:00:00.000000005Z"))}, {time.Time{}, "f6"},
		{map[any]int{"b": 1, "aa": 2, 1: 3, -1: 4}, "a40103200461620162616102"}, {new(big.Int).Lsh(big.NewInt(1), 64), "c249010000000000000000"},
		{struct {
			B, A int
			C    int `json:"aa"`
			D    any `json:",omitempty"`
		}{1, 2, 3, nil}, "a361410261420162616103"}, {netip.MustParseAddr("10.0.0.1"), "440a000001"}, {onlyText(7), "65736576656e"}, {viaPointer{7}, "4107"},
	} {
		if got := hex.EncodeToString(encode(t, c.v)); got != c.want {
			t.Errorf("Encode(%#v) = %s, want %s", c.v, got, c.want)
		}
	}
	for _, v := range samples {
		if a, b := encode(t, v), encode(t, v); !bytes.Equal(a, b) {
			t.Errorf("Encode(%T) gives %x, then %x", v, a, b)
		}
	}
}

// K4: cbor tags win over json tags, and what was written can be read.
func TestK4_TagsRoundTrip(t *testing.T) {
	t.Parallel()
	in := tagged{Plain: 1, JSON: 2, CBOR: 3, Both: 4, Dash: 5, unseen: 6, OmitInt: 7, OmitPtr: new(int)}
	data := encode(t, in)
	var names map[string]any
	if err := codec.Decode(data, &names); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"Plain": 1, "j": 2, "c": 3, "Both": 4, "-": 5, "unseen": nil, "OmitInt": 7, "OmitText": nil, "OmitPtr": 0, "other": nil, "x": nil} {
		got, ok := names[name]
		if n, isInt := want.(int); ok != (want != nil) || isInt && got != int64(n) {
			t.Errorf("field %q is stored as %v, want %v", name, got, want)
		}
	}
	got, err := codec.DecodeAs[tagged](data)
	in.unseen = 0
	if err != nil || !reflect.DeepEqual(got, in) {
		t.Errorf("Decode = %+v, %v, want %+v", got, err, in)
	}
	n, err := codec.DecodeAs[numbered](encode(t, numbered{1, 2, 3, 4}))
	if err != nil || n != (numbered{1, 2, 3, 4}) {
		t.Errorf("Decode of keyasint = %v, %v", n, err)
	}
	tu, err := codec.DecodeAs[tuple](encode(t, tuple{A: 1, B: "x", Inner: &Inner{Same: "s"}}))
	if err != nil || tu.A != 1 || tu.B != "x" || tu.Inner == nil || tu.Same != "s" {
		t.Errorf("Decode of toarray = %+v, %v", tu, err)
	}
}

// Values that encode themselves: both directions or by kind; errors can be found, damage and
// depth are seen.
func TestSelfEncoding(t *testing.T) {
	t.Parallel()
	data := encode(t, onlyText(7)) // it cannot read what it writes
	if v, err := codec.DecodeAs[any](data); err != nil || v != "seven" {
		t.Errorf("a type that can only be written as text comes back as %v, %v, want seven", v, err)
	}
	wantInvalid(t, "Decode into a type that cannot read text", codec.Decode(data, new(onlyText)))
	if v, err := codec.DecodeAs[viaPointer](encode(t, viaPointer{7})); err != nil || v.n != 7 {
		t.Errorf("Decode of a binary marshaler = %v, %v, want 7", v, err)
	}
	cause := errors.New("cause")
	err := encodeErr([]any{failing{cause}})
	wantInvalid(t, "Encode of a failing marshaler", err)
	if !errors.Is(err, cause) {
		t.Errorf("Encode = %v, want the marshaler's error in it", err)
	}
	wantInvalid(t, "Encode of a marshaler with half an item", encodeErr(failing{}))
	wantInvalid(t, "Encode of a marshaler that nests too deeply", encodeErr(deep{1001}))
	wantInvalid(t, "Encode of a marshaler that nests too deeply where it stands", encodeErr([]any{deep{1000}}))
	err = codec.Decode([]byte{1}, &failing{cause})
	if err != nil { // a fresh failing has no error to return
		t.Errorf("Decode = %v, want no error", err)
	}
}

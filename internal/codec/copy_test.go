package codec_test

import (
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/doerr"
)

type point struct {
	X, Y float64
	Name string
	At   time.Time
	Tags [2]struct{ K, V string }
}

// F3: what passes as it is.
func TestF3_Plain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    any
		want bool
	}{
		{0, true}, {uint8(0), true}, {0.0, true}, {float32(0), true}, {"", true}, {true, true}, {time.Time{}, true},
		{time.Second, true}, {[3]int{}, true}, {[4]byte{}, true}, {[2][2]string{}, true}, {point{}, true}, {[5]point{}, true}, {struct{}{}, true}, {level(1), true},
		{struct{ A, b int }{}, false}, {struct{ A []int }{}, false}, {struct{ A *int }{}, false}, {struct{ A any }{}, false},
		{struct {
			A int `json:"-"`
		}{}, false}, {[]int{}, false}, {[]byte{}, false}, {map[string]int{}, false}, {new(int), false},
		{1i, false}, {uintptr(0), false}, {func() {}, false}, {make(chan int), false}, {[1]error{}, false},
		{big.Int{}, false}, {netip.Addr{}, false}, {failing{}, false}, {Inner{}, true}, {embedding{}, false}, {struct{ Inner }{}, false},
	} {
		typ := reflect.TypeOf(c.v)
		for range 2 {
			if got := codec.Plain(typ); got != c.want {
				t.Errorf("Plain(%v) = %v, want %v", typ, got, c.want)
			}
		}
	}
	if codec.Plain(reflect.TypeFor[any]()) {
		t.Error("Plain(any) = true, want false")
	}
}

func TestF3_CopySharesNothing(t *testing.T) {
	t.Parallel()
	type doc struct {
		List []int
		Map  map[string]*int
		Any  any
		hid  int
	}
	in := doc{[]int{1, 2}, map[string]*int{"a": new(1)}, []any{"x"}, 5}
	out, err := codec.CopyOf(in, 0)
	if err != nil {
		t.Fatal(err)
	}
	in.List[0], *in.Map["a"], in.Any.([]any)[0] = 9, 9, "y"
	if want := (doc{[]int{1, 2}, map[string]*int{"a": new(1)}, []any{"x"}, 0}); !reflect.DeepEqual(out, want) {
		t.Errorf("CopyOf = %+v, want %+v", out, want)
	}
	p := &point{X: 1}
	q, err := codec.CopyOf(p, 1000)
	if err != nil || q == p || *q != *p {
		t.Errorf("CopyOf of a pointer = %p %v, %v, want another variable with the same value", q, q, err)
	}
	here := time.Now()
	if c, err := codec.CopyOf(here, 100); err != nil || c != here {
		t.Errorf("CopyOf(time) = %v, %v, want it as it is", c, err)
	}
	if c, err := codec.CopyOf[any](nil, 1); err != nil || c != nil {
		t.Errorf("CopyOf(nil) = %v, %v, want nil", c, err)
	}
	if c, err := codec.CopyOf[error](nil, 1); err != nil || c != nil {
		t.Errorf("CopyOf(nil error) = %v, %v, want nil", c, err)
	}
	_, err = codec.CopyOf(errors.New("x"), 0)
	wantInvalid(t, "CopyOf(error)", err)
	_, err = codec.CopyOf(func() {}, 0)
	wantInvalid(t, "CopyOf(func)", err)
}

// N6: the limit is that of the encoding, for plain values as well.
func TestN6_CopyTooLarge(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 200)
	limit(t, text)
	limit(t, []byte(text))
	if got, err := codec.CopyOf(text, 10*len(text)); got != text || err != nil {
		t.Errorf("CopyOf(string) = %q, %v, want it as it is", got, err)
	}
	limit(t, point{Name: text})
	limit(t, [3]point{{}, {Tags: [2]struct{ K, V string }{{"a", text}, {}}}, {}})
	limit(t, [100]int{5: 1 << 40})
	limit(t, [300]byte{})
	limit(t, []any{text})
	limit(t, struct {
		A int `json:",omitempty"`
	}{})
	limit(t, level(1<<30))
	type name string
	limit(t, name(text))
	if _, err := codec.CopyOf([1 << 40][1 << 40]struct{}{}, 1000); !errors.Is(err, doerr.ErrValueTooLarge) {
		t.Errorf("CopyOf of 1<<80 empty structs = %v, want ErrValueTooLarge", err)
	}
	if _, err := codec.CopyOf([1 << 40]struct{}{}, 1000); !errors.Is(err, doerr.ErrValueTooLarge) {
		t.Errorf("CopyOf of 1<<40 empty structs = %v, want ErrValueTooLarge", err)
	}
}

func limit[T any](t *testing.T, v T) {
	t.Helper()
	size := len(encode(t, v))
	if got, err := codec.CopyOf(v, size); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("CopyOf(%T, its size) = %v, want no error", v, err)
	}
	if size > 1 {
		if got, err := codec.CopyOf(v, size-1); !errors.Is(err, doerr.ErrValueTooLarge) || !reflect.ValueOf(&got).Elem().IsZero() {
			t.Errorf("CopyOf(%T, one less) = %v, want ErrValueTooLarge", v, err)
		}
	}
	if _, err := codec.CopyOf(v, 0); err != nil {
		t.Errorf("CopyOf(%T, no limit) = %v, want no error", v, err)
	}
}

package codec

import (
	"encoding"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// shape is what the codec knows of a type. It does not change once it is in shapes.
type shape struct {
	walk      bool         // values can hold what the walk looks for
	kind      reflect.Kind // how to walk: Invalid for a type with MarshalCBOR
	elem, key *shape       // of pointers, slices, arrays and maps
	looseKeys bool         // of maps: different keys can be stored alike
	fields    []field      // of structs: those to walk
	bound     float64      // the most bytes a plain value takes (F3); 0 if the type is not plain
}

// unbounded is the bound where there are strings: more than any limit, and finite as 0 times
// infinity is not 0.
const unbounded = 1e18

// field is a stored field of a struct, or of one embedded in it.
type field struct {
	index    []int
	shape    *shape
	omitZero bool
}

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	made := builder{} // all are shown when all are complete: a type may hold itself
	s := made.shape(t)
	for t, s := range made {
		shapes.LoadOrStore(t, s)
	}
	return s
}

type builder map[reflect.Type]*shape

func (b builder) shape(t reflect.Type) *shape {
	if s, ok := b[t]; ok {
		return s
	}
	s := &shape{kind: t.Kind(), walk: true} // a type that holds itself sees it like this
	b[t] = s
	s.walk = b.fill(s, t)
	return s
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	bigIntType      = reflect.TypeFor[big.Int]()
	marshaler       = reflect.TypeFor[cbor.Marshaler]()
	binaryMarshaler = reflect.TypeFor[encoding.BinaryMarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

// fill reports whether to walk values of t. What has no place here the library refuses.
func (b builder) fill(s *shape, t reflect.Type) bool {
	switch own := reflect.PointerTo(t); {
	case s.kind == reflect.Interface:
		return true
	case s.kind == reflect.Pointer: // the methods of what it points to count
		s.elem = b.shape(t.Elem())
		return s.elem.walk
	case t == timeType:
		s.bound = maxScalar
		return true
	case own.Implements(marshaler):
		s.kind = reflect.Invalid
		return true
	case t == bigIntType, own.Implements(binaryMarshaler), own.Implements(textMarshaler):
		return false
	}
	switch k := s.kind; k {
	case reflect.Slice, reflect.Array:
		s.elem = b.shape(t.Elem())
		if k == reflect.Array {
			s.bound = min(s.elem.bound, 9) + float64(t.Len())*s.elem.bound
		}
		// Bytes make a byte string. What takes no memory can be there in any number.
		return s.elem.walk && t.Elem().Kind() != reflect.Uint8 || t.Elem().Size() == 0
	case reflect.Map:
		s.key, s.elem = b.shape(t.Key()), b.shape(t.Elem())
		s.looseKeys = s.key.bound == 0 || s.key.kind > reflect.Uint64 && s.key.kind != reflect.String
		return s.elem.walk || s.looseKeys // keys to walk are among the loose ones
	case reflect.Struct:
		s.bound = 9
		b.fillStruct(s, nil, t)
		return len(s.fields) > 0
	case reflect.String:
		s.bound = unbounded
	default:
		if k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64 {
			s.bound = 9
		}
	}
	return false
}

// fillStruct adds the fields that the last type of path declares: the type of s, or one
// embedded in it. Which of them hide each other is not looked at: a few too many are walked.
func (b builder) fillStruct(s *shape, at []int, path ...reflect.Type) {
	t := path[len(path)-1]
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("cbor")
		if tag == "" {
			tag = f.Tag.Get("json")
		}
		base := f.Type
		if base.Kind() == reflect.Pointer {
			base = base.Elem()
		}
		embedded := f.Anonymous && base.Kind() == reflect.Struct
		index := append(slices.Clone(at), i)
		switch {
		case tag == "-", !f.IsExported() && !embedded:
			s.bound = 0
		case embedded && (tag == "" || tag[0] == ','):
			s.bound = 0
			if !slices.Contains(path, base) { // else the library leaves it out
				b.fillStruct(s, index, append(path, base)...)
			}
		default:
			part := b.shape(f.Type)
			if s.bound > 0 && part.bound > 0 {
				s.bound += part.bound + float64(9+len(f.Name)+len(tag))
			} else {
				s.bound = 0
			}
			if part.walk {
				s.fields = append(s.fields, field{index, part, strings.Contains(tag, ",omitzero")})
			}
		}
	}
}

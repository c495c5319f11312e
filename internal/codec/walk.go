package codec

import (
	"reflect"
	"time"
)

const (
	// maxDepth is how many arrays, maps and structs may stand inside each other (K5).
	maxDepth = 1000
	// maxSteps ends cycles. It leaves ten pointers, interfaces and the like for each level; the
	// levels themselves are counted in the encoded bytes.
	maxSteps = 10 * maxDepth

	// Seconds since 1970 of the first and last second that has a year of four digits.
	minSecond = -62167219200 // 0000-01-01T00:00:00Z
	maxSecond = 253402300799 // 9999-12-31T23:59:59Z
)

// walk looks through a value before it is encoded (K6). It only enters what by its type can
// hold something to find. The first error ends it.
type walk struct {
	max    int
	room   int  // what is left of max: what is met and sure to be stored takes a byte at least
	verify bool // the levels have to be counted in the encoded bytes
	err    error
}

func (w *walk) take(n int) {
	if w.room -= n; w.room < 0 {
		w.err = tooLarge(w.max)
	}
}

// any looks through what an interface holds, depth steps below the value that is encoded.
func (w *walk) any(v any, depth int) {
	switch v := v.(type) {
	case nil, bool, int, int64, uint64, float64:
	case string:
		w.take(len(v))
	case []byte:
		w.take(len(v))
	default:
		r := reflect.ValueOf(v)
		w.value(r, shapeOf(r.Type()), depth)
	}
}

func (w *walk) value(v reflect.Value, s *shape, depth int) {
	if !s.walk || w.err != nil {
		return
	}
	if depth > maxSteps {
		w.err = errDeep
		return
	}
	w.verify = w.verify || depth > maxDepth/2 // no type nests as deep as the rest by itself
	switch s.kind {
	case reflect.Invalid: // it has MarshalCBOR
		w.verify = true
	case reflect.Interface:
		w.any(v.Interface(), depth+1)
	case reflect.Pointer:
		if !v.IsNil() {
			w.value(v.Elem(), s.elem, depth+1)
		}
	case reflect.Slice, reflect.Array:
		w.take(v.Len())
		for i := 0; s.elem.walk && w.err == nil && i < v.Len(); i++ {
			w.value(v.Index(i), s.elem, depth+1)
		}
	case reflect.Map:
		w.take(2 * v.Len())
		if s.looseKeys {
			w.keys(v, s.key, depth+1)
		}
		if !s.elem.walk {
			return
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); w.err == nil && it.Next(); {
			elem.SetIterValue(it)
			w.value(elem, s.elem, depth+1)
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			if sec := t.Unix(); sec < minSecond || sec > maxSecond { // far from today Year is wrong
				w.err = invalid("a time outside the years 0 to 9999")
			}
			return
		}
		for _, f := range s.fields {
			fv, err := v.FieldByIndexErr(f.index)
			switch hop := f.shape.kind == reflect.Pointer || f.shape.kind == reflect.Interface; {
			case err != nil, f.omitZero && fv.IsZero():
				continue // behind an embedded nil pointer, or nothing
			case hop && !f.omitZero && !fv.IsNil():
				w.take(1)
			}
			w.value(fv, f.shape, depth+1)
		}
	}
}

// keys looks through the keys of a map, and compares them as they will be stored: two alike
// would make bytes that cannot be read, in one order or the other (K4).
func (w *walk) keys(v reflect.Value, s *shape, depth int) {
	stored := map[string]bool{string(null): true} // null would become an empty string in an any
	for it := v.MapRange(); w.err == nil && it.Next(); {
		if w.value(it.Key(), s, depth); w.err != nil {
			return
		}
		key, err := encMode.Marshal(it.Key().Interface())
		if err != nil {
			w.err = unencodable(err)
		} else if stored[string(key)] {
			w.err = invalid("a map with a key that is nil or the zero time, or with two keys that are stored alike")
		}
		stored[string(key)] = true
	}
}

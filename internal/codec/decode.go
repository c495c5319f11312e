package codec

import (
	"bytes"
	"math"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Decode reads data into what dst points to. It returns doerr.ErrInvalidValue and leaves dst as
// it was if data does not fit, or if dst is not a pointer that can be followed (K8). Null sets
// the zero value (K7).
//
// Into an any come int64, float64, string, []byte, bool, time.Time, nil, []any and
// map[string]any (K5). An integer outside int64 and a map with other keys need a typed
// destination.
func Decode(data []byte, dst any) error {
	if err := CheckDestination(dst); err != nil {
		return err
	}
	p := reflect.ValueOf(dst)
	fresh := reflect.New(p.Type().Elem())
	if err := unmarshal(data, fresh.Interface()); err != nil {
		return err
	}
	p.Elem().Set(fresh.Elem())
	return nil
}

// DecodeAs is Decode for a type known at compile time. It gives the zero T with an error.
func DecodeAs[T any](data []byte) (T, error) {
	v := new(T)
	if err := unmarshal(data, v); err != nil {
		return *new(T), err
	}
	return *v, nil
}

// CheckDestination returns doerr.ErrInvalidValue if Decode could never write to dst.
func CheckDestination(dst any) error {
	if v := reflect.ValueOf(dst); v.Kind() != reflect.Pointer || v.IsNil() {
		return invalid("the destination is not a pointer to a variable")
	}
	return nil
}

// unmarshal reads data into what p points to, which has to be fresh: after an error it is half
// filled.
func unmarshal(data []byte, p any) error {
	if bytes.Equal(data, null) { // an UnmarshalCBOR is not asked
		return nil
	}
	if err := decMode.Unmarshal(data, p); err != nil {
		return misfit(err)
	}
	return nil
}

// decMode reads what encMode writes, and not much else.
var decMode = must(cbor.DecOptions{
	DupMapKey:            cbor.DupMapKeyEnforcedAPF,
	TimeTag:              cbor.DecTagRequired, // a number is not a time
	MaxNestedLevels:      maxDepth,
	MaxArrayElements:     math.MaxInt32, // the size of the data is the limit
	MaxMapPairs:          math.MaxInt32,
	IndefLength:          cbor.IndefLengthForbidden,
	IntDec:               cbor.IntDecConvertSignedOrFail,
	DefaultMapType:       reflect.TypeFor[map[string]any](),
	UTF8:                 cbor.UTF8DecodeInvalid,
	UnrecognizedTagToAny: cbor.UnrecognizedTagContentToAny,
	TimeTagToAny:         cbor.TimeTagToTime,
	TextUnmarshaler:      cbor.TextUnmarshalerTextString,
}.DecMode())

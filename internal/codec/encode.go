package codec

import (
	"math"

	"github.com/fxamacker/cbor/v2"
)

// Encode gives the bytes of v. It returns doerr.ErrInvalidValue for what cannot be stored (K6).
// It reads v until it returns and keeps nothing of it.
func Encode(v any) ([]byte, error) { return EncodeMax(v, 0) }

// EncodeMax is Encode with a limit: more than max bytes is doerr.ErrValueTooLarge. A max of 0
// or less is no limit.
func EncodeMax(v any, max int) ([]byte, error) {
	if max <= 0 {
		max = math.MaxInt
	}
	w := walk{max: max, room: max}
	if w.any(v, 0); w.err != nil {
		return nil, w.err
	}
	data, err := encMode.Marshal(v)
	switch {
	case err != nil:
		return nil, unencodable(err)
	case len(data) > max:
		return nil, tooLarge(max)
	case w.verify && decMode.Wellformed(data) != nil:
		return nil, errDeep
	}
	return data, nil
}

// encMode is RFC 8949, section 4.2.1, but for NaN, which keeps its bits (K5).
var encMode = must(cbor.EncOptions{
	Sort:          cbor.SortCoreDeterministic,
	ShortestFloat: cbor.ShortestFloat16,
	NaNConvert:    cbor.NaNConvertNone,
	InfConvert:    cbor.InfConvertFloat16,
	IndefLength:   cbor.IndefLengthForbidden,
	Time:          cbor.TimeRFC3339NanoUTC,
	TimeTag:       cbor.EncTagRequired,
	TextMarshaler: cbor.TextMarshalerTextString,
}.EncMode())

// null is what nil is stored as.
var null = must(encMode.Marshal(nil))

func must[T any](v T, err error) T {
	if err != nil {
		panic("do: codec: " + err.Error()) // the options are constants
	}
	return v
}

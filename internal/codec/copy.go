package codec

import (
	"errors"
	"reflect"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// maxScalar is more than any number, bool or time takes.
const maxScalar = 40

// Plain reports whether values of type t are passed as they are (F3): numbers, bools, strings,
// time.Time, and arrays and structs of exported fields of these. A type that encodes itself, or
// a struct with a tag that leaves a field out, is not plain: in another process it would not
// arrive as it is. Answers are kept.
func Plain(t reflect.Type) bool { return shapeOf(t).bound > 0 }

// CopyOf gives a copy of v that shares nothing with it that could change: v itself if T is
// plain, else what comes back from its encoding. It returns doerr.ErrValueTooLarge if that
// takes more than max bytes, and doerr.ErrInvalidValue if v cannot be stored or a T cannot be
// read back. A max of 0 or less is no limit.
func CopyOf[T any](v T, max int) (T, error) {
	if max <= 0 || max >= maxScalar {
		switch p := any(&v).(type) { // a look at a variable needs no memory
		case *int, *int64, *int32, *uint, *uint64, *uint32, *float64, *float32, *bool, *time.Time:
			return v, nil
		case *string:
			if max <= 0 || len(*p) <= max-9 {
				return v, nil
			}
		}
	}
	return copyOf(v, max)
}

// copyOf is apart so that the v of the short path stays on the stack.
func copyOf[T any](v T, max int) (T, error) {
	bound := shapeOf(reflect.TypeFor[T]()).bound
	if bound > 0 && (max <= 0 || bound <= float64(max)) {
		return v, nil
	}
	data, err := EncodeMax(v, max)
	if bound > 0 && !errors.Is(err, doerr.ErrValueTooLarge) {
		return v, nil // only the size was asked for
	}
	if err != nil {
		return *new(T), err
	}
	return DecodeAs[T](data)
}

package codec

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/durablego/do/internal/doerr"
)

// invalidError says why a value cannot be stored or read. Its text holds no value: it goes to
// logs and to callers in other processes.
type invalidError struct {
	reason string
	cause  error // of the library or of a user's method; not in the text
}

func (e *invalidError) Error() string { return doerr.ErrInvalidValue.Error() + ": " + e.reason }

func (e *invalidError) Unwrap() []error {
	if e.cause == nil {
		return []error{doerr.ErrInvalidValue}
	}
	return []error{doerr.ErrInvalidValue, e.cause}
}

func invalid(reason string) error { return &invalidError{reason: reason} }

func tooLarge(max int) error {
	return fmt.Errorf("%w: over %d bytes encoded", doerr.ErrValueTooLarge, max)
}

var errDeep = invalid(fmt.Sprintf("nested over %d levels deep, or part of itself", maxDepth))

// unencodable says in our words why the library could not encode a value.
func unencodable(err error) error {
	if u, ok := errors.AsType[*cbor.UnsupportedTypeError](err); ok {
		return invalid(u.Type.String() + " is or holds a type that cannot be stored")
	}
	return &invalidError{reason: "a value could not be encoded", cause: err}
}

// misfit says in our words what the library found when decoding: its own may show the value.
func misfit(err error) error {
	if m, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
		where := m.GoType
		if m.StructFieldName != "" {
			where = m.StructFieldName + " of type " + m.GoType
		}
		return invalid("a stored " + m.CBORType + " does not fit " + where)
	}
	return &invalidError{reason: "the stored value does not fit its destination", cause: err}
}

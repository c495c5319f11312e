package doerr

import "fmt"

// ConversionError says which value of a file of the reference cannot be taken over. errors.Is
// finds ErrUnconvertible, and what Err is.
type ConversionError struct {
	Key string
	Tag byte // of the part of the value, as it was stored; 0 if it is about the whole
	Err error
}

func (e *ConversionError) Error() string {
	return fmt.Sprintf("%v: key %q: %v", ErrUnconvertible, e.Key, e.Err)
}

// Unwrap gives the kind and the cause.
func (e *ConversionError) Unwrap() []error { return []error{ErrUnconvertible, e.Err} }

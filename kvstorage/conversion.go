package kvstorage

import "github.com/durablego/do/internal/doerr"

// ConversionError names the key of a value that the reference has stored and that cannot be taken
// over, and the tag of the part of it that is to blame, as it stands in V8's format. errors.Is
// finds do.ErrUnconvertible, and ErrValueTooLarge, ErrInvalidValue, ErrInvalidKey or ErrKeyTooLarge
// if that is why.
type ConversionError = doerr.ConversionError

package kvstorage

import "github.com/durablego/do/internal/doerr"

// What calls of this package return, to be compared with errors.Is.
var (
	// ErrInvalidKey: a key is not valid UTF-8.
	ErrInvalidKey = doerr.ErrInvalidKey
	// ErrKeyTooLarge: a key is longer than the limit, 2,048 bytes by default.
	ErrKeyTooLarge = doerr.ErrKeyTooLarge
	// ErrTooManyKeys: one call names more keys than the limit. By default there is none.
	ErrTooManyKeys = doerr.ErrTooManyKeys
	// ErrInvalidValue: a value cannot be stored, or a stored one does not fit where it should
	// go.
	ErrInvalidValue = doerr.ErrInvalidValue
	// ErrValueTooLarge: key and encoded value are longer than the limit, 2,097,152 bytes by
	// default.
	ErrValueTooLarge = doerr.ErrValueTooLarge
	// ErrInvalidOptions: options of List contradict each other.
	ErrInvalidOptions = doerr.ErrInvalidOptions
	// ErrOutsideTurn: the context does not carry a live turn of this object.
	ErrOutsideTurn = doerr.ErrOutsideTurn
	// ErrReset: the object was reset while it ran; its storage is out of its reach.
	ErrReset = doerr.ErrReset
)

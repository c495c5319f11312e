// Package doerr holds the sentinels that several layers return. Packages a user
// sees re-export them as variables, so errors.Is holds across layers.
package doerr

import "errors"

var (
	ErrReset          = errors.New("do: the object was reset")
	ErrClosed         = errors.New("do: the runtime is closed")
	ErrOverloaded     = errors.New("do: too many events are waiting for the object")
	ErrOutsideTurn    = errors.New("do: the context does not carry a live turn of this object")
	ErrInvalidID      = errors.New("do: not an object id: want 64 hex digits")
	ErrForeignID      = errors.New("do: the object id belongs to another namespace")
	ErrInTransaction  = errors.New("do: not allowed while a transaction is open")
	ErrTooDeep        = errors.New("do: nested too deeply")
	ErrDeadlock       = errors.New("do: the call waits for an object that waits for it")
	ErrNotMethod      = errors.New("do: not a method that can be called: want a method expression of the class")
	ErrWrongClass     = errors.New("do: the stub belongs to an object of another class")
	ErrInvalidValue   = errors.New("do: the value cannot be stored or does not fit its destination")
	ErrValueTooLarge  = errors.New("do: the value is too large")
	ErrKeyTooLarge    = errors.New("do: the key is too large")
	ErrInvalidKey     = errors.New("do: the key is not valid UTF-8")
	ErrTooManyKeys    = errors.New("do: too many keys in one call")
	ErrInvalidOptions = errors.New("do: invalid options")
	ErrLocked         = errors.New("do: the data folder is in use by another runtime")
	ErrNewerFormat    = errors.New("do: the data was written by a newer version")
	ErrNotRunning     = errors.New("do: the object is not in memory")
)

package actor

import (
	"fmt"

	"github.com/durablego/do/internal/doerr"
)

// ResetError says why a life ended. It is ErrReset and wraps the cause.
type ResetError struct {
	Cause       error
	Overloaded  bool // a time limit (L24.4)
	Retryable   bool // I/O of commit or fsync (L24.5)
	Storage     bool // storage failed: answers are not held (T18)
	Constructor bool // no handler ran (L24.3)
	WholeQueue  bool // queued events get the same answer (T34.4, T34.5)
	Closed      bool // the runtime closed before the event ended: it is ErrClosed (T34.12)
}

func (e *ResetError) kind() error {
	if e.Closed {
		return doerr.ErrClosed
	}
	return doerr.ErrReset
}

func (e *ResetError) Error() string {
	if e.Cause == nil {
		return e.kind().Error()
	}
	return e.kind().Error() + ": " + e.Cause.Error()
}

// Unwrap gives ErrReset and the cause.
func (e *ResetError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.kind()}
	}
	return []error{e.kind(), e.Cause}
}

// PanicError is the cause of a reset by a panic.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// asReset gives the ResetError in err, or one like kind that err caused.
func asReset(err error, kind *ResetError) *ResetError {
	if why, ok := err.(*ResetError); ok {
		return why
	}
	kind.Cause = err
	return kind
}

// failure says what err, a failure of storage, means for callers.
func (mb *Mailbox) failure(err error) *ResetError {
	if mb.classify != nil {
		return mb.classify(err)
	}
	return asReset(err, &ResetError{Storage: true, Retryable: true})
}

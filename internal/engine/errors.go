package engine

import (
	"errors"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/sqlite"
)

// Error is a failure of the database as a whole, not of one statement.
type Error struct {
	Op      string // "open", "create", "transaction", "commit", "fsync", "checkpoint", "recover", "remove"
	IO      bool   // caused by the disk or the system, not by what the object did
	Timeout bool   // the time limit of T16: the object counts as overloaded
	Reset   bool   // the database is broken until Recover; the error is doerr.ErrReset too
	Err     error
}

// Error implements error.
func (e *Error) Error() string { return "engine: " + e.Op + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes an Error that breaks the database a doerr.ErrReset.
func (e *Error) Is(target error) bool { return e.Reset && target == doerr.ErrReset }

// IsIO reports whether err was caused by the disk or the system: an I/O error, a full
// disk, too many open files, a failed fsync. A database that reached MaxPages, a
// constraint and a corrupt file are none.
func IsIO(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.IO
	}
	if _, ok := errors.AsType[*durable.SyncError](err); ok {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY":
		return true
	case "SQLITE_FULL":
		return e.Err != nil // the disk is full, not the database
	}
	return false
}

// IsTimeout reports whether err is a commit, checkpoint or fsync that took longer than the
// limit (T16): the object is overloaded.
func IsTimeout(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Timeout
	}
	e, ok := errors.AsType[*durable.SyncError](err)
	return ok && e.Timeout
}

// diskError wraps an error of the disk in op, nil for nil.
func diskError(op string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := err.(*Error); ok {
		return known
	}
	return &Error{Op: op, IO: true, Err: err}
}

// sqliteExtended returns SQLite's extended code in err, "" if there is none.
func sqliteExtended(err error) string {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Extended
	}
	return ""
}

// sqliteCode returns SQLite's primary code in err, "" if there is none.
func sqliteCode(err error) string {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code
	}
	return ""
}

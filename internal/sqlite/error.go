package sqlite

import (
	"errors"
	"runtime"
	"syscall"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Error is an error of SQLite, or of the disk below it.
type Error struct {
	Code     string // primary code by name: "SQLITE_CONSTRAINT"
	Extended string // extended code by name: "SQLITE_CONSTRAINT_UNIQUE"; else like Code
	Msg      string // SQLite's own message
	Offset   int    // byte in the statement that the error is about; -1: none
	Err      error  // what the disk said, if it was the cause
}

// Error gives SQLite's message, the extended code and the cause. It holds no bound
// values but what SQLite's messages quote.
func (e *Error) Error() string {
	s := "sqlite: " + e.Msg + " (" + e.Extended + ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the disk's error, so that errors.Is finds syscall.ENOSPC.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the error of a call that gave rc.
func (c *Conn) fail(t *thread, rc int32) *Error {
	e := newError(rc)
	if c.db != 0 && lib.Xsqlite3_extended_errcode(t.TLS, c.db) == rc {
		e.Msg = libc.GoString(lib.Xsqlite3_errmsg(t.TLS, c.db))
		e.Offset = int(lib.Xsqlite3_error_offset(t.TLS, c.db))
	}
	switch rc & 0xff {
	case lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN:
		e.Err = c.diskErr
	}
	return e
}

// newError makes an error that no connection knows about.
func newError(rc int32) *Error {
	t := enter()
	defer t.leave()
	return &Error{
		Code:     codeName(rc & 0xff),
		Extended: codeName(rc),
		Msg:      libc.GoString(lib.Xsqlite3_errstr(t.TLS, rc)),
		Offset:   -1,
	}
}

// misuse is the error of a call that SQLite need not be asked about.
func misuse(msg string) *Error {
	name := codeName(lib.SQLITE_MISUSE)
	return &Error{Code: name, Extended: name, Msg: msg, Offset: -1}
}

var (
	errClosed    = misuse("the connection is closed")
	errFinalized = misuse("the statement is finalized")
)

// diskFull tells whether err means that there is no room.
func diskFull(err error) bool {
	const errorDiskFull, errorHandleDiskFull = syscall.Errno(112), syscall.Errno(39)
	if runtime.GOOS == "windows" {
		return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

package sqlstorage

import (
	"database/sql"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Error is a failure that SQLite reports: a corrupt file, a full disk, a limit, a
// constraint. Find it with errors.As. Its fields are:
//
//	Code     string // SQLite's name of the primary result code, such as "SQLITE_CORRUPT"
//	Extended string // of the extended one, such as "SQLITE_IOERR_WRITE"
//	Msg      string // SQLite's own message
//	Offset   int    // byte of the SQL text at which it was found, or -1
//	Err      error  // the error of the disk below, if there was one
//
// Its text never holds bound values (S7).
type Error = sqlite.Error

// What calls of this package return, to be compared with errors.Is.
var (
	// ErrNotAuthorized: SQL may not do this in an object. The error is an *Error too, with
	// Code SQLITE_AUTH, and says what was refused.
	ErrNotAuthorized = doerr.ErrNotAuthorized
	// ErrParameters: the arguments do not fit the statement's parameters, or a statement that
	// is not the last has some.
	ErrParameters = doerr.ErrParameters
	// ErrNoStatement: the text is empty or ends in a comment or semicolon too many.
	ErrNoStatement = doerr.ErrNoStatement
	// ErrCursorClosed: the cursor was ended by a commit point, by DeleteAll, or with the
	// Transaction it was opened in.
	ErrCursorClosed = doerr.ErrCursorClosed
	// ErrNoRows: there is no row where there should be one. It is sql.ErrNoRows.
	ErrNoRows = sql.ErrNoRows
	// ErrMultipleRows: there are more rows than the one there should be.
	ErrMultipleRows = doerr.ErrMultipleRows
	// ErrColumns: the columns do not fit the destinations or the fields of a struct.
	ErrColumns = doerr.ErrColumns
	// ErrMigration: the list given to Migrate contradicts itself or what was recorded, or one of
	// it failed.
	ErrMigration = doerr.ErrMigration
	// ErrInvalidValue: a value cannot be stored, or a stored one does not fit its destination.
	ErrInvalidValue = doerr.ErrInvalidValue
	// ErrTxOrder: a transaction of Std is to be committed while one that began later is open.
	ErrTxOrder = doerr.ErrTxOrder
	// ErrReadOnly: a write in a transaction of Std that was begun ReadOnly.
	ErrReadOnly = doerr.ErrReadOnly
	// ErrTxDone: the transaction of Std has ended. It is sql.ErrTxDone.
	ErrTxDone = doerr.ErrTxDone
	// ErrInTransaction: a transaction of Std was left open at the end of the turn.
	ErrInTransaction = doerr.ErrInTransaction
	// ErrOutsideTurn: the context does not carry a live turn of this object.
	ErrOutsideTurn = doerr.ErrOutsideTurn
	// ErrReset: the object was reset while it ran; its storage is out of its reach.
	ErrReset = doerr.ErrReset
)

// Package doerr holds the sentinels that several layers return. Packages a user
// sees re-export them as variables, so errors.Is holds across layers.
package doerr

import (
	"database/sql"
	"errors"
)

var (
	ErrReset          = errors.New("do: the object was reset")
	ErrClosed         = errors.New("do: the runtime is closed")
	ErrOverloaded     = errors.New("do: too many events are waiting for the object")
	ErrOutsideTurn    = errors.New("do: the context does not carry a live turn of this object")
	ErrInvalidID      = errors.New("do: not an object id: want 64 hex digits")
	ErrForeignID      = errors.New("do: the object id belongs to another namespace")
	ErrInTransaction  = errors.New("do: not allowed while a transaction is open")
	ErrTxDone         = sql.ErrTxDone
	ErrTxOrder        = errors.New("do: a transaction that began later is still open")
	ErrReadOnly       = errors.New("do: the transaction is read-only")
	ErrTooDeep        = errors.New("do: nested too deeply")
	ErrDeadlock       = errors.New("do: the call waits for an object that waits for it")
	ErrNotMethod      = errors.New("do: not a method that can be called: want a method expression of the class")
	ErrWrongClass     = errors.New("do: the stub belongs to an object of another class")
	ErrInvalidValue   = errors.New("do: the value cannot be stored or does not fit its destination")
	ErrValueTooLarge  = errors.New("do: the value is too large")
	ErrKeyTooLarge    = errors.New("do: the key is too large")
	ErrInvalidKey     = errors.New("do: the key is not valid UTF-8")
	ErrTooManyKeys    = errors.New("do: too many keys in one call")
	ErrNotAuthorized  = errors.New("do: SQL may not do this")
	ErrParameters     = errors.New("do: the arguments do not fit the statement's parameters")
	ErrNoStatement    = errors.New("do: the text ends without a statement")
	ErrCursorClosed   = errors.New("do: the cursor has ended")
	ErrMultipleRows   = errors.New("do: more than one row")
	ErrColumns        = errors.New("do: the columns do not fit where they should go")
	ErrMigration      = errors.New("do: the migrations cannot be made")
	ErrInvalidOptions = errors.New("do: invalid options")
	ErrLocked         = errors.New("do: the data folder is in use by another runtime")
	ErrNewerFormat    = errors.New("do: the data was written by a newer version")
	ErrNotUpgrade     = errors.New("do: the request is not a WebSocket handshake")
	ErrTags           = errors.New("do: too many tags, or one that is too long")
	ErrTooManySockets = errors.New("do: the object has too many sockets")
	ErrSocketClosed   = errors.New("do: the socket is closed")
	ErrInvalidClose   = errors.New("do: the code or reason must not be sent in a close frame")
	ErrNotRunning     = errors.New("do: the object is not in memory")
	ErrNoAlarmHandler = errors.New("do: the class has no Alarm method")
	ErrInvalidAlarm   = errors.New("do: an alarm is after 1970 began and not after 2262-04-11T23:47:16.854775807Z")
	ErrNoRetry        = errors.New("do: the alarm is not to be retried")
	ErrHasData        = errors.New("do: the object has data")
	ErrNoData         = errors.New("do: the object has no data")
	ErrNotDatabase    = errors.New("do: the file is not the database of an object")
)

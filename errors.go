package do

import (
	"context"
	"errors"
	"strings"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// The kinds of failure. Test for them with errors.Is; what a caller may do about one is
// in the *Error around it (L24).
var (
	// ErrReset says that the object was reset while, or before, it worked on the event:
	// by a panic, Abort, a failed commit, fsync or blocked section, or a time limit. The
	// next call reaches a fresh instance (L14).
	ErrReset = doerr.ErrReset
	// ErrClosed says that the runtime is closing or closed; the event never started,
	// unless Close's context ended first (T34.12).
	ErrClosed = doerr.ErrClosed
	// ErrOverloaded says that QueueLimit events were waiting; the event never started (L13).
	ErrOverloaded = doerr.ErrOverloaded
	// ErrOutsideTurn says that the context is not the one of the object's live turn (T2, T5, T7).
	ErrOutsideTurn = doerr.ErrOutsideTurn
	// ErrInvalidID says that a text is not an id, or that an ID is zero (I7, I15).
	ErrInvalidID = doerr.ErrInvalidID
	// ErrForeignID says that an id belongs to another namespace (I7, I15).
	ErrForeignID = doerr.ErrForeignID
	// ErrInTransaction says that a wait, Sync or DeleteAll was tried inside Transaction, or with
	// a transaction of SQL().Std() open (T4, T31); and it is the answer of an event whose code
	// left one open (S65).
	ErrInTransaction = doerr.ErrInTransaction
	// ErrTooDeep says that transactions or blocked sections nest more than 64 deep (N14).
	ErrTooDeep = doerr.ErrTooDeep
	// ErrDeadlock says that the call would wait for an object that waits for it (T27).
	ErrDeadlock = doerr.ErrDeadlock
	// ErrNotMethod says that Call was given something else than an exported method (F2).
	ErrNotMethod = doerr.ErrNotMethod
	// ErrWrongClass says that the stub's object is of another class (F2).
	ErrWrongClass = doerr.ErrWrongClass
	// ErrInvalidValue says that a value cannot be stored or passed, or does not fit its
	// destination (K5, K6, K8).
	ErrInvalidValue = doerr.ErrInvalidValue
	// ErrValueTooLarge says that a value is over its limit (N2, N6).
	ErrValueTooLarge = doerr.ErrValueTooLarge
	// ErrInvalidOptions says that options contradict each other or are out of range.
	ErrInvalidOptions = doerr.ErrInvalidOptions
	// ErrLocked says that another runtime has the data folder; its text names the
	// holder's pid (L19).
	ErrLocked = doerr.ErrLocked
	// ErrNewerFormat says that a file was written by a newer version of this package.
	ErrNewerFormat = doerr.ErrNewerFormat
	// ErrDamagedLog says that Open met a commit log of which a part is not as it was written,
	// with commits behind it that are in order: commits that were answered for are lost. No file
	// was changed. Put back a copy of the folder; or take its folder commits away: then each object
	// has what had come into its file before, of which SQLite may refuse a part.
	ErrDamagedLog = doerr.ErrDamagedLog
	// ErrUnresolved says that Open met a binding by Ref whose script is not mounted, or whose
	// class that script does not host, or hosts more than once; its text names script and
	// binding (P10).
	ErrUnresolved = doerr.ErrUnresolved
	// ErrUnserved says that the data folder has the namespace, but no script declares it any
	// more, so that its objects rest; or that Options.DryRun serves nothing (L23, P8, P18).
	ErrUnserved = doerr.ErrUnserved
	// ErrPeerAuth says that the process that hosts the object refused the request: secret,
	// script names or environment differ, or the clocks by over 60 s (B6).
	ErrPeerAuth = doerr.ErrPeerAuth
	// ErrPeerLost says that the connection to the process that hosts the object was lost when
	// the request had left: whether the object worked on it is not known (B15, L24.8).
	ErrPeerLost = doerr.ErrPeerLost
	// ErrHasData says that Import met an object that has data.
	ErrHasData = doerr.ErrHasData
	// ErrNoData says that Export met an object without data.
	ErrNoData = doerr.ErrNoData
	// ErrNotDatabase says that what Import was given is not the database of an object, or
	// not sound.
	ErrNotDatabase = doerr.ErrNotDatabase
	// ErrUnconvertible says that the file which the reference has written of an object has
	// something that cannot be taken over, and stays as it is. A value that is the cause is
	// named by the *kvstorage.ConversionError in it.
	ErrUnconvertible = doerr.ErrUnconvertible
	// ErrNotUpgrade says that a request is not a WebSocket handshake (W1).
	ErrNotUpgrade = doerr.ErrNotUpgrade
	// ErrTags says that a socket has over 10 tags, or one of over 256 bytes (W3).
	ErrTags = doerr.ErrTags
	// ErrTooManySockets says that the object has MaxSockets sockets (W3).
	ErrTooManySockets = doerr.ErrTooManySockets
	// ErrSocketClosed says that nothing can be sent on the socket any more (W14).
	ErrSocketClosed = doerr.ErrSocketClosed
	// ErrInvalidClose says that a close frame must not have this code or reason (W13).
	ErrInvalidClose = doerr.ErrInvalidClose
	// ErrNoAlarmHandler says that SetAlarm was called in a class that is no Alarmer (A3).
	ErrNoAlarmHandler = doerr.ErrNoAlarmHandler
	// ErrInvalidAlarm says that a time is out of the range of alarms (A2).
	ErrInvalidAlarm = doerr.ErrInvalidAlarm
	// ErrNoRetry is for an Alarmer to return, or to wrap, also as the reason of State.Abort:
	// the alarm is dead at once (A8.11).
	ErrNoRetry = doerr.ErrNoRetry
	// ErrNotRunning says that the object has no instance in memory.
	ErrNotRunning = doerr.ErrNotRunning
)

// Error is the failure of a call to an object (L24, L25). errors.Is and errors.As reach
// the cause through it.
type Error struct {
	Op         string // "fetch", or the method's name
	Class      string
	ID         ID
	Remote     bool // it comes from the object, not from the way to it
	Retryable  bool // the call may be repeated if repeating is harmless
	Overloaded bool // do not repeat it soon
	Reset      bool // the instance is gone
	Err        error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteByte(' ')
	b.WriteString(e.Class)
	b.WriteByte('/')
	b.WriteString(e.ID.String()[:8])
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the caller's error of err. fromObject says that the object's code gave it.
func (s *Stub) fail(ctx context.Context, op string, err error, fromObject bool) error {
	e := &Error{Op: op, Class: s.ns.class.name, ID: s.id, Err: err}
	var reset *actor.ResetError
	switch {
	case fromObject:
		e.Remote = true
		var own *Error
		if errors.As(err, &own) {
			e.Retryable, e.Overloaded = own.Retryable, own.Overloaded
		}
	case ctx != nil && ctx.Err() != nil && (err == ctx.Err() || err == context.Cause(ctx)):
		return err
	case errors.As(err, &reset):
		e.Remote = !reset.Closed
		e.Reset = !reset.Closed
		e.Retryable = reset.Retryable || reset.Closed
		e.Overloaded = reset.Overloaded
	default:
		e.Retryable = errors.Is(err, ErrClosed)
		e.Overloaded = errors.Is(err, ErrOverloaded)
	}
	return e
}

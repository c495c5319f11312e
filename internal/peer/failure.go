package peer

import (
	"context"
	"errors"

	"github.com/durablego/do/internal/doerr"
)

// Failure is an error as it crosses: its text, its kinds, and what a caller may do about it.
// errors.Is finds the kinds again (B11).
type Failure struct {
	Text       string   `cbor:"1,keyasint,omitempty"`
	Kinds      []string `cbor:"2,keyasint,omitempty"`
	Remote     bool     `cbor:"3,keyasint,omitempty"`
	Retryable  bool     `cbor:"4,keyasint,omitempty"`
	Overloaded bool     `cbor:"5,keyasint,omitempty"`
	Reset      bool     `cbor:"6,keyasint,omitempty"`
	// Unstarted says that the host was closing, or not reached: the operation did not begin.
	Unstarted bool `cbor:"7,keyasint,omitempty"`

	cause error // of a failure on this side of the wire
}

// maxText bounds the text of an error that crosses, in bytes.
const maxText = 16 << 10

// kinds are the errors that are found again on the other side, by their names on the wire.
var kinds = map[string]error{
	"reset": doerr.ErrReset, "closed": doerr.ErrClosed, "overloaded": doerr.ErrOverloaded, "outside-turn": doerr.ErrOutsideTurn,
	"invalid-id": doerr.ErrInvalidID, "foreign-id": doerr.ErrForeignID, "in-transaction": doerr.ErrInTransaction,
	"too-deep": doerr.ErrTooDeep, "deadlock": doerr.ErrDeadlock, "not-method": doerr.ErrNotMethod, "wrong-class": doerr.ErrWrongClass,
	"invalid-value": doerr.ErrInvalidValue, "value-too-large": doerr.ErrValueTooLarge, "key-too-large": doerr.ErrKeyTooLarge,
	"invalid-key": doerr.ErrInvalidKey, "too-many-keys": doerr.ErrTooManyKeys, "not-authorized": doerr.ErrNotAuthorized,
	"parameters": doerr.ErrParameters, "no-statement": doerr.ErrNoStatement, "cursor-closed": doerr.ErrCursorClosed,
	"multiple-rows": doerr.ErrMultipleRows, "columns": doerr.ErrColumns, "migration": doerr.ErrMigration,
	"invalid-options": doerr.ErrInvalidOptions, "locked": doerr.ErrLocked, "newer-format": doerr.ErrNewerFormat,
	"damaged-log": doerr.ErrDamagedLog,
	"not-upgrade": doerr.ErrNotUpgrade, "tags": doerr.ErrTags, "too-many-sockets": doerr.ErrTooManySockets,
	"socket-closed": doerr.ErrSocketClosed, "invalid-close": doerr.ErrInvalidClose, "not-running": doerr.ErrNotRunning,
	"no-alarm-handler": doerr.ErrNoAlarmHandler, "invalid-alarm": doerr.ErrInvalidAlarm, "no-retry": doerr.ErrNoRetry,
	"has-data": doerr.ErrHasData, "no-data": doerr.ErrNoData, "unresolved": doerr.ErrUnresolved, "unserved": doerr.ErrUnserved,
	"tx-done": doerr.ErrTxDone, "tx-order": doerr.ErrTxOrder, "read-only": doerr.ErrReadOnly, "unconvertible": doerr.ErrUnconvertible,
	"not-database": doerr.ErrNotDatabase, "peer-auth": doerr.ErrPeerAuth, "peer-lost": doerr.ErrPeerLost,
	"unsupported": errors.ErrUnsupported, "canceled": context.Canceled, "deadline": context.DeadlineExceeded,
}

// Describe gives text and kinds of err.
func Describe(err error) *Failure {
	f := &Failure{Text: err.Error()}
	if len(f.Text) > maxText {
		f.Text = f.Text[:maxText] + " …"
	}
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			f.Kinds = append(f.Kinds, name)
		}
	}
	return f
}

func (f *Failure) Error() string { return f.Text }

// Unwrap gives the kinds that this version knows, and the cause if there is one here.
func (f *Failure) Unwrap() []error {
	var all []error
	for _, name := range f.Kinds {
		if kind := kinds[name]; kind != nil {
			all = append(all, kind)
		}
	}
	if f.cause != nil {
		all = append(all, f.cause)
	}
	return all
}

// fault is a failure on this side of the wire: kind, if not nil, and cause.
func fault(kind, cause error) *Failure {
	f := &Failure{cause: cause}
	switch {
	case kind == nil:
		f.Text = "do: peer: " + cause.Error()
	case cause == nil:
		f.Text, f.cause = kind.Error(), kind
	default:
		f.Text, f.cause = kind.Error()+": "+cause.Error(), errors.Join(kind, cause)
	}
	return f
}

// lost is the failure of a request whose fate nobody knows (L24.8). The cause is text alone: it
// may be io.EOF, and this is no end of a body.
func lost(cause error) *Failure {
	f := fault(doerr.ErrPeerLost, nil)
	f.Text += ": " + cause.Error()
	f.Retryable = true
	return f
}

// unreached is the failure of a request that did not leave (B15).
func unreached(cause error) *Failure {
	f := fault(nil, cause)
	f.Retryable, f.Unstarted = true, true
	return f
}

// closed is the failure of what this process's runtime cuts off as it closes.
func closed() *Failure {
	f := fault(doerr.ErrClosed, nil)
	f.Retryable = true
	return f
}

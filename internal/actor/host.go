package actor

import (
	"context"
	"log/slog"
)

// Host is the object's cell: what the mailbox needs to know of the object. Unless said
// otherwise, its methods are called by the holder of the baton. At most one of Begin,
// Leave, Recover, the work of Chore, of TryExclusive and of a visit runs at a time.
type Host interface {
	// Begin readies storage for a new life, before its constructor, also storage that is
	// broken since. On an error it has begun nothing, every waiting event is answered with
	// it and the next event tries again.
	Begin(l *Life, first *Event) error
	// Construct runs the class's constructor, for the event first, which need not be the one
	// that the life began with. ctx carries the constructor's turn.
	Construct(ctx context.Context, l *Life, first *Event) (instance any, err error)
	// Stop tells the instance that it will leave (L9). ctx carries a turn.
	Stop(ctx context.Context, l *Life, reason StopReason) error
	// Commit commits what is open. It takes a ticket if something was written. It may run
	// beside a reset of l, and fails once l is fenced.
	Commit(l *Life) error
	// InTransaction says whether an explicit transaction is open.
	InTransaction(l *Life) bool
	// Leave makes everything durable and closes storage. l is the life that has left, or nil
	// if there was none. On an error it is called once more, and has to recover then; if
	// that fails too the object stays in memory, unless the mailbox is to be retired.
	Leave(ctx context.Context, l *Life) error
	// Chore gives work to be done between turns, or nil. It is asked after each turn.
	Chore() func()

	// Fence cuts l off from storage: once for each life that began. From any goroutine.
	Fence(l *Life)
	// Recover undoes what l wrote since its last commit point and readies storage for
	// the next life. It waits for a call of the old life that is inside storage.
	// From any goroutine, once per reset of a life that began, after Fence.
	Recover(l *Life, why *ResetError) error
	// Quiet is called when nothing is left to do. From any goroutine.
	Quiet()
	// Retired is called when the mailbox is gone, without the baton. Storage that Leave could
	// not close is the Host's to drop.
	Retired()
	// Logger is never nil. From any goroutine.
	Logger() *slog.Logger
}

// StopReason says why an instance leaves memory.
type StopReason int

const (
	StopIdle  StopReason = iota // nothing to do for the class's idle time-out
	StopClose                   // the runtime closes
)

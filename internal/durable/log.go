package durable

import (
	"context"

	"github.com/durablego/do/internal/gate"
)

// Commit is one commit of an open database.
type Commit struct {
	Ticket uint64 // its number at the object's gate
	Frames int    // frames in the write-ahead log after it, in the present generation
}

// Target is the open database as its Log sees it.
type Target interface {
	// Sync makes everything written before the call durable: the write-ahead log, the
	// first time the main file as well, and the names of both. It may be called from any
	// goroutine, but only one call at a time. After an error it is not called again.
	Sync() error
}

// Log makes the commits of one open database durable. Commit, Rewind and Close belong to
// the owner of the database, one call at a time; Flush and Durable may be called from any
// goroutine.
type Log interface {
	// Commit announces a commit that took place. It never blocks.
	Commit(c Commit)
	// Flush returns nil once everything announced before the call is durable and its
	// tickets are open; the Log's failure if it is dead; ctx.Err() if ctx ends first.
	Flush(ctx context.Context) error
	// Durable returns the last commit a good sync covered, the zero Commit if there is
	// none. It keeps its value after a failure and after Close.
	Durable() Commit
	// Rewind says that a checkpoint emptied the write-ahead log: frames count from 0
	// again. Everything announced must be durable.
	Rewind()
	// Close ends the Log and waits for a running sync. Commits that are not durable yet
	// stay pending at the gate. Close may be called more than once.
	Close()
}

// Opener makes the Log of a database that was just opened. failed is called once, from
// another goroutine, if a sync fails, before the tickets break. It must not block
// and must not call the Log. Open may be called from any goroutine.
type Opener interface {
	Open(t Target, g *gate.Gate, failed func(error)) Log
}

// SyncError says why a Log died.
type SyncError struct {
	// Timeout is set when the sync took longer than the limit (T16); the object then
	// counts as overloaded.
	Timeout bool
	// Err is what the system said, ErrTimeout when it said nothing in time.
	Err error
}

// Error implements error.
func (e *SyncError) Error() string { return "durable: fsync: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SyncError) Unwrap() error { return e.Err }

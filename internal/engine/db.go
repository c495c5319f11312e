package engine

import (
	"context"
	"sync/atomic"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/sqlite"
)

// DB is the database of one object. It lives as long as the object's cell, whether or not
// its files exist and its connection is open. Close, Checkpoint, Flush, Name and SetName
// are for the cell, between turns; Recover too, or beside a turn whose session is to be
// cut off. Broken, IsOpen and WantsCheckpoint may be called from any goroutine.
type DB struct {
	o       Options
	journal durable.Journal // the Opener, if it is one; else nil
	lock    lock
	files   lock // with a journal: who writes to the main file, or needs it as it is for a moment; after lock
	commit  watch

	session atomic.Pointer[Session]     // the newest; all older ones are fenced
	conn    atomic.Pointer[sqlite.Conn] // to interrupt it; nil while closed
	broken  atomic.Pointer[Error]       // set by a failure, cleared by Recover
	opened  atomic.Bool
	full    atomic.Bool              // the write-ahead log asks for a checkpoint
	pin     atomic.Pointer[Snapshot] // who needs the main file as it is

	// Of the holder of lock:
	db        *opening // nil while closed
	absent    bool     // there is no main file, as far as the last look goes
	unsynced  bool     // a file was removed, its folder not synced since
	rewrite   bool     // a sync of a recovered log may have failed: write it anew before the next
	reopen    bool     // the connection cannot be trusted any more
	stillborn bool     // it never became durable: Recover has yet to remove the files
	forget    bool     // Recover has yet to tell the journal that commits were cut off
	renumber  bool     // the newest ticket broke with a log that is gone: Recover takes one more
	name      string   // the object's name, "" if not known

	owner   *Session // who used the connection last; nil after a rollback
	inTx    bool     // the implicit transaction is open
	alarmed bool     // it may have changed the alarm
	marked  int32    // levels that have a savepoint: the others wrote nothing yet
	epoch   uint64   // counts rollbacks of everything: levels begun before it are gone
	writes  uint64   // counts writes of keys: a scan whose statement is older seeks anew
	scans   *Scan    // those that hold a statement, a list

	cursors *Cursor // those that are open, a list
	void    *texts  // of the empty database that is read while there are no files (S19)
}

// New returns the DB of the object whose file is o.Path. It does no I/O.
func New(o Options) *DB {
	d := &DB{o: o.withDefaults(), lock: newLock(), files: newLock()}
	d.journal, _ = o.Opener.(durable.Journal)
	d.commit = watch{limit: d.o.CommitTimeout, overdue: d.overdue}
	return d
}

// Session returns the view of a new instance and fences the one before. guard is called
// at the start of every operation that takes a ctx, before the connection's lock is
// taken, and its error is returned as it is; nil: no guard.
func (d *DB) Session(guard func(context.Context) error) *Session {
	s := &Session{d: d, guard: guard}
	if old := d.session.Swap(s); old != nil {
		old.Fence()
	}
	return s
}

// Broken returns the failure that Recover has to deal with, nil if there is none.
func (d *DB) Broken() error {
	if e := d.broken.Load(); e != nil {
		return e
	}
	return nil
}

// IsOpen reports whether the connection is open.
func (d *DB) IsOpen() bool { return d.opened.Load() }

// WantsCheckpoint reports whether the write-ahead log has reached CheckpointBytes and may
// be emptied.
func (d *DB) WantsCheckpoint() bool { return d.full.Load() && d.pin.Load() == nil }

// Flush returns nil once every commit is durable and its ticket open; the failure if
// fsync fails; ctx.Err() if ctx ends first.
func (d *DB) Flush(ctx context.Context) error {
	if err := d.lock.acquire(ctx); err != nil {
		return err
	}
	o, err := d.db, d.Broken()
	d.lock.release()
	if err != nil || o == nil {
		return err
	}
	return o.log.Flush(ctx)
}

// fail makes the database broken and returns the failure that did: an earlier one if
// there is one. unsure says that the connection cannot be trusted. REQUIRES: lock held.
func (d *DB) fail(op string, err error, unsure bool) *Error {
	e := &Error{Op: op, IO: IsIO(err), Timeout: IsTimeout(err), Reset: true, Err: err}
	if known, ok := err.(*Error); ok {
		e.Op, e.Err = known.Op, known.Err
	}
	d.reopen = d.reopen || unsure || e.IO
	if !d.broken.CompareAndSwap(nil, e) {
		if first := d.broken.Load(); first != nil {
			return first
		}
	}
	return e
}

// syncFailed is what the log of o calls, from the background.
func (d *DB) syncFailed(o *opening, err error) {
	e := &Error{Op: "fsync", IO: true, Timeout: IsTimeout(err), Reset: true, Err: err}
	o.dead.Store(true)
	d.broken.Store(e) // also over another failure, so that Recover sees that this one is new
	if d.o.Failed != nil {
		d.o.Failed(e)
	}
}

// overdue is what the time limit of commits and checkpoints calls, from the background.
func (d *DB) overdue(op string) {
	e := &Error{Op: op, IO: true, Timeout: true, Reset: true, Err: errOverdue}
	d.broken.CompareAndSwap(nil, e)
	if d.o.Failed != nil {
		d.o.Failed(e)
	}
}

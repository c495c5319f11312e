package engine

import (
	"context"
	"errors"
	"time"

	"github.com/durablego/do/internal/durable"
)

// interruptEvery is how often a call that Recover waits for is interrupted: one that was
// between two statements may begin another.
const interruptEvery = 10 * time.Millisecond

// Recover deals with a failure, whatever it was, so that the next session can work. It
// fences the session, interrupts its statement and waits for it. Then the open
// transaction is undone; commits that are not durable yet are kept, and their tickets
// open later (T34.2, T34.7). If the connection cannot be trusted the database is closed,
// to be opened again by the next use; before that, what an fsync failed to make durable
// is cut off (T15), and a database that never became durable is removed.
//
// Recover returns nil when that is done. Otherwise, also with ctx.Err() if ctx ended
// first, the database is as broken as before, and Recover is to be called again.
func (d *DB) Recover(ctx context.Context) error {
	if s := d.session.Load(); s != nil {
		s.Fence()
	}
	if err := d.lock.acquireNudging(ctx, interruptEvery, d.interrupt); err != nil {
		return err
	}
	defer d.lock.release()
	for {
		failure := d.broken.Load()
		if err := d.recover(ctx); err != nil {
			d.broken.CompareAndSwap(nil, &Error{Op: "recover", IO: IsIO(err), Timeout: IsTimeout(err), Reset: true, Err: err})
			return err
		}
		if d.broken.CompareAndSwap(failure, nil) {
			return nil
		} // else the log failed meanwhile
	}
}

// interrupt stops the statement that runs, if any.
func (d *DB) interrupt() {
	if conn := d.conn.Load(); conn != nil {
		conn.Interrupt()
	}
}

// recover is one attempt. REQUIRES: lock held.
func (d *DB) recover(ctx context.Context) error {
	if err := d.rollback(); err != nil {
		d.reopen = true // rollback has made it broken
	}
	if d.db != nil && (d.reopen || d.db.dead.Load()) {
		if err := d.drop(ctx); err != nil {
			return err
		}
	}
	if d.stillborn {
		if d.journal != nil {
			if err := d.journal.Removed(d.o.Path); err != nil {
				return diskError("remove", err)
			}
		}
		if err := d.removeAll(); err != nil {
			return diskError("remove", err)
		}
		d.stillborn = false
	}
	if d.forget { // the journal may have what was cut off
		if err := d.journal.Forget(ctx, d.o.Path); err != nil {
			return diskError("recover", err)
		}
		d.forget = false
	}
	if d.renumber { // who only reads from now on waits for this ticket
		d.o.Gate.Open(d.o.Gate.Take())
		d.renumber = false
	}
	return nil
}

// drop closes a database that cannot be trusted, without what is not durable.
func (d *DB) drop(ctx context.Context) error {
	o := d.db
	d.reopen = true
	if !o.dead.Load() {
		// What was announced is kept if it can be made durable; the log's failure otherwise
		// is dealt with below, like one that was there before.
		if err := o.log.Flush(ctx); err != nil && ctx.Err() != nil && !IsIO(err) {
			return err
		}
	}
	if err := o.closeLog(ctx); err != nil {
		return err
	}
	good := o.log.Durable()
	switch {
	case good == (durable.Commit{}) && o.mainDirty:
		d.stillborn = true // nothing of it is to be trusted, the names included
	case d.journal != nil:
		if err := d.place(ctx); err != nil {
			return err
		}
		d.forget = true
	default:
		if err := o.conn.CutWAL(good.Frames); err != nil {
			return diskError("recover", err)
		}
	}
	d.renumber = d.renumber || o.dead.Load()
	_ = d.disconnect() // of a database that is given up; everything that counts is synced
	return nil
}

// place makes durable in the main file all that is durable, which until now only the journal
// may have had; a journal that is going to be replayed does that itself. REQUIRES: lock held.
func (d *DB) place(ctx context.Context) error {
	o := d.db
	if err := d.journal.Syncing(d.o.Path); err != nil {
		return nil
	}
	err := d.files.acquire(ctx)
	if err == nil {
		err = o.writeBack(o.log.Durable().Frames)
		d.files.release()
	}
	if err != nil {
		if sqliteExtended(err) != "SQLITE_IOERR_READ" {
			d.journal.Done(d.o.Path) // nobody's sync has failed
		}
		return err
	}
	if err = errors.Join(o.conn.SyncMain(), o.place()); err != nil {
		d.journal.Doubt(d.o.Path, err)
	}
	return diskError("recover", err)
}

// closeLog waits for the log to end, not longer than ctx.
func (o *opening) closeLog(ctx context.Context) error {
	if o.closing == nil {
		o.closing = make(chan struct{})
		go func() {
			o.log.Close()
			close(o.closing)
		}()
	}
	select {
	case <-o.closing:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

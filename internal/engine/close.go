package engine

import (
	"context"
	"errors"

	"github.com/durablego/do/internal/doerr"
)

// Checkpoint makes all commits durable, copies them into the main file and empties the
// write-ahead log (T16). It waits for the tickets, but not longer than ctx. An error of
// ctx breaks nothing, any other one breaks the database. With a transaction open it fails
// with doerr.ErrInTransaction.
func (d *DB) Checkpoint(ctx context.Context) error {
	if err := d.lock.acquire(ctx); err != nil {
		return err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil || d.db == nil {
		return err
	}
	if d.inTx {
		return doerr.ErrInTransaction
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	return d.checkpoint(d.db.conn.Checkpoint)
}

// Close makes all commits durable, writes them to the main file and closes the files, of
// which only that one is left; of an object without data, none (L16, K26). What an open
// transaction wrote is undone. The next use opens them again. An error of ctx, while the
// tickets were waited for, leaves everything open; a failure before the connection was
// closed breaks the database; an error of the removal of files is only reported.
func (d *DB) Close(ctx context.Context) error {
	if err := d.lock.acquire(ctx); err != nil {
		return err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil || d.db == nil {
		return err
	}
	if err := d.rollback(); err != nil {
		return err
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	empty, err := d.db.empty()
	if err != nil {
		return d.fail("close", err, true)
	}
	// A main file that is still the image is as empty as the object: it needs no checkpoint
	// before its log goes.
	if !empty || d.db.checkpointed {
		if err := d.checkpoint(d.db.conn.Backfill); err != nil {
			return err
		}
	}
	d.db.log.Close()
	err = d.disconnect()
	if empty {
		return errors.Join(err, diskError("remove", d.removeAll()))
	}
	return errors.Join(err, diskError("remove", d.remove(d.walPath())))
}

// flush waits until every commit is durable. REQUIRES: lock held.
func (d *DB) flush(ctx context.Context) error {
	err := d.db.log.Flush(ctx)
	if err == nil || ctx.Err() != nil && !IsIO(err) {
		return err
	}
	return d.fail("fsync", err, true)
}

// checkpoint copies the write-ahead log into the main file by run. REQUIRES: lock held,
// everything durable.
func (d *DB) checkpoint(run func() error) error {
	o := d.db
	d.parkScans() // their frames could not be copied
	d.commit.start("checkpoint")
	err := run()
	if inTime := d.commit.stop(); err == nil && !inTime {
		err = &Error{Op: "checkpoint", IO: true, Timeout: true, Err: errOverdue}
	}
	if err != nil {
		return d.fail("checkpoint", err, true)
	}
	o.log.Rewind()
	o.checkpointed = true
	d.full.Store(false)
	return nil
}

// disconnect closes the connection, whatever happens. REQUIRES: lock held, log closed.
func (d *DB) disconnect() error {
	o := d.db
	d.parkScans()
	d.db, d.inTx, d.marked, d.reopen = nil, false, 0, false
	d.conn.Store(nil)
	d.opened.Store(false)
	d.full.Store(false)
	err := o.conn.Close()
	if d.o.OnClose != nil {
		d.o.OnClose()
	}
	return diskError("close", err)
}

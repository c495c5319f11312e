package engine

import (
	"context"
	"errors"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
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
	if d.pin.Load() != nil {
		return nil // a Snapshot needs the main file: another time
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	return d.checkpoint()
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
		d.endStatements()
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
	if err := d.unpinned(ctx); err != nil {
		return err
	}
	if empty {
		return d.closeEmpty()
	}
	return d.closeWhole()
}

// closeWhole closes an object that has data so that only its main file is left.
func (d *DB) closeWhole() error {
	if err := d.copyAll("checkpoint"); err != nil {
		return err
	}
	d.db.log.Close()
	err := d.disconnect()
	if d.journal != nil {
		return err
	}
	return errors.Join(err, diskError("remove", d.remove(d.walPath())))
}

// copyAll brings everything into the main file of a database that is about to be closed. Its
// log need not be empty then. REQUIRES: lock held, everything durable.
func (d *DB) copyAll(op string) error {
	if d.journal != nil {
		return d.fold(op)
	}
	return d.copyBack(op, d.db.conn.Backfill)
}

// closeEmpty closes an object without data, and removes its files. A main file that is
// still the image is as empty as the object: it needs no checkpoint before its log goes.
func (d *DB) closeEmpty() error {
	if d.journal != nil {
		if err := d.journal.Removed(d.o.Path); err != nil { // it stays, and is empty
			return errors.Join(diskError("remove", err), d.closeWhole())
		}
	} else if d.db.checkpointed {
		if err := d.copyAll("checkpoint"); err != nil {
			return err
		}
	}
	d.db.log.Close()
	err := d.disconnect()
	return errors.Join(err, diskError("remove", d.removeAll()))
}

// flush waits until every commit is durable. REQUIRES: lock held.
func (d *DB) flush(ctx context.Context) error {
	err := d.db.log.Flush(ctx)
	if err == nil || ctx.Err() != nil && !IsIO(err) {
		return err
	}
	return d.fail("fsync", err, true)
}

// checkpoint copies the write-ahead log into the main file and empties it: durably, or as a
// journal has it durably. REQUIRES: lock held, everything durable.
func (d *DB) checkpoint() error {
	var err error
	if d.journal != nil {
		err = d.fold("checkpoint")
	} else {
		err = d.copyBack("checkpoint", func() error {
			err := d.db.conn.Checkpoint()
			if err == nil {
				d.db.log.Rewind() // also if that took too long
			}
			return err
		})
	}
	if err != nil {
		return err
	}
	d.full.Store(false)
	return nil
}

// syncing runs a checkpoint of files that were perhaps never synced, as only the journal
// needed them. Should a sync fail, the journal has them written anew.
func (d *DB) syncing(o *opening, checkpoint func() error) error {
	if err := o.place(); err != nil {
		return err
	}
	if err := d.journal.Syncing(d.o.Path); err != nil {
		return err
	}
	if err := checkpoint(); err != nil {
		if syncsFailed(err) {
			d.journal.Doubt(d.o.Path, err)
		} else {
			d.journal.Done(d.o.Path)
		}
		return err
	}
	d.journal.Settled(d.o.Path)
	return nil
}

// syncsFailed reports whether a sync may have failed in a checkpoint that did. A full disk, a
// time limit and a file that SQLite does not understand cost nobody's trust.
func syncsFailed(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code == "SQLITE_IOERR"
	}
	return !errors.Is(err, errOverdue)
}

// place makes the names of the files durable, if perhaps they are not.
func (o *opening) place() error {
	made := o.conn.WALCreated()
	if !o.unplaced && made == o.walSynced {
		return nil
	}
	if err := o.folder.Sync(); err != nil {
		return err
	}
	o.unplaced, o.walSynced = false, made
	return nil
}

// copyBack copies the write-ahead log into the main file by run.
func (d *DB) copyBack(op string, run func() error) error {
	d.parkScans() // their frames could not be copied
	d.commit.start(op)
	err := run()
	if inTime := d.commit.stop(); err == nil && !inTime {
		err = &Error{Op: op, IO: true, Timeout: true, Err: errOverdue}
	}
	if err != nil {
		return d.fail(op, err, true)
	}
	d.db.checkpointed = true
	return nil
}

// disconnect closes the connection, whatever happens. With a journal the main file has all
// commits that are durable, or the journal was told otherwise. REQUIRES: lock held, log closed.
func (d *DB) disconnect() error {
	o := d.db
	d.parkScans()
	d.endStatements()
	_ = d.files.acquire(context.Background()) // this context does not end
	o.left = true
	d.db, d.inTx, d.marked, d.reopen = nil, false, 0, false
	d.conn.Store(nil)
	d.opened.Store(false)
	d.full.Store(false)
	err := o.conn.Close()
	d.files.release()
	if d.journal != nil {
		d.journal.Closed(d.o.Path)
		d.journal.Leave(d.o.Path)
	}
	if d.o.OnClose != nil {
		d.o.OnClose()
	}
	return diskError("close", err)
}

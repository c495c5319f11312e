package engine

import (
	"context"
	"errors"
	"io/fs"
)

// Destroy removes the object's database; when it returns nil that is durable, and the next
// use begins with nothing (L15). What is in a write-ahead log goes to the main file first, so
// that a power cut on the way leaves the whole database or none. A database that cannot be
// opened is removed as it is. It waits for the tickets, but not longer than ctx; after an
// error the database is as it was, or broken, or gone, and Destroy can be called again.
func (d *DB) Destroy(ctx context.Context) error {
	if err := d.lock.acquire(ctx); err != nil {
		return err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return err
	}
	if err := d.unpinned(ctx); err != nil {
		return err
	}
	if err := d.vacate(ctx, "remove"); err != nil {
		return err
	}
	if d.journal == nil {
		// Also what an attempt before this one removed, of which this DB may know nothing.
		if err := d.o.Folder.Sync(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diskError("remove", err)
		}
	}
	d.unsynced, d.name = false, ""
	return nil
}

// vacate closes the database and removes its files, for op. REQUIRES: lock held.
func (d *DB) vacate(ctx context.Context, op string) error {
	leave := d.leaveWhole
	if d.journal != nil {
		leave = d.giveUp
	}
	if err := leave(ctx); err != nil {
		return err
	}
	return diskError(op, d.removeAll())
}

// giveUp has the journal know, durably, that the files go, and closes the database: before
// that a power cut leaves them as they are, after it none of them. REQUIRES: lock held.
func (d *DB) giveUp(ctx context.Context) error {
	if d.db != nil {
		if err := d.rollback(); err != nil {
			return err
		}
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	if err := d.journal.Removed(d.o.Path); err != nil {
		return diskError("remove", err)
	}
	if d.db == nil {
		return nil
	}
	d.db.log.Close()
	_ = d.disconnect() // of files that go
	return nil
}

// leaveWhole closes the database with everything in its main file. REQUIRES: lock held.
func (d *DB) leaveWhole(ctx context.Context) error {
	if d.db == nil {
		wal, err := d.stat(d.walPath())
		if err != nil {
			return diskError("remove", err)
		}
		if wal <= 0 {
			return nil
		}
		if foreign, err := d.isForeign(); err != nil {
			return err
		} else if foreign { // it is not worth a takeover; one that cannot be read goes as it is
			if err := d.foldForeign(); IsIO(err) {
				return err
			}
			return nil
		}
		if _, err := d.reading(); IsIO(err) {
			return err
		} else if d.db == nil {
			return nil // a log alone, or what no connection can read
		}
	}
	if err := d.rollback(); err != nil {
		return err
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	if err := d.unpinned(ctx); err != nil {
		return err
	}
	if err := d.copyBack("checkpoint", d.db.conn.Backfill); err != nil {
		return err
	}
	d.db.log.Close()
	return d.disconnect()
}

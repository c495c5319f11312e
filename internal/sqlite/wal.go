package sqlite

import (
	"encoding/binary"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

var walHookC = funcPointer(walHook)

// walHook is called after a commit with the frames that the log then has.
func walHook(tls *libc.TLS, arg, db, name uintptr, frames int32) int32 {
	conns.get(uint32(arg)).frames = int(frames)
	return lib.SQLITE_OK
}

// Frames gives the number of frames in the log that belong to commits: counted by the
// WAL hook since Open or the last checkpoint, those that Open recovered included.
func (c *Conn) Frames() int { return c.frames }

// WALSize gives the size of the log in bytes; 0 if there is none.
func (c *Conn) WALSize() int64 {
	if f := c.log.Load(); f != nil {
		return max(f.size, 0)
	}
	return 0
}

// WALCreated counts how often this connection made the log's file. Each time its
// folder has to be synced before a commit in it is durable.
func (c *Conn) WALCreated() uint64 { return c.created.Load() }

// SyncWAL makes every commit that returned before the call durable, in the log. It may
// run beside calls of other methods, but not beside Open or Close. After an error the
// commits that it should have covered are not to be trusted, see [Conn.CutWAL] (T15).
func (c *Conn) SyncWAL() error { return syncFile(c.log.Load()) }

// SyncMain makes the database's main file durable; it may run where SyncWAL may.
func (c *Conn) SyncMain() error { return syncFile(c.main.Load()) }

func syncFile(f *file) error {
	if f == nil {
		return nil
	}
	if err := f.syncDisk(); err != nil {
		e := newError(lib.SQLITE_IOERR_FSYNC)
		e.Err = err
		return e
	}
	return nil
}

// Checkpoint copies the log into the main file, makes that durable, empties the log by
// clearing its header and makes that durable too: T16. The log keeps its blocks. No transaction may be open and no statement
// between Step and Reset. The log is synced first, unless nothing was written to it since
// a sync; but only the caller knows whether an earlier one failed (T15).
//
// After an error the log may hold everything, or nothing with all of it in the main
// file; both are consistent. The connection is then only good for Close.
//
// Of a log in memory everything is copied and nothing synced: who calls this has its commits
// elsewhere, durably.
func (c *Conn) Checkpoint() error {
	if log := c.log.Load(); c.db != 0 && (log == nil || log.size == 0) {
		return nil
	}
	if c.inMem {
		return c.fold()
	}
	if err := c.backfill(lib.SQLITE_CHECKPOINT_TRUNCATE); err != nil {
		return err
	}
	c.frames = 0
	return c.SyncWAL()
}

// Backfill is Checkpoint before Close: the log stays as it is. Whoever removes its file
// then need not make that durable: should a power cut bring it back, it says what the
// main file says.
func (c *Conn) Backfill() error { return c.backfill(lib.SQLITE_CHECKPOINT_FULL) }

// fold is Checkpoint of a log in memory.
func (c *Conn) fold() error {
	if c.db == 0 {
		return errClosed
	}
	t := enter()
	defer t.leave()
	if rc, _ := c.checkpoint(t, lib.SQLITE_CHECKPOINT_TRUNCATE); rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	c.frames, c.taken = 0, 0
	c.newest = nil
	return nil
}

func (c *Conn) backfill(mode int32) (err error) {
	if c.db == 0 {
		return errClosed
	}
	if log := c.log.Load(); log == nil || log.size == 0 {
		return nil
	}
	t := enter()
	defer t.leave()
	// Only now may SQLite sync: log, main file, in this order around the copying.
	if err := c.exec(t, "PRAGMA synchronous=NORMAL"); err != nil {
		return err
	}
	defer func() {
		if e := c.exec(t, "PRAGMA synchronous=OFF"); err == nil {
			err = e
		}
	}()
	if rc, _ := c.checkpoint(t, mode); rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	return nil
}

// checkpoint gives the frames in the log at the end.
func (c *Conn) checkpoint(t *thread, mode int32) (rc int32, frames int) {
	c.diskErr = nil
	out := t.Alloc(8)
	defer t.Free(8)
	*at[int32](out) = 0
	rc = lib.Xsqlite3_wal_checkpoint_v2(t.TLS, c.db, 0, mode, out, out+4)
	return rc, int(*at[int32](out))
}

// countFrames finds how many frames Open recovered.
func (c *Conn) countFrames(t *thread) error {
	if c.WALSize() == 0 {
		return nil
	}
	rc, frames := c.checkpoint(t, lib.SQLITE_CHECKPOINT_NOOP)
	if rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	c.frames = max(frames, 0)
	return nil
}

// CutWAL cuts the log to its first frames (T15), makes that durable, and forbids every
// later write: only Close may follow, and a new connection finds the database as it
// was after the commit that ended with this frame. A log that is shorter stays.
//
// If it fails it may be called again.
func (c *Conn) CutWAL(frames int) error {
	if c.db == 0 {
		return errClosed
	}
	c.sealed = true
	log := c.log.Load()
	if log == nil {
		return nil
	}
	fail := func(rc int32, err error) error {
		e := newError(rc)
		e.Err = err
		return e
	}
	size, err := log.disk.Size()
	if err != nil {
		return fail(lib.SQLITE_IOERR_FSTAT, err)
	}
	var keep int64
	if frames > 0 && size >= walHeaderSize {
		var header [walHeaderSize]byte
		if _, err := log.disk.ReadAt(header[:], 0); err != nil {
			return fail(lib.SQLITE_IOERR_READ, err)
		}
		// A cleared header has no page size: a checkpoint copied everything and then failed
		// to make that durable. Part of the log must not stay: should the header be back
		// after a power cut, it would be taken for an older state.
		if pageSize := int64(binary.BigEndian.Uint32(header[8:])); pageSize > 0 {
			keep = walHeaderSize + int64(frames)*(frameHeaderSize+pageSize)
		}
	}
	if keep < size {
		if err := log.disk.Truncate(keep); err != nil {
			return fail(lib.SQLITE_IOERR_TRUNCATE, err)
		}
	}
	if err := log.disk.Sync(); err != nil {
		return fail(lib.SQLITE_IOERR_FSYNC, err)
	}
	return nil
}

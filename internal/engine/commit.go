package engine

import (
	"context"
	"math"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/sqlite"
)

// Commit is a commit point: it commits what was written since the last one, takes the
// gate's ticket for it and announces it to the Log. No fsync happens here. It returns the
// ticket and true, or the newest ticket and false if nothing was written (T13). Scans go
// on afterwards.
//
// It fails with doerr.ErrInTransaction while a Transaction is running, which breaks
// nothing, with doerr.ErrReset if the session is fenced, and with the failure if the
// database is or becomes broken: then everything since the last commit point is undone
// (T34.7).
func (s *Session) Commit() (ticket uint64, wrote bool, err error) {
	d := s.d
	if err := d.lock.acquire(context.Background()); err != nil {
		return 0, false, err
	}
	defer d.lock.release()
	if err := s.admit(); err != nil {
		return 0, false, err
	}
	if s.depth.Load() > 0 {
		return 0, false, doerr.ErrInTransaction
	}
	d.endStatements()
	s.flags = s.flags.with(sqlite.DeferForeignKeys, false) // as SQLite does
	if !d.inTx {
		return d.o.Gate.Newest(), false, nil
	}
	return d.commitNow()
}

// Rollback undoes everything since the last commit point, and ends running Transactions:
// they return doerr.ErrReset. A fenced session gets doerr.ErrReset, and Recover undoes its
// transaction.
func (s *Session) Rollback() error {
	d := s.d
	if err := d.lock.acquire(context.Background()); err != nil {
		return err
	}
	defer d.lock.release()
	if err := s.admit(); err != nil {
		return err
	}
	return d.rollback()
}

// begin opens the implicit transaction, if it is not open (T11), and marks the levels
// that have not written yet. REQUIRES: lock held by a call of d.owner, database
// open.
func (d *DB) begin() error {
	if err := d.owner.mayWrite(); err != nil {
		return err
	}
	if !d.inTx {
		if err := d.db.run(stmtBegin); err != nil {
			return err
		}
		d.inTx, d.marked = true, 0
	}
	for d.marked < d.owner.depth.Load() {
		if err := d.db.run(stmtSavepoint); err != nil {
			return err
		}
		d.marked++
	}
	return nil
}

// commitNow commits the open transaction. REQUIRES: lock held, no level.
func (d *DB) commitNow() (ticket uint64, wrote bool, err error) {
	o := d.db
	d.parkScans() // no cursor outlives a commit point
	if err := d.storeName(); err != nil {
		return 0, false, d.commitFailed(err)
	}
	var alarm Alarm
	if d.alarmed {
		var err error
		if alarm, err = o.alarm(); err != nil {
			return 0, false, d.commitFailed(err)
		}
	}
	before := o.conn.Frames()
	d.commit.start("commit")
	err = o.run(stmtCommit)
	inTime := d.commit.stop()
	if err != nil {
		return 0, false, d.commitFailed(err)
	}
	d.inTx = false
	o.named = o.named || d.name != ""
	frames := o.conn.Frames()
	if frames == before {
		d.alarmed = false
		return d.o.Gate.Newest(), false, nil
	}
	if !inTime {
		// It is in the log, but counts as failed: not announced, so Recover cuts it off.
		return 0, false, d.fail("commit", &Error{Op: "commit", IO: true, Timeout: true, Err: errOverdue}, true)
	}
	if d.o.CommitFault != nil {
		if err := d.o.CommitFault(); err != nil {
			return 0, false, d.fail("commit", diskError("commit", err), true) // as above
		}
	}
	if d.journal != nil {
		if o.taken, err = o.conn.TakeCommits(o.taken[:0]); err != nil {
			return 0, false, d.fail("commit", diskError("commit", err), true) // as above
		}
	}
	ticket = d.o.Gate.Take()
	if d.alarmed { // before the commit could be durable: the index hears of it no later
		d.tellAlarm(alarm, ticket)
	}
	d.alarmed = false
	o.log.Commit(durable.Commit{Ticket: ticket, Frames: frames})
	if o.conn.WALSize() >= d.room() {
		d.full.Store(true)
	}
	return ticket, true, nil
}

// room is how long the write-ahead log may become.
func (d *DB) room() int64 {
	room := d.o.CheckpointBytes
	if room <= 0 {
		room = math.MaxInt64
	}
	if d.journal != nil && d.o.LogMemory != nil {
		room = min(room, d.o.LogMemory())
	}
	return room
}

// commitFailed breaks the database and undoes the transaction. After a violated deferred
// key (T33) the connection is sound; after anything else frames of the refused commit
// may be in the log.
func (d *DB) commitFailed(err error) error {
	e := d.fail("commit", err, sqliteCode(err) != "SQLITE_CONSTRAINT")
	if rerr := d.rollback(); rerr != nil {
		d.reopen = true
	}
	return e
}

// rollback undoes the implicit transaction and ends all levels. REQUIRES: lock held.
func (d *DB) rollback() error {
	if d.owner != nil {
		d.owner.cut(0)
		d.owner.lost = 0
		d.owner = nil
	}
	d.marked, d.alarmed = 0, false
	d.epoch++
	d.endStatements()
	if d.db == nil {
		d.inTx = false
		return nil
	}
	d.parkScans() // they seek anew in what is then there
	if !d.inTx {
		return nil
	}
	d.inTx = false
	if !d.db.conn.InTransaction() {
		return nil
	}
	if err := d.db.run(stmtRollback); err != nil {
		return d.fail("rollback", err, true)
	}
	return nil
}

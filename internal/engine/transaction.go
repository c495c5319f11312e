package engine

import (
	"context"

	"github.com/durablego/do/internal/doerr"
)

// Transaction runs fn in a savepoint of the implicit transaction (T22). If fn returns an
// error, panics or calls runtime.Goexit, what was written in fn is undone; an error is
// returned as it is. A level that has written nothing costs SQLite nothing.
//
// It fails with doerr.ErrTooDeep, which breaks nothing, at depth 65 (T23); with the
// failure if SQLite ended the transaction, also when fn returned nil (T24); with
// doerr.ErrReset if the session was fenced or rolled back while fn ran; with doerr.ErrTxDone
// if a Tx around it was rolled back meanwhile, and doerr.ErrTxOrder if fn, which returned nil,
// left a Tx open: then nothing is kept (S63).
func (s *Session) Transaction(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	if err := s.enter(ctx); err != nil {
		return err
	}
	epoch := s.d.epoch
	number, err := s.push(level{})
	s.leave()
	if err != nil {
		return err
	}

	done := false
	defer func() {
		if !done { // a panic or Goexit goes on after this
			_ = s.endLevel(number, epoch, false)
		}
	}()
	err = fn(ctx)
	done = true
	if failure := s.endLevel(number, epoch, err == nil); failure != nil {
		return failure
	}
	return err
}

// endLevel keeps or undoes what was written in the level of a Transaction.
func (s *Session) endLevel(number, epoch uint64, keep bool) error {
	d := s.d
	if err := d.lock.acquire(context.Background()); err != nil {
		return err
	}
	defer d.lock.release()
	if err := s.over(epoch); err != nil {
		return err
	}
	i := s.find(number)
	switch {
	case i < 0: // it was within a Tx that was rolled back
		s.lost--
		return doerr.ErrTxDone
	case !s.all(i+1, func(l *level) bool { return l.tx != nil }):
		return d.fail("transaction", errOrder, false)
	case keep && i < len(s.levels)-1: // a Tx that began in it is open: neither is done
		if err := s.end(i, false); err != nil {
			return err
		}
		return doerr.ErrTxOrder
	}
	return s.end(i, keep)
}

// released passes the outcome of ending a savepoint on. One that cannot be ended leaves
// the transaction in a state nobody knows.
func (s *Session) released(err error) error {
	if err == nil {
		return nil
	}
	if err = s.failed(err); err == doerr.ErrReset {
		return err
	}
	return s.d.fail("transaction", err, true)
}

// undoSavepoint undoes what was written since the innermost savepoint and removes it.
// REQUIRES: lock held.
func (d *DB) undoSavepoint() error {
	d.parkScans()
	if err := d.db.run(stmtRollbackTo); err != nil {
		return err
	}
	return d.db.run(stmtRelease)
}

// atomically runs fn so that its writes happen together or not at all, within the
// transaction. REQUIRES: lock held, begin was called.
func (s *Session) atomically(fn func() error) error {
	d := s.d
	if err := d.db.run(stmtSavepoint); err != nil {
		return s.failed(err)
	}
	if err := fn(); err != nil {
		if err = s.failed(err); d.inTx && !s.fenced.Load() {
			if uerr := s.released(d.undoSavepoint()); uerr != nil {
				return uerr
			}
		}
		return err
	}
	return s.released(d.db.run(stmtRelease))
}

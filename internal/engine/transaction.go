package engine

import (
	"context"
	"errors"

	"github.com/durablego/do/internal/doerr"
)

// errOrder is the failure of Transactions that do not end in the reverse order of their
// beginning: two goroutines use the turn (T5).
var errOrder = errors.New("transactions of two goroutines in one turn")

// Transaction runs fn in a savepoint of the implicit transaction (T22). If fn returns an
// error, panics or calls runtime.Goexit, what was written in fn is undone; an error is
// returned as it is. A level that has written nothing costs SQLite nothing.
//
// It fails with doerr.ErrTooDeep, which breaks nothing, at depth 65 (T23); with the
// failure if SQLite ended the transaction, also when fn returned nil (T24); with
// doerr.ErrReset if the session was fenced or rolled back while fn ran.
func (s *Session) Transaction(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	if err := s.enter(ctx); err != nil {
		return err
	}
	d := s.d
	level, epoch := s.depth.Load()+1, d.epoch
	if level > maxDepth {
		s.leave()
		return doerr.ErrTooDeep
	}
	s.depth.Store(level)
	s.leave()

	done := false
	defer func() {
		if !done { // a panic or Goexit goes on after this
			_ = s.endLevel(level, epoch, false)
		}
	}()
	err = fn(ctx)
	done = true
	if failure := s.endLevel(level, epoch, err == nil); failure != nil {
		return failure
	}
	return err
}

// endLevel keeps or undoes what was written in the level.
func (s *Session) endLevel(level int32, epoch uint64, keep bool) error {
	d := s.d
	if err := d.lock.acquire(context.Background()); err != nil {
		return err
	}
	defer d.lock.release()
	if s.fenced.Load() || d.owner != s || d.epoch != epoch {
		if e := d.broken.Load(); e != nil && !s.fenced.Load() {
			return e
		}
		return doerr.ErrReset
	}
	if s.depth.Load() != level {
		return d.fail("transaction", errOrder, false)
	}
	s.depth.Store(level - 1)
	if keep {
		d.raiseCursors(level)
	} else {
		d.endCursors(level)
	}
	if e := d.broken.Load(); e != nil {
		d.marked = min(d.marked, level-1)
		return e
	}
	if d.marked < level {
		return nil // nothing was written in it
	}
	d.marked = level - 1
	if keep {
		return s.released(d.db.run(stmtRelease))
	}
	return s.released(d.undoSavepoint())
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

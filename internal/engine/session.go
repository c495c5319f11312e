package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/durablego/do/internal/doerr"
)

// Session is the database as one instance of an object sees it.
//
// Every method with a ctx asks the guard, fails with ctx.Err() if ctx is done before it
// starts (S58), waits for the connection and then fails with doerr.ErrReset if the
// session is fenced and with the failure if the database is broken (S57). One goroutine
// uses a session at a time, but for Fence, OnFence and InTransaction; a call too many is no
// data race, it waits for the other.
type Session struct {
	d      *DB
	guard  func(context.Context) error
	fenced atomic.Bool
	depth  atomic.Int32 // len(levels); written under DB.lock
	levels []level      // open ones, the innermost last; of the holder of DB.lock
	begun  uint64       // counts levels; of the holder of DB.lock
	lost   int          // running Transactions whose level was ended under them; of the holder of DB.lock
	alarm  Alarm        // that runs; of the holder of DB.lock
	flags  flagSet      // that the instance has set; of the holder of DB.lock

	fenceMu sync.Mutex // guards following
	onFence []func()
}

// Fence cuts the session off: every later call gives doerr.ErrReset and changes nothing.
// A call that is running is not waited for; Recover does that. Fence may be called from
// any goroutine, more than once.
func (s *Session) Fence() {
	s.fenced.Store(true)
	s.fenceMu.Lock()
	call := s.onFence
	s.onFence = nil
	s.fenceMu.Unlock()
	for _, fn := range call {
		fn()
	}
}

// OnFence has fn called when the session is fenced, at once if it is. fn must not wait for a
// call of the session.
func (s *Session) OnFence(fn func()) {
	s.fenceMu.Lock()
	if !s.fenced.Load() {
		s.onFence = append(s.onFence, fn)
		fn = nil
	}
	s.fenceMu.Unlock()
	if fn != nil {
		fn()
	}
}

// InTransaction reports whether a level is open: a Transaction that runs, or a Tx. It may be
// called from any goroutine.
func (s *Session) InTransaction() bool { return s.depth.Load() > 0 && !s.fenced.Load() }

// enter begins an operation. If it returns nil the lock is held.
func (s *Session) enter(ctx context.Context) error {
	if s.guard != nil {
		if err := s.guard(ctx); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.d.lock.tryAcquire() {
		if s.fenced.Load() {
			return doerr.ErrReset // at once, not when the stuck call of before has ended
		}
		if err := s.d.lock.acquire(ctx); err != nil {
			return err
		}
	}
	if err := s.admit(); err != nil {
		s.d.lock.release()
		return err
	}
	return nil
}

// admit lets s use the connection. REQUIRES: lock held.
func (s *Session) admit() error {
	d := s.d
	if s.fenced.Load() {
		return doerr.ErrReset
	}
	if e := d.broken.Load(); e != nil {
		return e
	}
	if s.lost > 0 && d.owner == s {
		return doerr.ErrTxDone
	}
	if d.owner != s {
		if err := d.rollback(); err != nil { // of an older instance, fenced by now
			return err
		}
		d.owner = s
	}
	return nil
}

// leave ends an operation.
func (s *Session) leave() { s.d.lock.release() }

// failed looks at what an error of SQLite left behind: if the transaction is gone the
// database is broken (S57). It returns the error to give. REQUIRES: lock held.
func (s *Session) failed(err error) error {
	d := s.d
	if s.fenced.Load() {
		return doerr.ErrReset // interrupted by Recover, which is waiting for the lock
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Reset {
		return e
	}
	if d.inTx && !d.db.conn.InTransaction() {
		d.inTx = false
		return d.fail("transaction", err, sqliteCode(err) != "SQLITE_CONSTRAINT")
	}
	return err
}

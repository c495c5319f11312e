package engine

import (
	"errors"

	"github.com/durablego/do/internal/doerr"
)

// errOrder is the failure of Transactions that do not end in the reverse order of their
// beginning: two goroutines use the turn (T5).
var errOrder = errors.New("transactions of two goroutines in one turn")

// level is a savepoint of the implicit transaction, or will be one with its first write. It
// has a number, as others may stand at its depth when it has ended.
type level struct {
	number   uint64
	tx       *Tx    // whose it is; nil: a Transaction that runs
	name     string // of a SAVEPOINT statement within tx
	readOnly bool   // it, or one around it
}

// push opens a level. REQUIRES: lock held.
func (s *Session) push(l level) (number uint64, err error) {
	if len(s.levels) >= maxDepth {
		return 0, doerr.ErrTooDeep
	}
	s.begun++
	l.number = s.begun
	l.readOnly = l.readOnly || s.mayWrite() != nil
	s.levels = append(s.levels, l)
	s.depth.Store(int32(len(s.levels)))
	return l.number, nil
}

// mayWrite gives doerr.ErrReadOnly within a read-only level (S62). REQUIRES: lock held.
func (s *Session) mayWrite() error {
	if n := len(s.levels); n > 0 && s.levels[n-1].readOnly {
		return doerr.ErrReadOnly
	}
	return nil
}

// cut forgets the levels from index i on. REQUIRES: lock held.
func (s *Session) cut(i int) {
	clear(s.levels[i:])
	s.levels = s.levels[:i]
	s.depth.Store(int32(i))
}

// find gives the index of a level, -1 if it has ended. REQUIRES: lock held.
func (s *Session) find(number uint64) int {
	for i := len(s.levels) - 1; i >= 0; i-- {
		if s.levels[i].number == number {
			return i
		}
	}
	return -1
}

// all tells whether every level from index i on is one of which is is true. REQUIRES: lock
// held.
func (s *Session) all(i int, is func(l *level) bool) bool {
	for ; i < len(s.levels); i++ {
		if !is(&s.levels[i]) {
			return false
		}
	}
	return true
}

// end keeps or undoes what was written in the levels from index i on, and ends them.
// Transactions among them that still run get doerr.ErrTxDone, and so does everything they
// call. REQUIRES: lock held.
func (s *Session) end(i int, keep bool) error {
	d := s.d
	if keep {
		d.raiseCursors(int32(i) + 1)
	} else {
		d.endCursors(int32(i) + 1)
	}
	for n := len(s.levels); n > i; n-- {
		s.cut(n - 1)
		if d.broken.Load() != nil || int(d.marked) < n { // nothing was written in it
			d.marked = min(d.marked, int32(n-1))
			continue
		}
		d.marked = int32(n - 1)
		var err error
		if keep {
			err = d.db.run(stmtRelease)
		} else {
			err = d.undoSavepoint()
		}
		if err := s.released(err); err != nil {
			s.cut(i)
			return err
		}
	}
	if e := d.broken.Load(); e != nil {
		return e
	}
	return nil
}

// over gives the reason why a level of the session is not there any more: epoch is that of
// its beginning. REQUIRES: lock held.
func (s *Session) over(epoch uint64) error {
	d := s.d
	if !s.fenced.Load() && d.owner == s && d.epoch == epoch {
		return nil
	}
	if e := d.broken.Load(); e != nil && !s.fenced.Load() {
		return e
	}
	return doerr.ErrReset
}

package engine

import (
	"context"
	"strings"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Tx is a level that lasts until Commit or Rollback, or the end of the turn (S61). It is used
// like its session; Rollback may also be called from any other goroutine, at any time.
type Tx struct {
	s      *Session
	ctx    context.Context // of Begin: Commit belongs to it
	number uint64
	epoch  uint64
}

// Begin opens a Tx. Until it ends nothing commits: a commit point, and DeleteAll, give
// doerr.ErrInTransaction. With readOnly every write gives doerr.ErrReadOnly (S62). It fails
// like Transaction.
func (s *Session) Begin(ctx context.Context, readOnly bool) (*Tx, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	t := &Tx{s: s, ctx: ctx, epoch: s.d.epoch}
	number, err := s.push(level{tx: t, readOnly: readOnly})
	if err != nil {
		return nil, err
	}
	t.number = number
	return t, nil
}

// Commit ends t and keeps what was written in it, as part of what is around it. While a level
// that began in t is open that is doerr.ErrTxOrder, and nothing happens (S63); when t has
// ended doerr.ErrTxDone. That its context is done does not keep it from committing.
func (t *Tx) Commit() error {
	s := t.s
	if s.guard != nil {
		if err := s.guard(t.ctx); err != nil {
			return err
		}
	}
	return t.end(true)
}

// Rollback undoes what was written in t and ends it, and every level that began in it. When
// t has ended it gives doerr.ErrTxDone, after a reset doerr.ErrReset.
func (t *Tx) Rollback() error { return t.end(false) }

func (t *Tx) end(keep bool) error {
	s := t.s
	if err := s.d.lock.acquire(context.Background()); err != nil {
		return err
	}
	defer s.leave()
	i, err := t.find()
	if err != nil {
		return err
	}
	if keep && !s.all(i, func(l *level) bool { return l.tx == t }) {
		return doerr.ErrTxOrder
	}
	if !keep {
		s.lose(i)
	}
	return s.end(i, keep)
}

// find gives the index of t's level. REQUIRES: lock held.
func (t *Tx) find() (int, error) {
	if err := t.s.over(t.epoch); err != nil {
		return 0, err
	}
	i := t.s.find(t.number)
	if i < 0 {
		return 0, doerr.ErrTxDone
	}
	return i, nil
}

// lose counts the Transactions that run in levels from index i on, which are about to end.
func (s *Session) lose(i int) {
	for ; i < len(s.levels); i++ {
		if s.levels[i].tx == nil {
			s.lost++
		}
	}
}

// EndTxs rolls back what the turn that ends has left open (S65), and says whether there was
// something. Transactions that still run are left to Commit, which refuses them.
func (s *Session) EndTxs() (left bool, err error) {
	if s.depth.Load() == 0 {
		return false, nil
	}
	if err := s.d.lock.acquire(context.Background()); err != nil {
		return false, err
	}
	defer s.leave()
	if s.fenced.Load() || s.d.owner != s || !s.all(0, func(l *level) bool { return l.tx != nil }) {
		return false, nil
	}
	return true, s.end(0, false)
}

// savepoint does what a statement says that works on a savepoint within t, as SQLite does:
// op is BEGIN, RELEASE or ROLLBACK. REQUIRES: lock held.
func (t *Tx) savepoint(op, name string) error {
	s := t.s
	outer, err := t.find()
	if err != nil {
		return err
	}
	if op == "BEGIN" {
		if top := s.levels[len(s.levels)-1]; top.tx != t {
			return doerr.ErrTxOrder
		}
		_, err := s.push(level{tx: t, name: name})
		return err
	}
	i := len(s.levels) - 1
	for i > outer && !(s.levels[i].tx == t && strings.EqualFold(s.levels[i].name, name)) {
		i--
	}
	switch {
	case i == outer:
		return sqlite.NoSavepoint(name)
	case op == "RELEASE" && !s.all(i, func(l *level) bool { return l.tx == t }):
		return doerr.ErrTxOrder
	case op == "RELEASE":
		return s.end(i, true)
	}
	s.lose(i)
	if err := s.end(i, false); err != nil {
		return err
	}
	_, err = s.push(level{tx: t, name: name}) // it stays open
	return err
}

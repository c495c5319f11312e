package sqlite

import (
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Stmt is a prepared statement of a connection, used like it by one goroutine at a
// time. Its use is: bind, Step until there is no row, Reset, and so on again.
type Stmt struct {
	conn       *Conn
	p          uintptr // *sqlite3_stmt; 0 when finalized
	prev, next *Stmt   // in conn.stmts

	params  []param
	columns int
	running bool // between Step and Reset
	failed  bool // the last Step gave an error
	User         // of PrepareUser
}

func newStmt(t *thread, c *Conn, p uintptr) *Stmt {
	s := &Stmt{conn: c, p: p, next: c.stmts, columns: int(lib.Xsqlite3_column_count(t.TLS, p))}
	if n := lib.Xsqlite3_bind_parameter_count(t.TLS, p); n > 0 {
		s.params = make([]param, n)
	}
	if c.stmts != nil {
		c.stmts.prev = s
	}
	c.stmts = s
	return s
}

// Step runs the statement to its next row, or to its end: row is then false. After an
// error, too, Reset makes the statement ready to run again.
func (s *Stmt) Step() (row bool, err error) {
	t := enter()
	defer t.leave()
	return s.step(t)
}

func (s *Stmt) step(t *thread) (row bool, err error) {
	if s.p == 0 {
		return false, errFinalized
	}
	s.conn.diskErr = nil
	first := !s.running
	s.running = true
	if s.user {
		s.watch()
	}
	rc := lib.Xsqlite3_step(t.TLS, s.p)
	s.conn.watched.on = false
	if first && s.user && s.columns > 0 { // a statement without columns never gets any
		s.refresh(t)
	}
	switch rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		s.failed = true
		err := s.conn.fail(t, rc)
		if s.user {
			return false, s.conn.denied(err)
		}
		return false, err
	}
}

// run steps to the end.
func (s *Stmt) run(t *thread) error {
	for {
		if row, err := s.step(t); !row {
			return err
		}
	}
}

// Reset ends the run, so that the statement can run again. Outside a transaction that
// is a commit, if not all rows were taken, and may fail. An error that Step gave is not
// given again. Values stay bound, but for those longer than 4 KiB: these are dropped.
func (s *Stmt) Reset() error {
	if s.p == 0 {
		return errFinalized
	}
	t := enter()
	defer t.leave()
	s.conn.diskErr = nil
	failed := s.failed
	if rc := s.reset(t); rc != lib.SQLITE_OK && !failed {
		return s.conn.fail(t, rc)
	}
	return nil
}

func (s *Stmt) reset(t *thread) int32 {
	rc := lib.Xsqlite3_reset(t.TLS, s.p)
	s.running, s.failed = false, false
	s.dropLong(t)
	return rc
}

// Running tells whether the statement is between Step and Reset.
func (s *Stmt) Running() bool { return s.running }

// Finalize frees the statement. Every later call on it fails or gives nothing.
// Finalizing twice does nothing.
func (s *Stmt) Finalize() error {
	if s.p == 0 {
		return nil
	}
	t := enter()
	defer t.leave()
	s.conn.diskErr = nil
	failed := s.failed
	if rc := s.finalize(t); rc != lib.SQLITE_OK && !failed {
		return s.conn.fail(t, rc)
	}
	return nil
}

func (s *Stmt) finalize(t *thread) int32 {
	rc := lib.Xsqlite3_finalize(t.TLS, s.p)
	for i := range s.params {
		s.params[i].free(t)
	}
	s.p, s.params, s.columns = 0, nil, 0
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		s.conn.stmts = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	return rc
}

// ReadOnly tells whether the statement leaves the database file alone. BEGIN, COMMIT
// and SAVEPOINT count as read-only.
func (s *Stmt) ReadOnly() bool {
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_stmt_readonly(t.TLS, s.p) != 0
}

// ParamCount gives the largest parameter number.
func (s *Stmt) ParamCount() int { return len(s.params) }

// ParamName gives the name of parameter i, with its prefix; "" if it has none.
func (s *Stmt) ParamName(i int) string {
	t := enter()
	defer t.leave()
	return s.paramName(t, i)
}

func (s *Stmt) paramName(t *thread, i int) string {
	return libc.GoString(lib.Xsqlite3_bind_parameter_name(t.TLS, s.p, int32(i)))
}

package sqlite

import (
	"strings"

	lib "modernc.org/sqlite/lib"
)

// Prepare compiles the first statement of sql. Tail is what follows it, as SQLite sees
// it. s is nil when there is no statement, only space and comments.
func (c *Conn) Prepare(sql string) (s *Stmt, tail string, err error) {
	t := enter()
	defer t.leave()
	return c.prepare(t, sql)
}

// Exec runs all statements of sql, which have no parameters, and drops their rows. It
// stops at the first error.
func (c *Conn) Exec(sql string) error {
	t := enter()
	defer t.leave()
	return c.exec(t, sql)
}

func (c *Conn) exec(t *thread, sql string) error {
	for sql != "" {
		s, tail, err := c.prepare(t, sql)
		if err != nil {
			return err
		}
		if s != nil {
			err = s.run(t)
			s.finalize(t)
			if err != nil {
				return err
			}
		}
		sql = tail
	}
	return nil
}

func (c *Conn) prepare(t *thread, sql string) (s *Stmt, tail string, err error) {
	if c.db == 0 {
		return nil, "", errClosed
	}
	if strings.IndexByte(sql, 0) >= 0 {
		return nil, "", misuse("a NUL byte in the statement") // SQLite would stop there in silence
	}
	if len(sql) > maxLength {
		return nil, "", newError(lib.SQLITE_TOOBIG)
	}
	c.diskErr = nil
	text := t.cstring(sql)
	defer t.release(text)
	out := t.Alloc(16)
	defer t.Free(16)
	*at[[2]uintptr](out) = [2]uintptr{}
	rc := lib.Xsqlite3_prepare_v3(t.TLS, c.db, text, int32(len(sql)+1), 0, out, out+8)
	stmt, end := *at[uintptr](out), *at[uintptr](out + 8)
	if rc != lib.SQLITE_OK {
		return nil, "", c.fail(t, rc)
	}
	tail = sql[end-text:]
	if stmt == 0 {
		return nil, tail, nil
	}
	return newStmt(t, c, stmt), tail, nil
}

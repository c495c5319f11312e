package ecosystem_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// bareDriver is the least that database/sql needs to use SQLite on a plain file, for the
// benchmarks: no turns, no authorizer, no statement cache, no times.
type bareDriver struct{ path string }

func (d bareDriver) Connect(context.Context) (driver.Conn, error) {
	c, err := sqlite.Open(d.path, sqlite.Options{FS: disk.OS(), MaxRowBytes: 1 << 20})
	return bareConn{c}, err
}

func (d bareDriver) Driver() driver.Driver { return nil }

type bareConn struct{ *sqlite.Conn }

func (c bareConn) Close() error { return c.Conn.Close() }

func (c bareConn) Prepare(query string) (driver.Stmt, error) {
	s, _, err := c.Conn.Prepare(query)
	return &bareStmt{c: c, s: s}, err
}

func (c bareConn) Begin() (driver.Tx, error) { return c, c.Exec("BEGIN") }

func (c bareConn) Commit() error { return c.Exec("COMMIT") }

func (c bareConn) Rollback() error { return c.Exec("ROLLBACK") }

type bareStmt struct {
	c    bareConn
	s    *sqlite.Stmt
	rows sqlite.Rows
}

func (s *bareStmt) Close() error  { return s.s.Finalize() }
func (s *bareStmt) NumInput() int { return s.s.ParamCount() }

func (s *bareStmt) args(values []driver.Value) ([]sqlite.Arg, error) {
	args := make([]sqlite.Arg, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			args[i] = sqlite.Arg{Type: sqlite.Int, Int: v}
		case string:
			args[i] = sqlite.Arg{Type: sqlite.Text, Text: v}
		default:
			return nil, errors.New("a type that the benchmarks do not use")
		}
	}
	return args, nil
}

func (s *bareStmt) Exec(values []driver.Value) (driver.Result, error) {
	args, err := s.args(values)
	if err != nil {
		return nil, err
	}
	o, err := s.s.Run(args, nil)
	return driver.RowsAffected(o.Direct), err
}

func (s *bareStmt) Query(values []driver.Value) (driver.Rows, error) {
	args, err := s.args(values)
	if err != nil {
		return nil, err
	}
	s.rows.Reset()
	row, err := s.s.Start(args, &s.rows)
	return &bareRows{stmt: s, columns: s.s.ColumnNames(), row: row}, err
}

type bareRows struct {
	stmt    *bareStmt
	columns []string
	row     bool // there is one to give
}

func (r *bareRows) Columns() []string { return r.columns }

func (r *bareRows) Close() error { return r.stmt.s.Reset() }

func (r *bareRows) Next(dst []driver.Value) (err error) {
	if !r.row {
		return io.EOF
	}
	for i, v := range r.stmt.rows.Values {
		switch v.Type {
		case sqlite.Int:
			dst[i] = v.Int()
		case sqlite.Text:
			dst[i] = string(r.stmt.rows.Bytes(v))
		default:
			dst[i] = nil
		}
	}
	r.stmt.rows.Reset()
	r.row, err = r.stmt.s.StepRow(&r.stmt.rows)
	return err
}

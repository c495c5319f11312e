package sqlstorage

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// conn is what database/sql takes for a connection: a view of the object's one. database/sql
// uses it from one goroutine at a time, but that may be one of its own for Rollback and Close
// of Rows: both come at any time, also when the turn or the instance has ended.
type conn struct {
	db  *DB
	txs []*engine.Tx // begun on it and not ended by database/sql
}

var (
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
)

// tx is the transaction that statements on the connection belong to, or nil.
func (c *conn) tx() *engine.Tx {
	if n := len(c.txs); n > 0 {
		return c.txs[n-1]
	}
	return nil
}

// open runs a text.
func (c *conn) open(ctx context.Context, cursor *engine.Cursor, query string, args []driver.NamedValue) error {
	if err := c.db.fits(query); err != nil {
		return err
	}
	var few [4]sqlite.Arg
	list := few[:0]
	if len(args) > len(few) {
		list = make([]sqlite.Arg, 0, len(args))
	}
	for i, a := range args {
		arg, err := argument(a.Value)
		if err != nil {
			return argumentError(i, a.Value, err)
		}
		arg.Name = a.Name
		list = append(list, arg)
	}
	return c.db.session.OpenCursorIn(ctx, c.tx(), cursor, query, list)
}

// ExecContext runs a text to its end, also one that only reads.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	var cursor engine.Cursor
	if err := c.open(ctx, &cursor, query, args); err != nil {
		return nil, err
	}
	for cursor.Next() {
	}
	if err := cursor.Err(); err != nil {
		return nil, err
	}
	return result{cursor.Direct(), cursor.LastID()}, nil
}

// QueryContext runs a text and gives the rows of its last statement.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r := new(rows)
	if err := c.open(ctx, &r.cursor, query, args); err != nil {
		return nil, err
	}
	r.times = timeColumns(r.cursor.Types())
	return r, nil
}

// CheckNamedValue takes any value: open converts it, and knows its position.
func (c *conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// PrepareContext checks the text's first statement. What is prepared is kept by the object's
// connection, for whoever has the same text (S9).
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.db.fits(query); err != nil {
		return nil, err
	}
	if err := c.db.session.Check(ctx, c.tx(), query); err != nil {
		return nil, err
	}
	return &stmt{c, query}, nil
}

// Prepare is for who has no ctx.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Ping says whether ctx is the turn's.
func (c *conn) Ping(ctx context.Context) error { return c.db.session.Check(ctx, nil, "") }

// BeginTx begins a transaction of any isolation (S62).
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.db.session.Begin(ctx, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	c.txs = append(c.txs, tx)
	return transaction{c, tx}, nil
}

// Begin is for who has no ctx.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// Close has nothing to close.
func (c *conn) Close() error { return nil }

// transaction is what database/sql takes for a transaction. It ends one only once, whatever
// comes of it.
type transaction struct {
	conn *conn
	tx   *engine.Tx
}

func (t transaction) Commit() error {
	t.forget()
	return t.tx.Commit()
}

func (t transaction) Rollback() error {
	t.forget()
	return t.tx.Rollback()
}

func (t transaction) forget() {
	t.conn.txs = slices.DeleteFunc(t.conn.txs, func(tx *engine.Tx) bool { return tx == t.tx })
}

// stmt is a text that was checked.
type stmt struct {
	conn  *conn
	query string
}

var (
	_ driver.StmtExecContext  = (*stmt)(nil)
	_ driver.StmtQueryContext = (*stmt)(nil)
)

// NumInput leaves counting to the statement.
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// Exec and Query are for who has no ctx: database/sql always has one.
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, ErrOutsideTurn }

func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, ErrOutsideTurn }

func (s *stmt) Close() error { return nil }

// result is what a text did.
type result struct{ affected, last int64 }

func (r result) LastInsertId() (int64, error) { return r.last, nil }

func (r result) RowsAffected() (int64, error) { return r.affected, nil }

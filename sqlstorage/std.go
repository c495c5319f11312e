package sqlstorage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// Std gives the same database behind database/sql, for code and tools that want a *sql.DB:
// what they do is part of the turn, like every call of a DB. One is made at first use; it is
// closed when the instance leaves memory or is reset (S59). Its connections are all the one
// connection, however many are open: leave SetMaxOpenConns alone, so that nothing waits for one.
//
// Methods with a ctx want the turn's, or one derived from it; those without, Exec, Query, Begin
// and the like, give ErrOutsideTurn (S60).
//
// BeginTx is a savepoint of the turn's transaction: Commit keeps what it did as a part of the
// turn, which makes it durable, Rollback undoes it (S61). They nest in the order they began:
// committing an outer one first is ErrTxOrder, does nothing, and leaves it to the end of the
// turn; rolling an outer one back ends the inner ones, a Storage.Transaction that runs in it
// too. Statements run in the innermost one (S63). All isolation levels are met; in a ReadOnly
// one a write, by whatever face, is ErrReadOnly (S62). SAVEPOINT, RELEASE and ROLLBACK TO work
// on a Tx, BEGIN, COMMIT and ROLLBACK as text do not.
//
// While a Tx is open a wait, Sync and DeleteAll give ErrInTransaction. One that is open when
// the event's code returns is rolled back and logged, and the event answers ErrInTransaction
// if it would have answered without an error (S65). So does database/sql with the Tx of a ctx
// that expires (S66).
//
// Texts may hold several statements, and a tail of comments and semicolons; arguments convert
// as in Exec. Columns declared DATE, DATETIME or TIMESTAMP give a time.Time where they hold
// TEXT that is a time, else all values are as in an any (S67). sql.Rows end as a Cursor does.
// RowsAffected counts what the last statement changed itself, without triggers.
func (db *DB) Std() *sql.DB {
	db.stdOnce.Do(func() {
		db.std = sql.OpenDB(connector{db})
		db.session.OnFence(func() { _ = db.std.Close() }) // it has nothing that could fail to close
	})
	return db.std
}

// connector gives database/sql its connections.
type connector struct{ db *DB }

func (c connector) Connect(context.Context) (driver.Conn, error) { return &conn{db: c.db}, nil }

func (c connector) Driver() driver.Driver { return objectDriver{} }

// objectDriver is a driver by name only: an object's database has none.
type objectDriver struct{}

var errNoName = errors.New("sqlstorage: the database of an object is opened by DB.Std, not by name")

func (objectDriver) Open(string) (driver.Conn, error) { return nil, errNoName }

package sqlstorage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/sqlstorage"
)

// exec runs SQL through database/sql.
func stdExec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args ...any) sql.Result {
	t.Helper()
	r, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		t.Fatalf("ExecContext(%.80q) = %v", query, err)
	}
	return r
}

func begin(t *testing.T, db *sql.DB, o *sql.TxOptions) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func wantIs(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// S59: one *sql.DB for an instance, closed with it; its connections are views of one database.
func TestS59OneForAnInstance(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	if o.Std() != std {
		t.Error("a second *sql.DB")
	}
	stdExec(t, std, "CREATE TABLE t(x); INSERT INTO t VALUES(1)")
	var held []*sql.Conn
	for i := range 5 {
		c, err := std.Conn(ctx)
		o.ok(err)
		stdExec(t, c, "INSERT INTO t VALUES(?)", i)
		held = append(held, c)
	}
	o.want("SELECT count(*) FROM t", "6")
	for _, c := range held {
		o.ok(c.Close())
	}
	o.commit()
	closed := func(what string, db *sql.DB) {
		t.Helper()
		if err := db.PingContext(ctx); err == nil || err.Error() != "sql: database is closed" {
			t.Errorf("the *sql.DB of an instance %s: %v, want it closed", what, err)
		}
	}
	o.instance() // the old one is fenced
	closed("that has left", std)
	o.ok(o.Std().PingContext(ctx))
	o.session.Fence()
	closed("that is fenced", o.Std())
	o.instance()
	o.session.Fence()
	closed("that was fenced before", o.Std())
	if _, err := std.Driver().Open("x"); err == nil {
		t.Error("the driver opens by name")
	}
}

// S61, S37: Commit keeps, Rollback undoes, within the turn's transaction, with the keys too.
func TestS61Savepoints(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	tx := begin(t, std, nil)
	stdExec(t, tx, "INSERT INTO t VALUES(1)")
	o.ok(tx.Commit())
	tx = begin(t, std, nil)
	stdExec(t, tx, "INSERT INTO t VALUES(2)")
	o.exec("INSERT INTO t VALUES(3)") // of the object's other face: it runs in the Tx
	o.ok(o.session.Put(ctx, "k", nil))
	o.want("SELECT count(*) FROM t", "3")
	if _, _, err := o.session.Commit(); !errors.Is(err, sqlstorage.ErrInTransaction) {
		t.Errorf("a commit with an open Tx = %v", err)
	}
	o.ok(tx.Rollback())
	o.want("SELECT x FROM t", "1")
	if _, found, _ := o.session.Get(ctx, "k"); found {
		t.Error("the key was not rolled back")
	}
	wantIs(t, "BEGIN", second(std.ExecContext(ctx, "BEGIN")), sqlstorage.ErrNotAuthorized)
	wantIs(t, "SAVEPOINT without a Tx", second(std.ExecContext(ctx, "SAVEPOINT a")), sqlstorage.ErrNotAuthorized)
	o.commit()
}

func second[T any](_ T, err error) error { return err }

// S62: any isolation, and ReadOnly for whatever writes.
func TestS62IsolationAndReadOnly(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	tx := begin(t, std, &sql.TxOptions{ReadOnly: true})
	wantIs(t, "CREATE TABLE", second(tx.ExecContext(ctx, "CREATE TABLE t(x)")), sqlstorage.ErrReadOnly)
	wantIs(t, "Put", o.session.Put(ctx, "k", nil), sqlstorage.ErrReadOnly)
	o.ok(tx.Commit())
	o.wantNoFile()
	stdExec(t, std, "CREATE TABLE t(x); INSERT INTO t VALUES(1)")
	for level := sql.LevelDefault; level <= sql.LevelLinearizable; level++ {
		tx := begin(t, std, &sql.TxOptions{Isolation: level})
		stdExec(t, tx, "INSERT INTO t VALUES(1)")
		o.ok(tx.Rollback())
	}
	tx = begin(t, std, &sql.TxOptions{ReadOnly: true})
	var n int
	o.ok(tx.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n))
	inner := begin(t, std, nil)
	wantIs(t, "a write in a Tx within a read-only one", second(inner.ExecContext(ctx, "DELETE FROM t")), sqlstorage.ErrReadOnly)
	wantIs(t, "INSERT", second(tx.ExecContext(ctx, "INSERT INTO t VALUES(2)")), sqlstorage.ErrReadOnly)
	wantIs(t, "an INSERT of Exec", second(o.Exec(ctx, "INSERT INTO t VALUES(2)")), sqlstorage.ErrReadOnly)
	o.ok(inner.Rollback())
	o.ok(tx.Rollback())
	if n != 1 {
		t.Errorf("%d rows", n)
	}
	stdExec(t, std, "INSERT INTO t VALUES(2)")
	o.want("SELECT x FROM t", "1", "2")
}

// S63: they nest in the order they began.
func TestS63Order(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	outer := begin(t, std, nil)
	stdExec(t, outer, "INSERT INTO t VALUES(1)")
	inner := begin(t, std, nil)
	stdExec(t, outer, "INSERT INTO t VALUES(2)") // in the innermost
	o.ok(inner.Rollback())
	o.want("SELECT x FROM t", "1")

	inner = begin(t, std, nil)
	stdExec(t, inner, "INSERT INTO t VALUES(3)")
	o.ok(outer.Rollback()) // ends inner, too
	o.want("SELECT count(*) FROM t", "0")
	wantIs(t, "a statement of an ended Tx", second(inner.ExecContext(ctx, "INSERT INTO t VALUES(4)")), sql.ErrTxDone)
	wantIs(t, "its Commit", inner.Commit(), sql.ErrTxDone)
	o.want("SELECT count(*) FROM t", "0")

	outer = begin(t, std, nil)
	stdExec(t, outer, "INSERT INTO t VALUES(5)")
	inner = begin(t, std, nil)
	stdExec(t, inner, "INSERT INTO t VALUES(6)")
	wantIs(t, "Commit of the outer one first", outer.Commit(), sqlstorage.ErrTxOrder)
	o.want("SELECT x FROM t", "5", "6") // nothing happened
	o.ok(inner.Commit())
	if left, err := o.session.EndTxs(); !left || err != nil { // S65
		t.Errorf("EndTxs = %v, %v", left, err)
	}
	o.want("SELECT count(*) FROM t", "0")
	o.commit()
}

// S63 with Transaction, whose level ends with its function.
func TestS63Transaction(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	var left *sql.Tx
	err := o.session.Transaction(ctx, func(ctx context.Context) error {
		left = begin(t, std, nil)
		stdExec(t, left, "INSERT INTO t VALUES(1)")
		return nil
	})
	wantIs(t, "a Transaction that leaves a Tx open", err, sqlstorage.ErrTxOrder)
	wantIs(t, "its Tx", left.Commit(), sql.ErrTxDone)
	o.want("SELECT count(*) FROM t", "0")

	tx := begin(t, std, nil)
	err = o.session.Transaction(ctx, func(ctx context.Context) error {
		wantIs(t, "Commit of the Tx around a Transaction", tx.Commit(), sqlstorage.ErrTxOrder)
		return nil
	})
	o.ok(err)
	_, err = o.session.EndTxs()
	o.ok(err)

	tx = begin(t, std, nil)
	stdExec(t, tx, "INSERT INTO t VALUES(2)")
	err = o.session.Transaction(ctx, func(ctx context.Context) error {
		o.ok(tx.Rollback())
		wantIs(t, "a write in a Transaction that was undone", second(o.Exec(ctx, "INSERT INTO t VALUES(3)")), sql.ErrTxDone)
		return nil
	})
	wantIs(t, "a Transaction within a Tx that is rolled back", err, sql.ErrTxDone)
	stdExec(t, std, "INSERT INTO t VALUES(4)")
	o.want("SELECT x FROM t", "4")
	o.commit()
}

// S37: statements on savepoints work within a Tx.
func TestS37SavepointsInATx(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	tx := begin(t, std, nil)
	for _, query := range []string{
		"INSERT INTO t VALUES(1)", "SAVEPOINT a", "INSERT INTO t VALUES(2)", "SAVEPOINT b", "INSERT INTO t VALUES(3)",
		"ROLLBACK TO A", "INSERT INTO t VALUES(4)", "SAVEPOINT b; INSERT INTO t VALUES(5); RELEASE b", "RELEASE a",
		"SAVEPOINT c", "INSERT INTO t VALUES(6)", "ROLLBACK TO SAVEPOINT c", "SAVEPOINT d",
	} {
		stdExec(t, tx, query)
	}
	_, err := tx.ExecContext(ctx, "RELEASE a")
	if code(err) != "SQLITE_ERROR" {
		t.Errorf("RELEASE of a savepoint that has ended = %v", err)
	}
	wantIs(t, "ROLLBACK", second(tx.ExecContext(ctx, "ROLLBACK")), sqlstorage.ErrNotAuthorized)
	wantIs(t, "SAVEPOINT beside the Tx", second(o.Exec(ctx, "SAVEPOINT e")), sqlstorage.ErrNotAuthorized)
	inner := begin(t, std, nil)
	wantIs(t, "SAVEPOINT around a Tx", second(tx.ExecContext(ctx, "SAVEPOINT e")), sqlstorage.ErrTxOrder)
	wantIs(t, "RELEASE around a Tx", second(tx.ExecContext(ctx, "RELEASE d")), sqlstorage.ErrTxOrder)
	o.ok(inner.Commit())
	o.ok(tx.Commit()) // c and d with it
	o.want("SELECT x FROM t", "1", "4", "5")
	o.commit()
}

// S64: Exec while Rows are open, on the same Tx, another one and the DB.
func TestS64ExecWhileRowsAreOpen(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO t VALUES(1), (2), (3)")
	tx := begin(t, std, nil)
	rows, err := tx.QueryContext(ctx, "SELECT x FROM t ORDER BY x")
	o.ok(err)
	var read []int
	for rows.Next() {
		var x int
		o.ok(rows.Scan(&x))
		read = append(read, x)
		stdExec(t, tx, "INSERT INTO u VALUES(?)", x)
		stdExec(t, std, "INSERT INTO u VALUES(?)", x)
		inner := begin(t, std, nil)
		stdExec(t, inner, "INSERT INTO u VALUES(?)", x)
		o.ok(inner.Commit())
	}
	o.ok(rows.Err())
	o.ok(tx.Commit())
	if !slices.Equal(read, []int{1, 2, 3}) {
		t.Errorf("read %v", read)
	}
	o.want("SELECT count(*) FROM u", "9")
}

// S67: what database/sql tells of statements and columns.
func TestS67Results(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, `CREATE TABLE t(id INTEGER PRIMARY KEY, d Date, dt DATETIME, ts timestamp, n VARCHAR(20), b BLOB);
		CREATE TABLE log(x); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(1), (2); END; -- tail`)
	r := stdExec(t, std, "INSERT INTO t(n) VALUES('a'), ('b'), (:c)", sql.Named("c", "c"))
	last, err := r.LastInsertId()
	o.ok(err)
	affected, err := r.RowsAffected()
	o.ok(err)
	if last != 3 || affected != 3 {
		t.Errorf("LastInsertId, RowsAffected = %d, %d, want 3, 3", last, affected)
	}
	for _, query := range []string{"CREATE TABLE v(x)", "REINDEX", "SELECT * FROM t"} {
		if n, _ := stdExec(t, std, query+";; -- tail").RowsAffected(); n != 0 {
			t.Errorf("%s affected %d rows", query, n)
		}
	}
	wantIs(t, "Exec of what Std forgives", second(o.Exec(ctx, "SELECT * FROM t;; -- tail")), sqlstorage.ErrNoStatement) // S4
	at := time.Date(2026, 3, 1, 12, 30, 0, 5, time.UTC)
	stdExec(t, std, "UPDATE t SET d = ?, dt = ?, ts = ?, b = ? WHERE id = 1", "2026-03-01", "2026-03-01 12:30:00", at, []byte{})
	stdExec(t, std, "UPDATE t SET d = 'soon', dt = 7 WHERE id = 2")
	for _, query := range []string{
		"SELECT id, d, dt, ts, n, b, 1+1 FROM t WHERE id = 1",
		"UPDATE t SET n = n WHERE id = 1 RETURNING id, d, dt, ts, n, b, 1+1",
	} {
		rows, err := std.QueryContext(ctx, query)
		o.ok(err)
		types, err := rows.ColumnTypes()
		o.ok(err)
		var declared []string
		for _, c := range types {
			declared = append(declared, c.Name()+" "+c.DatabaseTypeName())
		}
		want := "[id INTEGER d DATE dt DATETIME ts TIMESTAMP n VARCHAR(20) b BLOB 1+1 ]"
		if got := fmt.Sprint(declared); got != want {
			t.Errorf("%s: columns %s, want %s", query, got, want)
		}
		var d, dt, ts, b any
		var id, two int
		var n string
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		o.ok(rows.Scan(&id, &d, &dt, &ts, &n, &b, &two))
		o.ok(rows.Close())
		if d != at.Truncate(24*time.Hour) || dt != at.Truncate(time.Second) || ts != at || n != "a" || two != 2 {
			t.Errorf("%s: row %v %v %v %v %v", query, d, dt, ts, n, two)
		}
		if blob, ok := b.([]byte); !ok || blob == nil || len(blob) != 0 {
			t.Errorf("an empty blob is %#v", b)
		}
	}
	var d, dt, n any
	o.ok(std.QueryRowContext(ctx, "SELECT d, dt, ts FROM t WHERE id = 2").Scan(&d, &dt, &n))
	if d != "soon" || dt != int64(7) || n != nil {
		t.Errorf("no times: %v %v %v", d, dt, n)
	}
}

// S67, S9: prepared statements, also over turns and schema changes.
func TestS67Prepared(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	if _, err := std.PrepareContext(ctx, "INSERT INTO t VALUES(?)"); code(err) != "SQLITE_ERROR" {
		t.Errorf("PrepareContext without the table = %v", err)
	}
	o.wantNoFile()
	create, err := std.PrepareContext(ctx, "CREATE TABLE t(x)")
	o.ok(err)
	o.wantNoFile()
	_, err = create.ExecContext(ctx)
	o.ok(err)
	insert, err := std.PrepareContext(ctx, "INSERT INTO t(x) VALUES(?)")
	o.ok(err)
	read, err := std.PrepareContext(ctx, "SELECT * FROM t ORDER BY x;")
	o.ok(err)
	for i := range 3 {
		tx := begin(t, std, nil)
		_, err = tx.StmtContext(ctx, insert).ExecContext(ctx, i)
		o.ok(err)
		o.ok(tx.Commit())
		o.close() // and the database anew
	}
	wantIs(t, "too many arguments", second(insert.ExecContext(ctx, 1, 2)), sqlstorage.ErrParameters)
	stdExec(t, std, "ALTER TABLE t ADD COLUMN y")
	rows, err := read.QueryContext(ctx)
	o.ok(err)
	n := 0
	for rows.Next() {
		var x int
		var y any
		o.ok(rows.Scan(&x, &y))
		n++
	}
	o.ok(rows.Err())
	if n != 3 {
		t.Errorf("%d rows", n)
	}
	o.ok(errors.Join(create.Close(), insert.Close(), read.Close()))
	if _, err := std.PrepareContext(ctx, "ATTACH 'x' AS y"); !errors.Is(err, sqlstorage.ErrNotAuthorized) { // S38
		t.Errorf("ATTACH = %v", err)
	}
	o.commit()
}

// T23, N14: they nest to depth 64; one more is refused, and breaks nothing.
func TestT23StdNesting(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	var all []*sql.Tx
	for range 64 {
		tx := begin(t, std, nil)
		stdExec(t, tx, "INSERT INTO t VALUES(1)")
		all = append(all, tx)
	}
	wantIs(t, "the 65th", second(std.BeginTx(ctx, nil)), doerr.ErrTooDeep)
	wantIs(t, "a 65th savepoint", second(all[63].ExecContext(ctx, "SAVEPOINT s")), doerr.ErrTooDeep)
	for _, tx := range slices.Backward(all) {
		o.ok(tx.Commit())
	}
	o.want("SELECT count(*) FROM t", "64")
	o.commit()
}

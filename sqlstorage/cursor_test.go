package sqlstorage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/sqlstorage"
)

var errUndo = errors.New("undo")

// S10, K25: what ends a cursor: a commit point, a rollback around it, DeleteAll, a reset.
func TestCursorEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(o *object)
		want error
	}{
		{"commit", func(o *object) { o.commit() }, sqlstorage.ErrCursorClosed},
		{"rollback", func(o *object) { o.ok(o.session.Rollback()) }, sqlstorage.ErrCursorClosed},
		{"DeleteAll", func(o *object) { o.ok(o.session.DeleteAll(ctx)) }, sqlstorage.ErrCursorClosed},
		{"fence", func(o *object) { o.session.Fence() }, sqlstorage.ErrReset},
		{"reset", func(o *object) { o.ok(o.db.Recover(ctx)); o.instance() }, sqlstorage.ErrReset},
		{"the turn's end", func(o *object) { o.over = true }, sqlstorage.ErrOutsideTurn},
	} {
		for _, query := range []string{"SELECT x FROM t", "UPDATE t SET x = x RETURNING x", "SELECT 1 UNION ALL SELECT 2"} {
			t.Run(c.name+"/"+query, func(t *testing.T) {
				o := newObject(t)
				o.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)")
				if c.name != "fence" && c.name != "reset" && c.name != "rollback" {
					o.commit()
				}
				cursor := o.exec(query)
				if !cursor.Next() {
					t.Fatal(cursor.Err())
				}
				c.end(o)
				if cursor.Next() || !errors.Is(cursor.Err(), c.want) {
					t.Errorf("after the end: %v, want %v", cursor.Err(), c.want)
				}
				if cursor.Next() {
					t.Error("Next is true again")
				}
				cursor.Close()
				o.over = false
			})
		}
	}
}

// S10, S19: also before there is a file.
func TestCursorEndsWithoutFile(t *testing.T) {
	o := newObject(t)
	cursor := o.exec("SELECT 1 UNION ALL SELECT 2")
	o.commit()
	if cursor.Next() || cursor.Err() != sqlstorage.ErrCursorClosed {
		t.Errorf("after the commit point: %v", cursor.Err())
	}
	o.wantNoFile()
}

// S10: a Transaction that is rolled back ends the cursors opened in it, not those before
// it; one that is kept leaves them to what is around it.
func TestCursorsAndTransactions(t *testing.T) {
	for _, writes := range []bool{false, true} {
		o := newObject(t)
		o.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)")
		o.commit()
		before := o.exec("SELECT x FROM t")
		var kept, undone *sqlstorage.Cursor
		err := o.session.Transaction(ctx, func(ctx context.Context) error {
			if err := o.session.Transaction(ctx, func(context.Context) error {
				kept = o.exec("SELECT x FROM t")
				return nil
			}); err != nil {
				return err
			}
			if !kept.Next() {
				t.Error(kept.Err())
			}
			_ = o.session.Transaction(ctx, func(context.Context) error {
				if writes {
					o.exec("INSERT INTO t VALUES(4)")
				}
				undone = o.exec("SELECT x FROM t")
				return errUndo
			})
			if undone.Next() || undone.Err() != sqlstorage.ErrCursorClosed {
				t.Errorf("opened inside: %v", undone.Err())
			}
			if !kept.Next() || !before.Next() {
				t.Error(kept.Err(), before.Err())
			}
			return errUndo
		})
		if err != errUndo {
			t.Fatal(err)
		}
		if kept.Next() || kept.Err() != sqlstorage.ErrCursorClosed {
			t.Errorf("opened in a Transaction that was kept in one that was not: %v", kept.Err())
		}
		left := 0
		for before.Next() {
			left++
		}
		if left != 2 || before.Err() != nil {
			t.Errorf("opened before: %d rows, %v", left, before.Err())
		}
	}
}

// S10: a rollback that changes the schema back ends even the cursors opened before it.
func TestCursorAndSchemaRollback(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)")
	before := o.exec("SELECT x FROM t")
	_ = o.session.Transaction(ctx, func(context.Context) error {
		o.exec("CREATE TABLE u(x)")
		return errUndo
	})
	for before.Next() {
	}
	if err := before.Err(); err != nil && err != sqlstorage.ErrCursorClosed {
		t.Errorf("Err = %v", err)
	}
	o.want("SELECT count(*) FROM t", "3")
}

// S11, S12, S14, S15, S16: what a cursor gives.
func TestCursor(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x, b); INSERT INTO t VALUES(1, x'01'),(2, x'02'),(3, x'03')")
	c := o.exec("SELECT x, x, b FROM t ORDER BY x")
	var x, again int
	var b []byte
	if err := c.Scan(&x, &again, &b); err == nil {
		t.Error("Scan without Next works")
	}
	var bs [][]byte
	for c.Next() {
		o.ok(c.Scan(&x, &again, &b))
		bs = append(bs, b)
		if x == 1 {
			o.exec("INSERT INTO t VALUES(0, NULL)") // S15
		}
	}
	if fmt.Sprint(bs) != "[[1] [2] [3]]" || c.RowsRead() != 3 {
		t.Errorf("blobs %v, read %d", bs, c.RowsRead())
	}
	if got := c.Columns(); !slices.Equal(got, []string{"x", "x", "b"}) || c.Err() != nil {
		t.Errorf("Columns = %v, %v", got, c.Err())
	}
	if err := c.Scan(&x, &again, &b); err == nil {
		t.Error("Scan after the last row works")
	}
	if got := o.exec("CREATE TABLE u(x)").Columns(); len(got) != 0 {
		t.Errorf("Columns = %v", got)
	}

	one := o.exec("SELECT 7")
	if err := one.One(&x); err != nil || x != 7 {
		t.Errorf("One = %v, %d", err, x)
	}
	if err := o.exec("SELECT 1 WHERE 0").One(&x); err != sqlstorage.ErrNoRows || x != 7 {
		t.Errorf("One = %v", err)
	}
	if err := o.exec("SELECT 1 UNION ALL SELECT 2").One(&x); err != sqlstorage.ErrMultipleRows || x != 7 {
		t.Errorf("One = %v, %d", err, x)
	}
	if err := o.exec("INSERT INTO u VALUES(1),(2) RETURNING x").One(&x); err != sqlstorage.ErrMultipleRows {
		t.Errorf("One = %v", err)
	}
	if err := o.exec("UPDATE u SET x=5 WHERE x=1 RETURNING x").One(&x); err != nil || x != 5 {
		t.Errorf("One = %v, %d", err, x)
	}
	if err := o.exec("CREATE TABLE v(x)").One(); err != sqlstorage.ErrNoRows {
		t.Errorf("One = %v", err)
	}
	if err := o.exec("SELECT 1, 2").One(&x); !errors.Is(err, sqlstorage.ErrColumns) {
		t.Errorf("One = %v", err)
	}
	rows := o.exec("SELECT 1 UNION ALL SELECT 2")
	for range rows.Rows() {
		break
	}
	if rows.Next() {
		t.Error("leaving Rows left the cursor open")
	}
	if _, err := o.Exec(ctx, "DROP TABLE t"); err != nil {
		t.Errorf("a statement was left open: %v", err)
	}
}

// S57, T24: when SQLite ended the transaction, storage is broken for good.
func TestSQLiteEndsTheTransaction(t *testing.T) {
	for _, c := range []struct{ name, query string }{
		{"conflict clause", "INSERT OR ROLLBACK INTO t VALUES(1)"},
		{"RAISE", "INSERT INTO r VALUES(1)"},
		{"full", "INSERT INTO t VALUES(zeroblob(1000000))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObject(t, func(o *engine.Options) { o.MaxPages = 40 })
			o.exec(`CREATE TABLE t(x UNIQUE); CREATE TABLE r(x); INSERT INTO t VALUES(1);
				CREATE TRIGGER g BEFORE INSERT ON r BEGIN SELECT RAISE(ROLLBACK, 'no'); END`)
			o.commit()
			open := o.exec("SELECT x FROM t")
			o.exec("INSERT INTO t VALUES(2)")
			_, first := o.Exec(ctx, c.query)
			if !errors.Is(first, sqlstorage.ErrReset) || code(first) == "" {
				t.Fatalf("Exec = %v", first)
			}
			if _, err := o.Exec(ctx, "SELECT 1"); err != first {
				t.Errorf("the next call: %v, want %v", err, first)
			}
			if open.Next() || !errors.Is(open.Err(), sqlstorage.ErrReset) {
				t.Errorf("an open cursor: %v", open.Err())
			}
			if _, _, err := o.session.Commit(); err == nil {
				t.Error("Commit works")
			}
			o.ok(o.db.Recover(ctx))
			o.instance()
			o.want("SELECT x FROM t", "1")
		})
	}
	// A plain constraint error ends only its statement.
	o := newObject(t)
	o.exec("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES(1)")
	o.failsWith("SQLITE_CONSTRAINT_UNIQUE", "INSERT INTO t VALUES(2),(1)")
	o.want("SELECT x FROM t", "1")
}

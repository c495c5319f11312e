package do_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// sqlExec runs SQL in an object.
func sqlExec(env *dotest.Runtime, stub *do.Stub, query string, args ...any) error {
	return run(env, stub, func(ctx context.Context, b *box) error {
		_, err := b.state.SQL().Exec(ctx, query, args...)
		return err
	})
}

// sqlInt reads one number in an object.
func sqlInt(t *testing.T, env *dotest.Runtime, stub *do.Stub, query string) (n int) {
	t.Helper()
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) (err error) {
		n, err = sqlstorage.QueryOne[int](ctx, b.state.SQL(), query)
		return err
	}))
	return n
}

// K27, T11, T34.2: tables and keys are one transaction, which a panic undoes and a crash keeps.
func TestSQLIsDurable(t *testing.T) {
	env := newBoxes(t)
	stub := func() *do.Stub { return named(env, "x") }
	wantNil(t, sqlExec(env, stub(), "CREATE TABLE t(x); INSERT INTO t VALUES(1)"))
	err := run(env, stub(), func(ctx context.Context, b *box) error {
		if _, err := b.state.SQL().Exec(ctx, "INSERT INTO t VALUES(2)"); err != nil {
			return err
		}
		if err := b.state.KV().Put(ctx, "k", 1); err != nil {
			return err
		}
		panic("boom")
	})
	wantErr(t, "a panic", err, do.ErrReset)
	env.Crash()
	if n := sqlInt(t, env, stub(), "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	wantNil(t, run(env, stub(), func(ctx context.Context, b *box) error {
		_, ok, err := kvstorage.Get[int](ctx, b.state.KV(), "k")
		if ok {
			t.Error("the key is there")
		}
		return err
	}))
}

// S10, T2: a cursor ends at a wait and is of no use outside its turn.
func TestSQLCursorAndWaits(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	var kept *sqlstorage.Cursor
	var stale context.Context
	var db *sqlstorage.DB
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) (err error) {
		db, stale = b.state.SQL(), ctx
		if kept, err = db.Exec(ctx, "SELECT 1 UNION ALL SELECT 2"); err != nil {
			return err
		}
		for _, wait := range []func() error{
			func() error { return b.state.Await(ctx, func(context.Context) error { return nil }) },
			func() error { return b.state.Storage().Sync(ctx) },
			func() error {
				return b.state.BlockConcurrencyWhile(ctx, func(context.Context) error { return nil })
			},
		} {
			c, err := db.Exec(ctx, "SELECT 1 UNION ALL SELECT 2")
			if err != nil || !c.Next() {
				t.Fatal(err)
			}
			if err := wait(); err != nil {
				return err
			}
			if c.Next() || c.Err() != sqlstorage.ErrCursorClosed {
				t.Errorf("after a wait: %v", c.Err())
			}
		}
		kept, err = db.Exec(ctx, "SELECT 1 UNION ALL SELECT 2")
		return err
	}))
	if kept.Next() || kept.Err() != sqlstorage.ErrCursorClosed {
		t.Errorf("after the turn: %v", kept.Err())
	}
	_, err := db.Exec(stale, "SELECT 1")
	wantErr(t, "Exec with the ctx of a turn that has ended", err, do.ErrOutsideTurn)
	_, err = db.Exec(t.Context(), "SELECT 1")
	wantErr(t, "Exec without a turn", err, do.ErrOutsideTurn)
}

// T34.9, S57, V8: SQLite ended the transaction; the object is reset although its handler
// swallowed the error.
func TestSQLEndsTheTransaction(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	wantNil(t, sqlExec(env, stub, "CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES(1)"))
	err := run(env, stub, func(ctx context.Context, b *box) error {
		if _, err := b.state.SQL().Exec(ctx, "INSERT INTO t VALUES(2)"); err != nil {
			return err
		}
		txn := b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			_, _ = b.state.SQL().Exec(ctx, "INSERT OR ROLLBACK INTO t VALUES(1)")
			return nil
		})
		if !errors.Is(txn, do.ErrReset) { // T24
			t.Errorf("Transaction = %v", txn)
		}
		return nil
	})
	wantErr(t, "the event", err, do.ErrReset)
	var e *sqlstorage.Error
	if !errors.As(err, &e) || e.Code != "SQLITE_CONSTRAINT" {
		t.Errorf("the event's error %v does not tell why", err)
	}
	if n := sqlInt(t, env, stub, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// N5, N8, N9: limits of the runtime.
func TestSQLLimits(t *testing.T) {
	o := boxes(class(nil))
	o.MaxParameters, o.MaxStatementBytes, o.MaxRowBytes, o.MaxEntryBytes, o.MaxObjectBytes = 2, 200, 10_000, 100, 1<<20
	env := dotest.New(t, dotest.Options{Runtime: o})
	stub := named(env, "x")
	wantNil(t, sqlExec(env, stub, "CREATE TABLE t(x)"))
	for name, err := range map[string]error{
		"parameters": sqlExec(env, stub, "SELECT ?, ?, ?", 1, 2, 3),
		"text":       sqlExec(env, stub, "SELECT 1"+strings.Repeat(" ", 200)),
		"row":        sqlExec(env, stub, "INSERT INTO t VALUES(?)", make([]byte, 10_001)),
	} {
		var e *sqlstorage.Error
		if !errors.As(err, &e) || errors.Is(err, do.ErrReset) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := run(env, stub, func(ctx context.Context, b *box) error { // S57: full
		for range 200 {
			if _, err := b.state.SQL().Exec(ctx, "INSERT INTO t VALUES(zeroblob(9000))"); err != nil {
				return err
			}
		}
		return nil
	})
	wantErr(t, "a full database", err, do.ErrReset)
	if n := sqlInt(t, env, stub, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
}

// L18, S53: a database that was closed between two events has the flags its instance set.
func TestSQLFlagsOutliveTheConnection(t *testing.T) {
	o := boxes(class(nil))
	o.MaxOpenDatabases = 1
	env := dotest.New(t, dotest.Options{Runtime: o})
	x, y := named(env, "x"), named(env, "y")
	wantNil(t, sqlExec(env, x, "CREATE TABLE t(x)"))
	wantNil(t, sqlExec(env, x, "PRAGMA foreign_keys=OFF"))
	for range 3 {
		wantNil(t, sqlExec(env, y, "CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(1)"))
		if n := sqlInt(t, env, x, "PRAGMA foreign_keys"); n != 0 {
			t.Errorf("foreign_keys = %d, want 0", n)
		}
	}
	wantNil(t, env.Evict(x))
	if n := sqlInt(t, env, x, "PRAGMA foreign_keys"); n != 1 {
		t.Errorf("foreign_keys of the next instance = %d, want 1", n)
	}
}

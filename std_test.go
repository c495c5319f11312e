package do_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/sqlstorage"
)

// withStd is run with the object's *sql.DB.
func withStd(env *dotest.Runtime, stub *do.Stub, fn func(ctx context.Context, db *sql.DB, b *box) error) error {
	return run(env, stub, func(ctx context.Context, b *box) error { return fn(ctx, b.state.SQL().Std(), b) })
}

// makeT makes a table in an object.
func makeT(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
	t.Helper()
	wantNil(t, withStd(env, stub, func(ctx context.Context, db *sql.DB, _ *box) error {
		_, err := db.ExecContext(ctx, "CREATE TABLE t(x)")
		return err
	}))
}

func wantRows(t *testing.T, env *dotest.Runtime, stub *do.Stub, want int) {
	t.Helper()
	if n := sqlInt(t, env, stub, "SELECT count(*) FROM t"); n != want {
		t.Errorf("%d rows, want %d", n, want)
	}
}

// S60: methods without the turn's ctx, and the contexts that are no key to it. S10: Rows end
// at a commit point.
func TestS60StdWantsTheTurn(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	makeT(t, env, stub)
	var db *sql.DB
	var old *sql.Tx
	var prepared *sql.Stmt
	refused := func(what string, ctx context.Context) {
		t.Helper()
		_, exec := db.ExecContext(ctx, "INSERT INTO t VALUES(1)")
		_, query := db.QueryContext(ctx, "SELECT 1")
		_, begin := db.BeginTx(ctx, nil)
		_, prepare := db.PrepareContext(ctx, "SELECT 1")
		_, run := prepared.ExecContext(ctx)
		for name, err := range map[string]error{
			"Exec": exec, "Query": query, "Begin": begin, "Prepare": prepare, "Ping": db.PingContext(ctx), "Stmt.Exec": run,
		} {
			wantErr(t, name+" with "+what, err, do.ErrOutsideTurn)
		}
	}
	wantNil(t, withStd(env, stub, func(ctx context.Context, std *sql.DB, b *box) (err error) {
		db = std
		if prepared, err = db.PrepareContext(ctx, "INSERT INTO t VALUES(1)"); err != nil {
			return err
		}
		_, exec := db.Exec("INSERT INTO t VALUES(1)")
		wantErr(t, "Exec without ctx", exec, do.ErrOutsideTurn)
		_, begin := db.Begin()
		wantErr(t, "Begin without ctx", begin, do.ErrOutsideTurn)
		refused("no turn", context.Background())
		rows, err := db.QueryContext(ctx, "SELECT 1 UNION SELECT 2")
		if err != nil || !rows.Next() {
			t.Fatal(err)
		}
		if err := b.state.Await(ctx, func(ctx context.Context) error {
			refused("Await's ctx", ctx)
			return nil
		}); err != nil {
			return err
		}
		if rows.Next() || !errors.Is(rows.Err(), sqlstorage.ErrCursorClosed) {
			t.Errorf("Rows behind a wait: %v", rows.Err())
		}
		old, err = db.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			return err
		}
		return old.Rollback()
	}))
	wantNil(t, withStd(env, stub, func(ctx context.Context, std *sql.DB, _ *box) error {
		if std != db {
			t.Error("another *sql.DB in the same instance")
		}
		_, err := prepared.ExecContext(ctx)
		return err
	}))
	wantRows(t, env, stub, 1)
}

// S65: with a Tx open there is no wait, no Sync and no DeleteAll; one that is left open is
// rolled back, logged, and an error.
func TestS65TxLeftOpen(t *testing.T) {
	log := new(logged)
	o := boxes(class(nil))
	o.Logger = log.logger()
	env := dotest.New(t, dotest.Options{Runtime: o})
	stub := named(env, "x")
	makeT(t, env, stub)
	insert := func(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO t VALUES(1)")
		return tx, err
	}
	err := withStd(env, stub, func(ctx context.Context, db *sql.DB, b *box) error {
		if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES('kept')"); err != nil {
			return err
		}
		_, err := insert(ctx, db)
		wantErr(t, "Await", b.state.Await(ctx, func(context.Context) error { t.Error("Await began"); return nil }), do.ErrInTransaction)
		wantErr(t, "Sync", b.state.Storage().Sync(ctx), do.ErrInTransaction)
		wantErr(t, "DeleteAll", b.state.Storage().DeleteAll(ctx), do.ErrInTransaction)
		return err
	})
	wantErr(t, "a handler that leaves a Tx open", err, do.ErrInTransaction)
	if !log.has("a transaction was open at the end of a turn") {
		t.Error("nothing was logged")
	}
	wantRows(t, env, stub, 1) // what was written outside the Tx, by the same instance
	own := errors.New("its own")
	err = withStd(env, stub, func(ctx context.Context, db *sql.DB, b *box) error {
		b.n++
		_, _ = insert(ctx, db)
		return own
	})
	wantErr(t, "a handler with an error of its own", err, own)
	b := func(ctx context.Context, db *sql.DB, b *box) error {
		if b.n != 1 {
			t.Error("the object was reset")
		}
		b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) {
			_, err := insert(ctx, db)
			return do.Text(200, ""), err
		}
		return nil
	}
	wantNil(t, withStd(env, stub, b))
	_, err = stub.Fetch(t.Context(), request(t, "/"))
	wantErr(t, "Fetch", err, do.ErrInTransaction)
	var e *do.Error
	if !errors.As(err, &e) || !e.Remote || e.Reset {
		t.Errorf("Fetch = %#v, want an error of the handler", err)
	}
	_, err = do.Call0(t.Context(), stub, (*box).LeaveTx)
	wantErr(t, "Call", err, do.ErrInTransaction)
	if errors.Is(err, do.ErrReset) {
		t.Errorf("Call = %v: a reset", err)
	}
	wantRows(t, env, stub, 1)
}

// LeaveTx leaves a Tx open.
func (b *box) LeaveTx(ctx context.Context) (int, error) {
	_, err := b.state.SQL().Std().BeginTx(ctx, nil)
	return 0, err
}

// S65: a constructor that leaves one open has failed.
func TestS65Constructor(t *testing.T) {
	open := true
	env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(ctx context.Context, b *box) error {
		if !open {
			return nil
		}
		_, err := b.LeaveTx(ctx)
		return err
	}))})
	err := run(env, named(env, "x"), func(context.Context, *box) error { t.Error("ran"); return nil })
	wantErr(t, "an event", err, do.ErrInTransaction)
	wantErr(t, "an event", err, do.ErrReset)
	open = false
	wantNil(t, run(env, named(env, "x"), func(context.Context, *box) error { return nil }))
}

// S66: a ctx that the handler derived and that expires rolls its Tx back; T9: a caller's
// hang-up does not.
func TestS66Cancellation(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		makeT(t, env, stub)
		wantNil(t, withStd(env, stub, func(turn context.Context, db *sql.DB, _ *box) error {
			ctx, cancel := context.WithTimeout(turn, time.Second)
			defer cancel()
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES(1)"); err != nil {
				return err
			}
			time.Sleep(time.Second)
			synctest.Wait() // database/sql has rolled it back
			if _, err := tx.ExecContext(turn, "INSERT INTO t VALUES(2)"); !errors.Is(err, sql.ErrTxDone) {
				t.Errorf("a statement of a Tx whose ctx is done = %v", err)
			}
			_, err = db.ExecContext(ctx, "INSERT INTO t VALUES(3)")
			wantErr(t, "Exec with a ctx that is done", err, context.DeadlineExceeded) // S58
			if n := 0; db.QueryRowContext(turn, "SELECT count(*) FROM t").Scan(&n) != nil || n != 0 {
				t.Errorf("%d rows in the turn", n)
			}
			wantErr(t, "Commit", tx.Commit(), sql.ErrTxDone)
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantNil(t, withStd(env, stub, func(_ context.Context, db *sql.DB, b *box) error {
			b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) {
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					return nil, err
				}
				time.Sleep(2 * time.Second) // the caller is gone after one
				if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES(4)"); err != nil {
					t.Errorf("after a hang-up: %v", err)
				}
				return do.Text(200, ""), tx.Commit()
			}
			return nil
		}))
		_, err := stub.Fetch(ctx, request(t, "/"))
		wantErr(t, "Fetch", err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second)
		wantRows(t, env, stub, 1)
	})
}

// S66, T5: what database/sql rolls back and closes by itself may come at any time: beside the
// turn's statements, after it, in another turn, after a reset.
func TestS66RollbackFromAnotherGoroutine(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	makeT(t, env, stub)
	for i := range 50 {
		var cancel context.CancelFunc
		err := withStd(env, stub, func(turn context.Context, db *sql.DB, b *box) error {
			var ctx context.Context
			ctx, cancel = context.WithCancel(turn)
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			rows, err := tx.QueryContext(ctx, "SELECT 1 UNION SELECT 2 UNION SELECT 3")
			if err != nil {
				return err
			}
			var done sync.WaitGroup
			defer done.Wait()
			done.Go(cancel)
			for rows.Next() {
			}
			for j := range 5 {
				if _, err := tx.ExecContext(turn, "INSERT INTO t VALUES(?)", j); err != nil {
					break
				}
			}
			switch i % 3 {
			case 0:
				panic("boom")
			case 1:
				return nil // it may be open
			}
			_ = tx.Rollback()
			return nil
		})
		cancel()
		if err != nil && !errors.Is(err, do.ErrInTransaction) && !errors.Is(err, do.ErrReset) {
			t.Fatal(err)
		}
		wantNil(t, withStd(env, stub, func(ctx context.Context, db *sql.DB, _ *box) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM t"); err != nil {
				return fmt.Errorf("a late rollback ended the Tx of another turn: %w", err)
			}
			return tx.Commit()
		}))
	}
	wantRows(t, env, stub, 0)
}

// L10, S59: after a reset what the instance holds of database/sql is of no use, and it is let
// go of when it leaves: dotest looks for what is left.
func TestStdAfterReset(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		makeT(t, env, stub)
		var db *sql.DB
		var tx *sql.Tx
		var rows *sql.Rows
		err := withStd(env, stub, func(ctx context.Context, std *sql.DB, b *box) (err error) {
			db = std
			free := context.WithoutCancel(ctx) // which does not roll back by itself
			if tx, err = db.BeginTx(free, nil); err != nil {
				return err
			}
			if rows, err = db.QueryContext(free, "SELECT 1 UNION SELECT 2"); err != nil {
				return err
			}
			panic("boom")
		})
		wantErr(t, "a panic", err, do.ErrReset)
		_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES(1)")
		wantErr(t, "a statement of the Tx", err, do.ErrReset)
		if err := tx.Rollback(); !errors.Is(err, do.ErrReset) {
			t.Errorf("Rollback = %v", err)
		}
		if rows.Next() || !errors.Is(rows.Err(), do.ErrReset) {
			t.Errorf("Rows: %v", rows.Err())
		}
		wantNil(t, rows.Close())
		if err := db.PingContext(t.Context()); err == nil {
			t.Error("the *sql.DB works")
		}
		wantRows(t, env, stub, 0)
		wantNil(t, env.Evict(stub))
		wantRows(t, env, stub, 0)
	})
}

// S61: a Tx that was committed is durable with its turn, and undone with it.
func TestS61CommitAndCrash(t *testing.T) {
	env := newBoxes(t)
	stub := func() *do.Stub { return named(env, "x") }
	makeT(t, env, stub())
	commit := func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES(1)"); err != nil {
			return err
		}
		return tx.Commit()
	}
	wantNil(t, withStd(env, stub(), func(ctx context.Context, db *sql.DB, _ *box) error { return commit(ctx, db) }))
	err := withStd(env, stub(), func(ctx context.Context, db *sql.DB, _ *box) error {
		wantNil(t, commit(ctx, db))
		panic("boom")
	})
	wantErr(t, "a panic", err, do.ErrReset)
	env.Crash()
	wantRows(t, env, stub(), 1)
}

package do_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// inspect is Namespace.Inspect of a box.
func inspect(t *testing.T, env *dotest.Runtime, stub *do.Stub, fn func(ctx context.Context, kv *kvstorage.Store, db *sqlstorage.DB) error) error {
	t.Helper()
	return env.Namespace("BOX").Inspect(t.Context(), stub.ID(), fn)
}

// S18: an object whose migration fails is reached by Inspect, and goes on when it is repaired.
func TestInspectBehindAFailingConstructor(t *testing.T) {
	built := 0
	env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(ctx context.Context, b *box) error {
		built++
		return b.state.SQL().Migrate(ctx, []sqlstorage.Migration{{ID: "1", SQL: "CREATE UNIQUE INDEX i ON t(x)"}})
	}))})
	stub := func() *do.Stub { return named(env, "x") }
	wantNil(t, inspect(t, env, stub(), func(ctx context.Context, kv *kvstorage.Store, db *sqlstorage.DB) error {
		if _, err := db.Exec(ctx, "CREATE TABLE t(x); INSERT INTO t VALUES(1), (1)"); err != nil {
			return err
		}
		return kv.Put(ctx, "k", 1)
	}))
	if built > 0 {
		t.Error("Inspect built an instance")
	}
	err := run(env, stub(), func(context.Context, *box) error { t.Error("ran"); return nil })
	wantErr(t, "an event", err, sqlstorage.ErrMigration)
	wantErr(t, "an event", err, do.ErrReset)
	env.Crash() // what Inspect wrote was answered for
	wantNil(t, inspect(t, env, stub(), func(ctx context.Context, _ *kvstorage.Store, db *sqlstorage.DB) error {
		tx, err := db.Std().BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM t WHERE rowid > 1"); err != nil {
			return err
		}
		return tx.Commit()
	}))
	built = 0
	wantNil(t, run(env, stub(), func(ctx context.Context, b *box) error {
		if name := b.state.ID().Name(); name != "x" { // I13: of the event that built it
			t.Errorf("the name is %q", name)
		}
		return nil
	}))
	if n := sqlInt(t, env, stub(), "SELECT count(*) FROM t"); n != 1 || built != 1 {
		t.Errorf("%d rows, built %d times; want 1, 1", n, built)
	}
}

// An instance that is in memory is used as it is; Inspect is one event at a time, in order,
// and its errors, left transactions and panics are those of an event (T12, S65, L24.2).
func TestInspectIsAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, hold := named(env, "x"), make(chan struct{})
		j := new(journal)
		first := start(env, stub, func(ctx context.Context, b *box) error {
			b.n = 7
			<-hold
			j.say("first")
			return b.state.KV().Put(ctx, "k", 1)
		})
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			second <- inspect(t, env, stub, func(ctx context.Context, kv *kvstorage.Store, _ *sqlstorage.DB) error {
				j.say("inspect")
				_, found, err := kvstorage.Get[int](ctx, kv, "k")
				if !found {
					t.Error("it does not see what the event before it wrote")
				}
				return err
			})
		}()
		synctest.Wait()
		third := start(env, stub, func(context.Context, *box) error { j.say("third"); return nil })
		synctest.Wait()
		close(hold)
		wantNil(t, <-first)
		wantNil(t, <-second)
		wantNil(t, <-third)
		j.want(t, "first inspect third")
		wantMemory(t, stub, 7) // the same instance

		err := inspect(t, env, stub, func(ctx context.Context, kv *kvstorage.Store, _ *sqlstorage.DB) error {
			wantNil(t, kv.Put(ctx, "k", 2))
			return errBoom
		})
		if err != errBoom {
			t.Errorf("Inspect = %v, want fn's error as it is", err)
		}
		err = inspect(t, env, stub, func(ctx context.Context, _ *kvstorage.Store, db *sqlstorage.DB) error {
			_, err := db.Std().BeginTx(ctx, nil)
			return err
		})
		wantErr(t, "a Tx left open", err, do.ErrInTransaction)
		wantMemory(t, stub, 7)

		wantNil(t, env.Evict(stub))
		err = inspect(t, env, stub, func(ctx context.Context, kv *kvstorage.Store, _ *sqlstorage.DB) error {
			wantNil(t, kv.Put(ctx, "k", 3))
			panic("boom")
		})
		var e *do.Error
		if !errors.As(err, &e) || !e.Reset {
			t.Errorf("a panic = %v, want a reset", err)
		}
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			if k, _, err := kvstorage.Get[int](ctx, b.state.KV(), "k"); k != 2 || err != nil {
				t.Errorf("k = %d, %v, want 2", k, err)
			}
			return nil
		}))
		_, err = stub.Fetch(t.Context(), request(t, "/"))
		wantNil(t, err)
		var other do.ID
		wantErr(t, "a zero id", env.Namespace("BOX").Inspect(t.Context(), other, nil), do.ErrInvalidID) // I15
	})
}

// A panic of Inspect where there is no instance is nobody else's: what waits behind it runs.
func TestInspectPanicKeepsTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, hold := named(env, "x"), make(chan struct{})
		inspected := make(chan error, 1)
		go func() {
			inspected <- inspect(t, env, stub, func(context.Context, *kvstorage.Store, *sqlstorage.DB) error {
				<-hold
				panic("boom")
			})
		}()
		synctest.Wait()
		behind := start(env, stub, func(context.Context, *box) error { return nil })
		synctest.Wait()
		close(hold)
		wantErr(t, "Inspect", <-inspected, do.ErrReset)
		wantNil(t, <-behind)
	})
}

// Inspecting leaves nothing in memory, and reading makes no file (L16).
func TestInspectLeavesNothing(t *testing.T) {
	c := class(nil)
	c.IdleTimeout = -1
	env := dotest.New(t, dotest.Options{Runtime: boxes(c)})
	stub := named(env, "x")
	wantNil(t, inspect(t, env, stub, func(ctx context.Context, kv *kvstorage.Store, _ *sqlstorage.DB) error {
		_, _, err := kvstorage.Get[int](ctx, kv, "k")
		return err
	}))
	if err := env.Evict(stub); err != do.ErrNotRunning {
		t.Errorf("Evict = %v, want ErrNotRunning: there is no instance", err)
	}
	if all := env.Objects(env.Namespace("BOX")); len(all) > 0 {
		t.Errorf("there are objects: %v", all)
	}
}

// TestI13BesideInspect: an instance that is built while an Inspect waits, on what that began
// without the object's name, knows it from the event it is built for.
func TestI13BesideInspect(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		ns := env.Namespace("BOX")
		id, err := ns.IDFromString(ns.IDFromName("x").String())
		wantNil(t, err)
		hold := make(chan struct{})
		other := start(env, named(env, "y"), func(context.Context, *box) error { <-hold; return nil })
		synctest.Wait()
		inspected := make(chan error, 1)
		go func() {
			inspected <- ns.Inspect(t.Context(), id, func(ctx context.Context, _ *kvstorage.Store, _ *sqlstorage.DB) error {
				_, err := do.Call0(ctx, named(env, "y"), (*box).Total)
				return err
			})
		}()
		synctest.Wait()
		wantNil(t, run(env, named(env, "x"), func(_ context.Context, b *box) error {
			if n := b.state.ID().Name(); n != "x" {
				t.Errorf("the name is %q, want x", n)
			}
			return nil
		}))
		close(hold)
		wantNil(t, <-other)
		wantNil(t, <-inspected)
	})
}

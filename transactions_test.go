package do_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// TestT4 tries everything that cannot be inside a Transaction.
func TestT4InTransaction(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
		return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			y := b.env.Namespace("BOX").GetByName("y")
			_, call := do.Call(ctx, y, (*box).Add, 1)
			_, fetch := y.Fetch(ctx, request(t, "/"))
			_, get := b.state.HTTPClient().Do(request(t, "/").WithContext(ctx))
			for name, err := range map[string]error{
				"Await": b.state.Await(ctx, func(context.Context) error { t.Error("it ran"); return nil }),
				"Call":  call, "Fetch": fetch, "HTTPClient": get,
				"Sync":      b.state.Storage().Sync(ctx), // T31
				"DeleteAll": b.state.Storage().DeleteAll(ctx),
			} {
				wantErr(t, name, err, do.ErrInTransaction)
			}
			return nil
		})
	}))
	wantTotal(t, stub, 1)
	wantTotal(t, named(env, "y"), 0)
}

// TestT22 rolls storage back, not fields, and does not reset the object.
func TestT22Transaction(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
		if _, err := b.Add(ctx, 1); err != nil {
			return err
		}
		err := b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			if _, err := b.Add(ctx, 10); err != nil {
				return err
			}
			inner := b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
				if _, err := b.Add(ctx, 100); err != nil {
					return err
				}
				return errBoom
			})
			if inner != errBoom {
				t.Errorf("inner Transaction = %v, want the very error", inner)
			}
			if total, err := b.Total(ctx); err != nil || total != 11 {
				t.Errorf("after the inner one: %d, %v, want 11", total, err)
			}
			return errBoom
		})
		if err != errBoom {
			t.Errorf("Transaction = %v, want the very error", err)
		}
		if total, err := b.Total(ctx); err != nil || total != 1 || b.n != 111 {
			t.Errorf("stored %d, %v, field %d, want 1 and 111", total, err, b.n)
		}
		return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			_, err := b.Add(ctx, 1000)
			return err
		})
	}))
	wantMemory(t, stub, 1111)
	env.Crash()
	wantTotal(t, named(env, "x"), 1001)
}

// TestT23 undoes a committed Transaction with its turn. T12: a panic undoes what was
// written since the last commit point only.
func TestT23PartOfItsTurn(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	err := run(env, stub, func(ctx context.Context, b *box) error {
		if _, err := b.Add(ctx, 1); err != nil {
			return err
		}
		if err := b.state.Storage().Sync(ctx); err != nil {
			return err
		}
		err := b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			_, err := b.Add(ctx, 10)
			return err
		})
		if err != nil {
			return err
		}
		panic(errBoom)
	})
	wantErr(t, "panic", err, do.ErrReset)
	wantTotal(t, stub, 1)
}

// TestT22PanicInTransaction resets, and undoes it all.
func TestT22PanicInTransaction(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	err := run(env, stub, func(ctx context.Context, b *box) error {
		defer func() { _ = recover() }() // a panic that the handler recovers from is its own affair
		return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			if _, err := b.Add(ctx, 10); err != nil {
				return err
			}
			panic(errBoom)
		})
	})
	wantNil(t, err)
	wantMemory(t, stub, 10)
	wantTotal(t, stub, 0)
	wantAdd(t, stub, 1, 1)
}

// TestT11OneCommit: all writes of a turn since the last commit point commit together, so
// none is there when its commit fails (T34.7), and older commits are.
func TestT11OneCommit(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	wantAdd(t, stub, 1, 1)
	env.FailCommits(stub, 1)
	err := run(env, stub, func(ctx context.Context, b *box) error {
		for i := range 20 {
			if err := b.state.KV().Put(ctx, fmt.Sprint(i), i); err != nil {
				return err
			}
		}
		return b.state.KV().Put(ctx, "total", 50)
	})
	wantErr(t, "the failed commit", err, do.ErrReset)
	if e := errorOf(t, err); !e.Remote || !e.Retryable || e.Overloaded || !e.Reset { // L24.5
		t.Errorf("%+v, want Remote, Retryable, Reset", e)
	}
	wantKeys(t, env, stub, "total")
	wantTotal(t, stub, 1)
}

// wantKeys checks which keys are stored.
func wantKeys(t *testing.T, env *dotest.Runtime, stub *do.Stub, want ...string) {
	t.Helper()
	var keys []string
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
		for e, err := range b.state.KV().List(ctx, kvstorage.ListOptions{}) {
			if err != nil {
				return err
			}
			keys = append(keys, e.Key)
		}
		return nil
	}))
	if fmt.Sprint(keys) != fmt.Sprint(want) {
		t.Errorf("keys = %v, want %v", keys, want)
	}
}

// TestT24FullDatabase writes beyond MaxObjectBytes (N5). When SQLite gives up the
// transaction the storage is broken until the reset, even if the handler swallows the
// error (S57, T34.9); when it does not, the turn may go on. Either way half a turn is never kept.
func TestT24FullDatabase(t *testing.T) {
	o := boxes(class(nil))
	o.MaxObjectBytes = 256 << 10
	env := dotest.New(t, dotest.Options{Runtime: o})
	stub := named(env, "x")
	wantAdd(t, stub, 1, 1)
	var inside, put, after error
	err := run(env, stub, func(ctx context.Context, b *box) error {
		if _, err := b.Add(ctx, 1); err != nil {
			return err
		}
		inside = b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			for i := 0; put == nil && i < 100; i++ {
				put = b.state.KV().Put(ctx, fmt.Sprint(i), bytes.Repeat([]byte{1}, 100<<10))
			}
			return nil
		})
		_, after = b.Total(ctx)
		return nil
	})
	if put == nil {
		t.Fatal("10 MB fit into 256 KB")
	}
	if after == nil {
		wantNil(t, err)
		wantNil(t, inside)
		wantTotal(t, stub, 2)
		return
	}
	wantErr(t, "Transaction, whose fn returned nil", inside, do.ErrReset)
	wantErr(t, "a later read", after, do.ErrReset)
	wantErr(t, "the event", err, do.ErrReset)
	if e := errorOf(t, err); e.Retryable { // the object is full, not the disk
		t.Errorf("%+v, want not Retryable", e)
	}
	if errors.Is(err, do.ErrClosed) {
		t.Errorf("%v is ErrClosed", err)
	}
	wantTotal(t, stub, 1)
	wantKeys(t, env, stub, "total")
}

package do_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestT29StartsWhenDurable: background work starts when the commit of the turn that asked
// for it is durable.
func TestT29StartsWhenDurable(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		var began atomic.Bool
		answer := start(env, stub, func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			return b.state.WaitUntil(ctx, func(context.Context) error { began.Store(true); return nil })
		})
		synctest.Wait()
		if began.Load() {
			t.Error("it began before the commit was durable")
		}
		d.permit()
		wantNil(t, <-answer)
		synctest.Wait()
		if !began.Load() {
			t.Error("it did not begin")
		}
	})
}

// TestT29NeverWhenUndone: if the turn is undone, it never starts.
func TestT29NeverWhenUndone(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		ask := func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			return b.state.WaitUntil(ctx, func(context.Context) error { t.Error("it began"); return nil })
		}
		err := run(env, stub, func(ctx context.Context, b *box) error {
			wantNil(t, ask(ctx, b))
			panic(errBoom)
		})
		wantErr(t, "panic", err, do.ErrReset)
		env.FailCommits(stub, 1)
		wantErr(t, "a failed commit", run(env, stub, ask), do.ErrReset)
		env.FailSyncs(stub, 1)
		wantErr(t, "a failed fsync", run(env, stub, ask), do.ErrReset)
		synctest.Wait()
		wantTotal(t, stub, 0)
	})
}

// TestT29Context ends at a reset; an error is logged.
func TestT29Context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		o := boxes(class(nil))
		o.Logger = log.logger()
		env := dotest.New(t, dotest.Options{Runtime: o})
		stub := named(env, "x")
		ended := make(chan error, 1)
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			wantNil(t, b.state.WaitUntil(ctx, func(context.Context) error { return errBoom }))
			return b.state.WaitUntil(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				wantErr(t, "Run after the reset", b.state.Run(ctx, func(context.Context) error { return nil }), do.ErrReset)
				ended <- context.Cause(ctx)
				return nil
			})
		}))
		synctest.Wait()
		if !log.has("boom") {
			t.Errorf("the error is not in the log: %s", log)
		}
		err := run(env, stub, func(context.Context, *box) error { panic("reset") })
		wantErr(t, "panic", err, do.ErrReset)
		wantErr(t, "the cause of the end", <-ended, do.ErrReset)
	})
}

// TestT29StorageNeedsRun: with the context of background work storage is closed, a turn
// opens it. The work has no time limit.
func TestT29StorageNeedsRun(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, done := named(env, "x"), make(chan struct{})
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			return b.state.WaitUntil(ctx, func(ctx context.Context) error {
				defer close(done)
				time.Sleep(time.Hour)
				wantErr(t, "Put", b.state.KV().Put(ctx, "k", 1), do.ErrOutsideTurn)
				wantErr(t, "Transaction", b.state.Storage().Transaction(ctx, nil), do.ErrOutsideTurn)
				wantErr(t, "Await", b.state.Await(ctx, nil), do.ErrOutsideTurn)
				wantNil(t, b.state.Storage().Sync(ctx)) // T31: it only waits
				return b.state.Run(ctx, func(ctx context.Context) error { _, err := b.Add(ctx, 7); return err })
			})
		}))
		<-done
		wantTotal(t, stub, 7)
	})
}

// TestT30Run is an event of its own: it waits for its turn, may wait in it, and gives fn's
// error; from a goroutine that nobody knows it works too.
func TestT30Run(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, j := named(env, "x"), &journal{}
		var state *do.State
		hold := make(chan struct{})
		running := start(env, stub, func(_ context.Context, b *box) error {
			state = b.state
			<-hold
			j.say("event")
			return nil
		})
		synctest.Wait()
		ran := make(chan error, 1)
		go func() {
			ran <- state.Run(context.Background(), func(ctx context.Context) error {
				j.say("run")
				if err := state.Await(ctx, func(context.Context) error { return nil }); err != nil {
					return err
				}
				return errBoom
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := state.Run(ctx, func(context.Context) error { t.Error("it ran"); return nil })
		wantErr(t, "Run whose caller gave up", err, context.DeadlineExceeded)
		close(hold)
		wantNil(t, <-running)
		if err := <-ran; err != errBoom {
			t.Errorf("Run = %v, want the very error", err)
		}
		j.want(t, "event run")
		wantNil(t, env.Evict(stub))
		wantErr(t, "Run of an instance that left", state.Run(t.Context(), func(context.Context) error { return nil }), do.ErrReset)
	})
}

// TestT30QueueLimit counts Run like any other event.
func TestT30QueueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := class(nil)
		c.QueueLimit = 1
		env := dotest.New(t, dotest.Options{Runtime: boxes(c)})
		stub, hold := named(env, "x"), make(chan struct{})
		var state *do.State
		running := start(env, stub, func(_ context.Context, b *box) error { state = b.state; <-hold; return nil })
		synctest.Wait()
		queued := start(env, stub, func(context.Context, *box) error { return nil })
		synctest.Wait()
		wantErr(t, "Run", state.Run(t.Context(), func(context.Context) error { return nil }), do.ErrOverloaded)
		close(hold)
		wantNil(t, <-running)
		wantNil(t, <-queued)
	})
}

// TestT31Sync splits the turn's atomicity, lets nobody in, and waits for what was written
// before it only; with nothing pending it comes back at once.
func TestT31Sync(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		j := &journal{}
		syncing := start(env, stub, func(ctx context.Context, b *box) error {
			wantNil(t, b.state.Storage().Sync(ctx))
			j.say("nothing pending")
			if _, err := b.Add(ctx, 10); err != nil {
				return err
			}
			wantNil(t, b.state.Storage().Sync(ctx))
			j.say("synced")
			if _, err := b.Add(ctx, 100); err != nil {
				return err
			}
			panic(errBoom)
		})
		synctest.Wait()
		other := start(env, stub, func(context.Context, *box) error { j.say("other"); return nil })
		synctest.Wait()
		j.want(t, "nothing pending")
		d.permit()
		wantErr(t, "the panic", <-syncing, do.ErrReset)
		wantNil(t, <-other)
		j.want(t, "nothing pending synced other")
		wantTotal(t, stub, 11)
	})
}

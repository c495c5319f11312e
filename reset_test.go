package do_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestT34 has every failure that a handler can bring about meet a running event, a parked
// one and two in the queue (T34.1 to T34.3, T34.5, T34.6, T34.9 in part: L14, L24.2, T12).
func TestT34Failures(t *testing.T) {
	for _, c := range []struct {
		name   string
		fail   func(ctx context.Context, b *box) error
		cause  error // of the running event's error
		stays  bool  // the instance does, and so do the writes
		queued bool  // those in the queue fail too
	}{
		{"T34.1 error", func(context.Context, *box) error { return errBoom }, errBoom, true, false},
		{"T34.2 panic", func(context.Context, *box) error { panic(errBoom) }, errBoom, false, false},
		{"T34.2 Goexit", func(context.Context, *box) error { runtime.Goexit(); return nil }, nil, false, false},
		{"T34.2 panic in Await", func(ctx context.Context, b *box) error {
			return b.state.Await(ctx, func(context.Context) error { panic(errBoom) })
		}, errBoom, false, false},
		{"T34.3 Abort", func(ctx context.Context, b *box) error { b.state.Abort(ctx, errBoom); return nil }, errBoom, false, false},
		{"T34.3 Abort in Await", func(ctx context.Context, b *box) error {
			return b.state.Await(ctx, func(ctx context.Context) error { b.state.Abort(ctx, errBoom); return nil })
		}, errBoom, false, false},
		{"T34.5 blocked section", func(ctx context.Context, b *box) error {
			_ = b.state.BlockConcurrencyWhile(ctx, func(context.Context) error { return errBoom })
			return nil // swallowing it does not help
		}, errBoom, false, true},
		{"T34.6 Transaction", func(ctx context.Context, b *box) error {
			err := b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
				if err := b.state.KV().Put(ctx, "total", 1000); err != nil {
					return err
				}
				return errBoom
			})
			if err != errBoom {
				return errors.New("Transaction gave another error than fn's")
			}
			return err
		}, errBoom, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, env *dotest.Runtime) {
				stub := named(env, "x")
				wantAdd(t, stub, 1, 1)
				release := make(chan struct{})
				parked := start(env, stub, func(ctx context.Context, b *box) error {
					return b.state.Await(ctx, func(ctx context.Context) error {
						select {
						case <-release:
						case <-ctx.Done(): // T6: a reset ends it
						}
						return nil
					})
				})
				synctest.Wait()
				hold := make(chan struct{})
				running := start(env, stub, func(ctx context.Context, b *box) error {
					<-hold
					if _, err := b.Add(ctx, 10); err != nil {
						return err
					}
					if !strings.Contains(c.name, "Await") && !strings.Contains(c.name, "section") { // those are commit points
						return c.fail(ctx, b)
					}
					if err := b.state.Storage().Sync(ctx); err != nil {
						return err
					}
					return c.fail(ctx, b)
				})
				synctest.Wait()
				var queued []<-chan error
				for range 2 {
					queued = append(queued, start(env, stub, func(_ context.Context, b *box) error { b.n += 100; return nil }))
				}
				synctest.Wait()
				close(hold)

				err := <-running
				if c.cause != nil {
					wantErr(t, "the running event", err, c.cause)
				}
				total, memory := 11, 11 // one commit point before the failure
				if !c.stays {
					wantErr(t, "the running event", err, do.ErrReset)
					e := errorOf(t, err)
					if !e.Remote || !e.Reset || e.Retryable || e.Overloaded { // L24.2
						t.Errorf("%+v, want Remote and Reset", e)
					}
					wantErr(t, "the parked event", <-parked, do.ErrReset)
					memory = 0
					if c.name == "T34.2 panic" || c.name == "T34.2 Goexit" || c.name == "T34.3 Abort" {
						total = 1
					}
				}
				for _, a := range queued {
					switch err := <-a; {
					case c.queued:
						wantErr(t, "a queued event", err, do.ErrReset)
					case strings.Contains(c.name, "Await") && is(err, do.ErrReset): // it began in the wait
					default:
						wantNil(t, err)
						memory += 100
					}
				}
				close(release)
				if c.stays {
					wantNil(t, <-parked)
				}
				if !strings.Contains(c.name, "Await") { // in a wait the queued ones may still run on the old instance
					wantMemory(t, stub, memory)
				}
				wantTotal(t, stub, total)
			})
		})
	}
}

// TestT34InWaitUntil lets background work panic, and call Abort, which returns there (L11).
func TestT34InWaitUntil(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, b *box, j *journal){
		"T34.2 panic":  func(context.Context, *box, *journal) { panic(errBoom) },
		"T34.2 Goexit": func(context.Context, *box, *journal) { runtime.Goexit() },
		"T34.3 Abort": func(ctx context.Context, b *box, j *journal) {
			b.state.Abort(ctx, errBoom)
			j.say("returned")
			wantErr(t, "Put after Abort", b.state.KV().Put(ctx, "k", 1), do.ErrReset)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, env *dotest.Runtime) {
				stub, j, release := named(env, "x"), &journal{}, make(chan struct{})
				wantAdd(t, stub, 1, 1)
				wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
					return b.state.WaitUntil(ctx, func(ctx context.Context) error {
						<-release
						fail(ctx, b, j)
						return nil
					})
				}))
				running := start(env, stub, func(ctx context.Context, b *box) error {
					if _, err := b.Add(ctx, 1); err != nil {
						return err
					}
					close(release)
					<-ctx.Done()
					wantErr(t, "the cause", context.Cause(ctx), do.ErrReset) // L10
					_, err := b.Add(ctx, 1)
					wantErr(t, "a write of the fenced turn", err, do.ErrReset)
					return nil
				})
				wantErr(t, "the running event", <-running, do.ErrReset)
				synctest.Wait()
				if strings.HasSuffix(name, "Abort") {
					j.want(t, "returned")
				}
				wantTotal(t, stub, 1)
				wantMemory(t, stub, 0)
			})
		})
	}
}

// TestL11AbortInATurn: it does not return, deferred functions run and are fenced, and no
// recover can swallow it.
func TestL11AbortInATurn(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, j := named(env, "x"), &journal{}
		wantAdd(t, stub, 1, 1)
		err := run(env, stub, func(ctx context.Context, b *box) error {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("recovered %v", v)
				}
				wantErr(t, "a write in a deferred function", b.state.KV().Put(ctx, "total", 99), do.ErrReset)
				wantErr(t, "WaitUntil in a deferred function", b.state.WaitUntil(ctx, nil), do.ErrReset)
				wantErr(t, "Await in a deferred function", b.state.Await(ctx, nil), do.ErrReset)
				wantErr(t, "Sync in a deferred function", b.state.Storage().Sync(ctx), do.ErrReset)
				wantErr(t, "Run in a deferred function", b.state.Run(ctx, nil), do.ErrReset)
				wantErr(t, "a section in a deferred function", b.state.BlockConcurrencyWhile(ctx, nil), do.ErrReset)
				_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("y"), (*box).Add, 1)
				wantErr(t, "a call in a deferred function", err, do.ErrReset)
				j.say("deferred")
			}()
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			b.state.Abort(ctx, errBoom)
			j.say("returned")
			return nil
		})
		wantErr(t, "Abort", err, do.ErrReset)
		wantErr(t, "Abort", err, errBoom)
		synctest.Wait()
		j.want(t, "deferred")
		wantTotal(t, stub, 1)
		wantTotal(t, named(env, "y"), 0)
	})
}

// TestL10OldGoroutineIsFenced leaves a handler running after its reset, and lets the next
// instance work beside it.
func TestL10OldGoroutineIsFenced(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		wantAdd(t, stub, 1, 1)
		release, ended := make(chan struct{}), make(chan struct{})
		stuck := start(env, stub, func(ctx context.Context, b *box) error {
			defer close(ended)
			return b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
				<-release // longer than the limit, and deaf to its context
				for range 3 {
					_, err := b.Add(ctx, 100)
					wantErr(t, "a write of the old instance", err, do.ErrReset)
				}
				return nil
			})
		})
		err := <-stuck
		wantErr(t, "the section over its limit", err, do.ErrReset)
		if e := errorOf(t, err); !e.Overloaded || !e.Reset || !e.Remote || e.Retryable { // L24.4, T26, N12
			t.Errorf("%+v, want Remote, Overloaded, Reset", e)
		}
		wantAdd(t, stub, 1, 2)
		close(release)
		<-ended
		wantAdd(t, stub, 1, 3)
	})
}

// TestL10StuckInStorage leaves a turn inside a call of storage that does not end: events
// get ErrReset until it does, and after 10 s the log shows its stack.
func TestL10StuckInStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		o := boxes(class(nil))
		o.Logger = log.logger()
		faulty := disktest.NewFaulty(disk.OS())
		env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty})
		stub := named(env, "x")
		wantAdd(t, stub, 1, 1)
		wantNil(t, env.Evict(stub)) // so that the next event reads from the disk
		release := make(chan struct{})
		faulty.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Read && strings.Contains(name, stub.ID().String()) {
				<-release
			}
			return nil
		})
		var state *do.State
		stuck := start(env, stub, func(ctx context.Context, b *box) error {
			state = b.state
			_, err := b.Add(ctx, 1)
			wantErr(t, "a call that ended after the reset", err, do.ErrReset)
			return nil
		})
		synctest.Wait()
		if state == nil {
			t.Fatal("the event did not begin")
		}
		state.Abort(t.Context(), errBoom)
		wantErr(t, "the stuck event", <-stuck, errBoom)
		time.Sleep(2 * time.Second)
		began := time.Now()
		_, err := do.Call0(t.Context(), stub, (*box).Total)
		wantErr(t, "an event meanwhile", err, do.ErrReset)
		if time.Since(began) > 0 {
			t.Errorf("it came after %v, want at once", time.Since(began))
		}
		if log.has("goroutine ") {
			t.Error("stacks were logged too early")
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if !log.has("goroutine ") {
			t.Error("no stack was logged after 10 s")
		}
		faulty.Hook(nil)
		close(release)
		synctest.Wait()
		wantAdd(t, stub, 1, 2)
	})
}

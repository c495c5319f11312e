package do_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestL1 makes stubs of an object that nobody calls.
func TestL1StubsChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		wantErr(t, "Evict of an object that was never called", env.Evict(stub), do.ErrNotRunning)
		wantMemory(t, stub, 0)
		if err := env.Evict(stub); err != nil {
			t.Errorf("Evict after the first event = %v", err)
		}
	})
}

// TestL2 lets many first events meet one slow constructor.
func TestL2ConstructorRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		built := 0
		env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(ctx context.Context, b *box) error {
			built++
			time.Sleep(time.Second)
			return nil
		}))})
		var answers []<-chan error
		for range 20 {
			answers = append(answers, start(env, named(env, "x"), func(_ context.Context, b *box) error {
				b.n++
				return nil
			}))
		}
		for _, a := range answers {
			if err := <-a; err != nil {
				t.Error(err)
			}
		}
		wantMemory(t, named(env, "x"), 20)
		if built != 1 {
			t.Errorf("%d instances were built, want 1", built)
		}
	})
}

// TestL2ConstructorFails, which is L12 and T34.4 too: all that wait get the error, and the
// next event tries again.
func TestL2ConstructorFails(t *testing.T) {
	for name, fail := range map[string]func(context.Context, *box) error{
		"error":   func(context.Context, *box) error { return errBoom },
		"panic":   func(context.Context, *box) error { panic(errBoom) },
		"timeout": func(context.Context, *box) error { time.Sleep(31 * time.Second); return nil }, // N12
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries atomic.Int32
				env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(ctx context.Context, b *box) error {
					if tries.Add(1) > 1 {
						return nil
					}
					if err := b.state.KV().Put(ctx, "total", 7); err != nil {
						return err
					}
					time.Sleep(time.Second) // let others queue
					return fail(ctx, b)
				}))})
				var answers []<-chan error
				for range 5 {
					answers = append(answers, start(env, named(env, "x"), func(context.Context, *box) error {
						t.Error("an event ran although there is no instance")
						return nil
					}))
				}
				for _, a := range answers {
					err := <-a
					wantErr(t, "event", err, do.ErrReset)
					e := errorOf(t, err)
					if !e.Remote || !e.Reset || e.Retryable || e.Overloaded != (name == "timeout") { // L24.3, L24.4
						t.Errorf("%+v, want Remote, Reset, Overloaded only after a time limit", e)
					}
					if name != "timeout" {
						wantErr(t, "event", err, errBoom)
					}
				}
				wantTotal(t, named(env, "x"), 0)
				if n := tries.Load(); n != 2 {
					t.Errorf("the constructor ran %d times, want 2", n)
				}
				time.Sleep(time.Minute) // the fenced constructor ends
				synctest.Wait()
			})
		})
	}
}

// TestL8 says what counts as activity: everything that runs, waits or is held. L3 and L4
// are the ways between running and idle.
func TestL8IdleTimeout(t *testing.T) {
	for _, c := range []struct {
		name string
		idle time.Duration // of the class
		busy func(t *testing.T, env *dotest.Runtime, stub *do.Stub)
		want time.Duration // until it leaves; 0: never
	}{
		{"default", 0, nil, 10 * time.Second},
		{"of the class", time.Minute, nil, time.Minute},
		{"negative", -1, nil, 0},
		{"an event after 9 s", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			time.Sleep(9 * time.Second)
			wantMemory(t, stub, 0)
		}, 19 * time.Second},
		{"a running event", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			wantNil(t, run(env, stub, func(context.Context, *box) error { time.Sleep(25 * time.Second); return nil }))
		}, 35 * time.Second},
		{"a parked event", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
				return b.state.Await(ctx, func(context.Context) error { time.Sleep(25 * time.Second); return nil })
			}))
		}, 35 * time.Second},
		{"WaitUntil", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
				return b.state.WaitUntil(ctx, func(context.Context) error { time.Sleep(25 * time.Second); return nil })
			}))
		}, 35 * time.Second},
		{"an open body", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
				b.fetch = func(context.Context, *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("x"))}, nil
				}
				return nil
			}))
			res, err := stub.Fetch(t.Context(), request(t, "/"))
			wantNil(t, err)
			time.Sleep(25 * time.Second)
			wantNil(t, res.Body.Close())
		}, 35 * time.Second},
		{"a body in memory", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			_, err := stub.Fetch(t.Context(), request(t, "/")) // never closed: F1
			wantNil(t, err)
		}, 10 * time.Second},
		{"a goroutine of the object's own", 0, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			wantNil(t, run(env, stub, func(context.Context, *box) error {
				go time.Sleep(25 * time.Second)
				return nil
			}))
		}, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := class(nil)
				k.IdleTimeout = c.idle
				env := dotest.New(t, dotest.Options{Runtime: boxes(k)})
				stub := named(env, "x")
				began := time.Now()
				var left time.Duration
				wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
					b.stop = func(_ context.Context, reason do.StopReason) error {
						if left = time.Since(began); reason != do.StopIdle && c.want > 0 {
							t.Errorf("Stop(%v), want StopIdle", reason)
						}
						return nil
					}
					return nil
				}))
				if c.busy != nil {
					c.busy(t, env, stub)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if left != c.want {
					t.Errorf("it left after %v, want %v", left, c.want)
				}
			})
		})
	}
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("error: %v", err)
	}
}

// TestL5 lets events arrive while the object leaves.
func TestL5EventsWaitForTheNextInstance(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.n = 5
			b.stop = func(ctx context.Context, _ do.StopReason) error {
				time.Sleep(5 * time.Second)
				_, err := b.Add(ctx, 1) // L9: it is a turn, and what it writes is saved
				return err
			}
			return nil
		}))
		time.Sleep(11 * time.Second) // it leaves for another four
		began := time.Now()
		err := run(env, stub, func(ctx context.Context, b *box) error {
			if total, err := b.Total(ctx); err != nil || total != 1 {
				t.Errorf("total = %d, %v, want what Stop wrote: 1", total, err)
			}
			if waited := time.Since(began); b.n != 0 || waited != 4*time.Second {
				t.Errorf("field = %d after %v, want a new instance after 4 s", b.n, waited)
			}
			return nil
		})
		wantNil(t, err)
	})
}

// TestL9 has Stop fail in every way: it is logged, and the object leaves.
func TestL9StopFails(t *testing.T) {
	for name, stop := range map[string]func(context.Context, do.StopReason) error{
		"error":    func(context.Context, do.StopReason) error { return errBoom },
		"panic":    func(context.Context, do.StopReason) error { panic(errBoom) },
		"too long": func(context.Context, do.StopReason) error { time.Sleep(time.Minute); return nil }, // N18
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &logged{}
				o := boxes(class(nil))
				o.Logger = log.logger()
				env := dotest.New(t, dotest.Options{Runtime: o})
				stub := named(env, "x")
				wantAdd(t, stub, 1, 1)
				wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
					b.stop = stop
					return nil
				}))
				began := time.Now()
				if err := env.Evict(stub); err != nil || time.Since(began) > 10*time.Second {
					t.Errorf("Evict = %v after %v", err, time.Since(began))
				}
				wantMemory(t, stub, 0)
				wantTotal(t, stub, 1)
				if !log.has("boom") && !log.has("10 s") {
					t.Errorf("the log does not tell of it: %s", log)
				}
				time.Sleep(2 * time.Minute) // the fenced Stop ends
				synctest.Wait()
			})
		})
	}
}

// TestL9NoStop: after a reset there is no Stop, for L7 says that the instance is absent at once.
func TestL9NoStopAtAReset(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		err := run(env, stub, func(_ context.Context, b *box) error {
			b.stop = func(context.Context, do.StopReason) error {
				t.Error("Stop of an instance that was reset")
				return nil
			}
			panic(errBoom)
		})
		wantErr(t, "panic", err, do.ErrReset)
		wantErr(t, "Evict at once", env.Evict(stub), do.ErrNotRunning)
		time.Sleep(time.Minute)
		wantMemory(t, stub, 0)
	})
}

// TestL13 fills a queue (N19).
func TestL13QueueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := class(nil)
		c.QueueLimit = 3
		env := dotest.New(t, dotest.Options{Runtime: boxes(c)})
		stub := named(env, "x")
		hold, parked := make(chan struct{}), make(chan struct{})
		first := start(env, stub, func(ctx context.Context, b *box) error {
			return b.state.Await(ctx, func(context.Context) error { <-parked; return nil })
		})
		synctest.Wait()
		second := start(env, stub, func(context.Context, *box) error { <-hold; return nil })
		synctest.Wait()
		close(parked) // the first event wants to go on: it is not counted
		var queued []<-chan error
		for range 2 {
			queued = append(queued, start(env, stub, func(context.Context, *box) error { return nil }))
		}
		gone, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { _, err := do.Call0(gone, stub, (*box).Memory); gaveUp <- err }()
		synctest.Wait()
		refused := func() {
			t.Helper()
			_, err := do.Call0(t.Context(), stub, (*box).Memory)
			wantErr(t, "the fourth in the queue", err, do.ErrOverloaded)
			e := errorOf(t, err)
			if e.Remote || e.Retryable || !e.Overloaded || e.Reset { // L24.6
				t.Errorf("%+v, want Overloaded alone", e)
			}
		}
		refused()
		cancel() // its place is free again
		wantErr(t, "who gave up", <-gaveUp, context.Canceled)
		queued = append(queued, start(env, stub, func(context.Context, *box) error { return nil }))
		synctest.Wait()
		refused()
		close(hold)
		for _, a := range append(queued, first, second) {
			wantNil(t, <-a)
		}
		wantMemory(t, stub, 0)
	})
}

// TestL8IdleMeetsEvict lets idle time-outs of a millisecond and evictions meet.
func TestL8IdleMeetsEvict(t *testing.T) {
	c := class(nil)
	c.IdleTimeout = time.Millisecond
	env := dotest.New(t, dotest.Options{Runtime: boxes(c)})
	var wg sync.WaitGroup
	for i := range 8 {
		stub := named(env, strconv.Itoa(i))
		wg.Go(func() {
			for range 300 {
				wantMemory(t, stub, 0) // the time-out begins
				wantNil(t, run(env, stub, func(context.Context, *box) error {
					for began := time.Now(); time.Since(began) < time.Millisecond; {
					}
					return nil
				}))
				_ = env.Evict(stub) // it may have left already
			}
		})
	}
	wg.Wait()
}

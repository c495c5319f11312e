package do_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestT1Order starts events in order of arrival, and turns whose wait is over before all
// that have not started, in the order of their return.
func TestT1Order(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, j := named(env, "x"), &journal{}
		release := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
		var answers []<-chan error
		for _, name := range []string{"a", "b"} {
			answers = append(answers, start(env, stub, func(ctx context.Context, b *box) error {
				j.say(name + "1")
				err := b.state.Await(ctx, func(context.Context) error { <-release[name]; return nil })
				j.say(name + "2")
				return err
			}))
			synctest.Wait()
		}
		hold := make(chan struct{})
		for _, name := range []string{"c", "d", "e"} {
			answers = append(answers, start(env, stub, func(ctx context.Context, _ *box) error {
				j.say(name)
				<-hold
				return nil
			}))
			synctest.Wait()
		}
		close(release["b"])
		synctest.Wait()
		close(release["a"])
		synctest.Wait()
		close(hold)
		for _, a := range answers {
			wantNil(t, <-a)
		}
		j.want(t, "a1 b1 c b2 a2 d e")
	})
}

// TestT2Keys tries contexts that are no key: another object's, one of an ended event, of
// the test. T5: while a turn waits, its context is none either.
func TestT2Keys(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		var state *do.State
		var old context.Context
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			state, old = b.state, ctx
			return nil
		}))
		if old.Err() == nil {
			t.Error("an ended event's context is not done")
		}
		refused := func(what string, ctx context.Context) {
			t.Helper()
			for name, err := range map[string]error{
				"Put":                   state.KV().Put(ctx, "k", 1),
				"Sync":                  state.Storage().Sync(ctx),
				"DeleteAll":             state.Storage().DeleteAll(ctx),
				"Transaction":           state.Storage().Transaction(ctx, func(context.Context) error { return nil }),
				"Await":                 state.Await(ctx, func(context.Context) error { return nil }),
				"BlockConcurrencyWhile": state.BlockConcurrencyWhile(ctx, func(context.Context) error { return nil }),
				"WaitUntil":             state.WaitUntil(ctx, func(context.Context) error { return nil }),
			} {
				wantErr(t, name+" with "+what, err, do.ErrOutsideTurn)
			}
		}
		refused("the test's context", t.Context())
		refused("an ended event's context", old)
		wantNil(t, run(env, named(env, "y"), func(ctx context.Context, b *box) error {
			refused("another object's context", ctx)
			return nil
		}))
		wantNil(t, run(env, stub, func(turn context.Context, b *box) error {
			return b.state.Await(turn, func(ctx context.Context) error {
				refused("a waiting turn's context", turn)
				wantErr(t, "Put with Await's context", b.state.KV().Put(ctx, "k", 1), do.ErrOutsideTurn) // T6
				return nil
			})
		}))
	})
}

// TestT6Await: its function may start goroutines whose calls go out in parallel and are
// no waits of their own; Await returns when it has returned.
func TestT6Await(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		began := time.Now()
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			b.n = 1
			return b.state.Await(ctx, func(ctx context.Context) error {
				answers := make(chan error, 3)
				for _, name := range []string{"1", "2", "3"} {
					go func() {
						_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName(name), (*box).Slow, time.Second)
						answers <- err
					}()
				}
				for range 3 {
					wantNil(t, <-answers)
				}
				return nil
			})
		}))
		if took := time.Since(began); took != time.Second {
			t.Errorf("three calls took %v, want 1 s: they are parallel", took)
		}
	})
}

// TestT7EnvWantsItsOwnContext: no call can leave before the writes made before it.
func TestT7EnvWantsItsOwnContext(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		var mine *do.Stub
		var client *http.Client
		work := make(chan struct{})
		tryWith := func(ctx context.Context) (call, fetch error) {
			_, call = do.Call0(ctx, mine, (*box).Memory)
			_, fetch = mine.Fetch(ctx, request(t, "/"))
			return call, fetch
		}
		wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error {
			mine, client = b.env.Namespace("BOX").GetByName("y"), b.state.HTTPClient()
			call, fetch := tryWith(context.Background())
			wantErr(t, "a call with a free context", call, do.ErrOutsideTurn)
			wantErr(t, "a Fetch with a free context", fetch, do.ErrOutsideTurn)
			_, err := client.Do(request(t, "/").WithContext(context.Background()))
			wantErr(t, "a request with a free context", err, do.ErrOutsideTurn)
			call, fetch = tryWith(ctx)
			wantNil(t, call)
			wantNil(t, fetch)
			wantNil(t, b.state.WaitUntil(ctx, func(ctx context.Context) error {
				call, fetch := tryWith(ctx)
				wantNil(t, call)
				wantNil(t, fetch)
				close(work)
				return nil
			}))
			return b.state.Await(ctx, func(ctx context.Context) error {
				call, fetch := tryWith(ctx)
				wantNil(t, call)
				return fetch
			})
		}))
		<-work
		wantNil(t, run(env, named(env, "z"), func(ctx context.Context, _ *box) error {
			call, _ := tryWith(ctx)
			wantErr(t, "a call with another object's context", call, do.ErrOutsideTurn)
			return nil
		}))
	})
}

// TestT8NoWaits: sleeping, channels, storage and bodies hold the object.
func TestT8NoWaits(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		r, w := io.Pipe()
		post := request(t, "/")
		post.Body = r
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
				b.n = 1
				if _, err := io.ReadAll(r.Body); err != nil {
					return nil, err
				}
				if _, err := b.Add(ctx, 0); err != nil {
					return nil, err
				}
				time.Sleep(time.Second)
				if b.n != 1 {
					t.Error("another event ran meanwhile")
				}
				return do.Text(200, ""), nil
			}
			return nil
		}))
		fetched := make(chan error, 1)
		go func() { _, err := stub.Fetch(t.Context(), post); fetched <- err }()
		synctest.Wait()
		other := start(env, stub, func(_ context.Context, b *box) error { b.n = 2; return nil })
		time.Sleep(time.Second)
		wantNil(t, w.Close())
		wantNil(t, <-fetched)
		wantNil(t, <-other)
	})
}

// TestT9HangUp delivers a hang-up and a deadline at waits only.
func TestT9HangUp(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) {
				time.Sleep(2 * time.Second) // the caller is gone after one
				if _, deadline := ctx.Deadline(); deadline || ctx.Err() != nil {
					t.Errorf("inside the turn: deadline %v, Err %v", deadline, ctx.Err())
				}
				if _, err := b.Add(ctx, 1); err != nil {
					t.Errorf("a write of the turn = %v", err)
				}
				err := b.state.Await(ctx, func(context.Context) error { t.Error("Await began"); return nil })
				wantErr(t, "Await", err, context.DeadlineExceeded)
				wantErr(t, "the turn's context after the wait", ctx.Err(), context.DeadlineExceeded)
				wantErr(t, "Put", b.state.KV().Put(ctx, "total", 0), context.DeadlineExceeded) // S58
				clean := context.WithoutCancel(ctx)
				if _, err := b.Add(clean, 10); err != nil {
					t.Errorf("cleaning up = %v", err)
				}
				return do.Text(200, ""), nil
			}
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := stub.Fetch(ctx, request(t, "/"))
		if err != context.DeadlineExceeded || time.Since(began) != time.Second { // T10: at once, as it is
			t.Errorf("Fetch = %v after %v, want DeadlineExceeded after 1 s", err, time.Since(began))
		}
		wantTotal(t, stub, 11) // T10: the event went on, its writes stay
	})
}

// TestT9DuringAWait: a hang-up reaches Await's function.
func TestT9DuringAWait(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		ctx, cancel := context.WithCancel(t.Context())
		stub, seen := named(env, "x"), make(chan error, 1)
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) {
				return nil, b.state.Await(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					seen <- ctx.Err()
					return ctx.Err()
				})
			}
			return nil
		}))
		go func() { _, _ = stub.Fetch(ctx, request(t, "/")) }()
		synctest.Wait()
		cancel()
		wantErr(t, "Await's context", <-seen, context.Canceled)
		wantMemory(t, stub, 0)
	})
}

// TestT10Queued: a caller that gives up while its event is queued.
func TestT10Queued(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, hold := named(env, "x"), make(chan struct{})
		running := start(env, stub, func(context.Context, *box) error { <-hold; return nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := do.Call(ctx, stub, (*box).Add, 1)
		if err != context.DeadlineExceeded {
			t.Errorf("Add = %v, want DeadlineExceeded as it is", err)
		}
		close(hold)
		wantNil(t, <-running)
		wantTotal(t, stub, 0) // it never started
		if _, err := do.Call(ctx, stub, (*box).Add, 1); err != context.DeadlineExceeded {
			t.Errorf("Add with a context that is done = %v", err)
		}
		wantTotal(t, stub, 0)
	})
}

package do_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestT25 lets nobody in, not even during the section's waits.
func TestT25BlockedSection(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, j := named(env, "x"), &journal{}
		inside := func(ctx context.Context, b *box) error {
			j.say("in")
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			err := b.state.Await(ctx, func(context.Context) error { time.Sleep(time.Second); return nil })
			j.say("out")
			return err
		}
		section := start(env, stub, func(ctx context.Context, b *box) error {
			err := b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error { return inside(ctx, b) })
			j.say("after")
			return err
		})
		synctest.Wait()
		other := start(env, stub, func(context.Context, *box) error { j.say("other"); return nil })
		synctest.Wait()
		wantNil(t, <-section)
		wantNil(t, <-other)
		j.want(t, "in out after other")
	})
}

// TestT25CommitsAtEntry: what was written before the section stays although the section
// fails (T26, T34.5); inside a Transaction it commits nothing.
func TestT25CommitsAtEntry(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		err := run(env, stub, func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			return b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
				if _, err := b.Add(ctx, 10); err != nil {
					return err
				}
				return errBoom
			})
		})
		wantErr(t, "the section", err, do.ErrReset)
		wantErr(t, "the section", err, errBoom)
		wantTotal(t, stub, 1)
		err = run(env, stub, func(ctx context.Context, b *box) error {
			return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
				if _, err := b.Add(ctx, 100); err != nil {
					return err
				}
				err := b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
					_, err := b.Add(ctx, 1000)
					return err
				})
				if err != nil {
					return err
				}
				return errBoom
			})
		})
		if err != errBoom {
			t.Errorf("Transaction = %v, want the very error", err)
		}
		wantTotal(t, stub, 1)
	})
}

// TestT26Depth nests sections and transactions to 64 and one more (N14).
func TestT26Depth(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	for name, level := range map[string]func(b *box, ctx context.Context, fn func(context.Context) error) error{
		"sections": func(b *box, ctx context.Context, fn func(context.Context) error) error {
			return b.state.BlockConcurrencyWhile(ctx, fn)
		},
		"transactions, T23": func(b *box, ctx context.Context, fn func(context.Context) error) error {
			return b.state.Storage().Transaction(ctx, fn)
		},
	} {
		deepest := 0
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			var nest func(ctx context.Context, depth int) error
			nest = func(ctx context.Context, depth int) error {
				err := level(b, ctx, func(ctx context.Context) error { return nest(ctx, depth+1) })
				if err == do.ErrTooDeep && deepest == 0 {
					deepest = depth
					_, err = b.Add(ctx, 1) // it breaks nothing
				}
				return err
			}
			return nest(ctx, 0)
		}))
		if deepest != 64 {
			t.Errorf("%s: ErrTooDeep inside %d of them, want 64", name, deepest)
		}
	}
	wantTotal(t, stub, 2)
	wantMemory(t, stub, 2) // the instance lives
}

// TestT27 answers calls that would wait for themselves at once.
func TestT27Deadlock(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		began := time.Now()
		back := func(ctx context.Context, b *box) error {
			_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("y"), (*box).CallBack, "x")
			return err
		}
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			wantNil(t, back(ctx, b)) // a wait: the object is free
			wantErr(t, "Run inside a turn", b.state.Run(ctx, func(context.Context) error { return nil }), do.ErrDeadlock)
			return b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
				err := back(ctx, b)
				wantErr(t, "a chain that comes back", err, do.ErrDeadlock)
				_, err = do.Call0(ctx, b.env.Namespace("BOX").GetByName("x"), (*box).Memory)
				wantErr(t, "a call to itself", err, do.ErrDeadlock)
				e := errorOf(t, err)
				if e.Remote || e.Retryable || e.Overloaded || e.Reset { // L24.10
					t.Errorf("%+v, want none of the properties", e)
				}
				return nil
			})
		}))
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, want no time", took)
		}
	})
}

// CallBack calls the box of that name.
func (b *box) CallBack(ctx context.Context, name string) (int, error) {
	return do.Call0(ctx, b.env.Namespace("BOX").GetByName(name), (*box).Memory)
}

// TestT27Constructor has a constructor call an object that calls back.
func TestT27Constructor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(ctx context.Context, b *box) error {
			if b.state.ID().Name() != "x" {
				return nil
			}
			_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("y"), (*box).CallBack, "x")
			wantErr(t, "a chain that comes back to a constructor", err, do.ErrDeadlock)
			return nil
		}))})
		wantMemory(t, named(env, "x"), 0)
	})
}

// TestT28 works in a constructor, whose context is dead when it returns; its time limit is
// that of sections (N12), of which there is one per runtime.
func TestT28Constructor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late context.Context
		o := boxes(class(func(ctx context.Context, b *box) error {
			switch b.state.ID().Name() {
			case "slow":
				time.Sleep(6 * time.Second)
			case "x":
				late = ctx
				b.n = 5
				if _, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("y"), (*box).Add, 1); err != nil {
					return err
				}
				_, err := b.Add(ctx, 0)
				return err
			}
			return nil
		}))
		o.BlockTimeout = 5 * time.Second
		env := dotest.New(t, dotest.Options{Runtime: o})
		wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error {
			if b.n != 5 {
				t.Errorf("field = %d, want the constructor's 5", b.n)
			}
			wantErr(t, "Put with the constructor's context", b.state.KV().Put(late, "k", 1), do.ErrOutsideTurn)
			if late.Err() == nil {
				t.Error("the constructor's context is not done")
			}
			return nil
		}))
		wantTotal(t, named(env, "y"), 1)
		began := time.Now()
		_, err := do.Call0(t.Context(), named(env, "slow"), (*box).Memory)
		wantErr(t, "a slow constructor", err, do.ErrReset)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it was given up after %v, want 5 s", took)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}

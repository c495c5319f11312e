package actor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// T2: a turn's context is a key only while the turn is live, and done when its event has ended.
func TestT2ContextEndsWithItsEvent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var kept context.Context
		var l *actor.Life
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			kept, l = ctx, life(ctx)
			wantNil(t, "Check inside", l.Check(ctx))
			wantNil(t, "Check of a derived ctx", l.Check(context.WithValue(ctx, hiddenKey{}, 1)))
			wantErr(t, "Check of another ctx", l.Check(context.Background()), doerr.ErrOutsideTurn)
			return nil
		}))
		wantErr(t, "Check after the end", l.Check(kept), doerr.ErrOutsideTurn)
		wantErr(t, "ctx after the end", kept.Err(), context.Canceled)
		wantErr(t, "Wait after the end", await(kept, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrOutsideTurn)
		wantErr(t, "Block after the end", l.Block(kept, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrOutsideTurn)
		wantErr(t, "Sync after the end", l.Sync(kept), doerr.ErrOutsideTurn)
		wantErr(t, "WaitUntil after the end", l.WaitUntil(kept, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrOutsideTurn)
		want(t, "a next instance", h.number(), 1)
	})
}

// T4: inside a Transaction a wait is refused and nothing goes out; Sync too (T31).
func TestT4NoWaitInTransaction(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			h.set(func() { h.inTx = true })
			err := await(ctx, func(context.Context) error { t.Error("it ran"); return nil })
			wantErr(t, "Wait", err, doerr.ErrInTransaction)
			wantErr(t, "Sync", life(ctx).Sync(ctx), doerr.ErrInTransaction)
			h.set(func() { h.inTx = false })
			return h.write(ctx, "still live")
		}))
		want(t, "committed", h.committed(), "still live")
	})
}

// T5, T6: while a turn waits its ctx is no key, nor is that of the wait's code.
func TestT5UseWhileWaiting(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			l := life(ctx)
			err := await(ctx, func(inner context.Context) error {
				for name, c := range map[string]context.Context{"turn": ctx, "wait": inner} {
					wantErr(t, name+": Check", l.Check(c), doerr.ErrOutsideTurn)
					wantErr(t, name+": Block", l.Block(c, func(context.Context) error { return nil }), doerr.ErrOutsideTurn)
				}
				if actor.From(inner) != nil || actor.Outside(inner) != l || actor.Outside(ctx) != nil {
					t.Error("the ctx of a wait's code is not told from the turn's")
				}
				wantErr(t, "Wait in a wait", await(ctx, func(context.Context) error { return nil }), doerr.ErrOutsideTurn)
				wantErr(t, "Sync with the turn's ctx", l.Sync(ctx), doerr.ErrOutsideTurn)
				wantNil(t, "Sync with the wait's ctx", l.Sync(inner)) // it only waits
				return errBoom
			})
			want(t, "the wait's error", err, errBoom)
			return l.Check(ctx)
		}))
	})
}

// T5: a handler that returns while a wait or a section of its own runs resets the object.
func TestT5ReturnWithAWaitRunning(t *testing.T) {
	for name, use := range map[string]func(ctx context.Context, fn func(context.Context) error) error{
		"wait":    await,
		"section": func(ctx context.Context, fn func(context.Context) error) error { return life(ctx).Block(ctx, fn) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				began, end := make(chan struct{}), make(chan struct{})
				stray := make(chan error, 1)
				c := h.post(func(ctx context.Context, _ *object) error {
					go func() {
						stray <- use(ctx, func(context.Context) error { close(began); <-end; return nil })
					}()
					<-began
					return nil
				})
				wantErr(t, "answer", <-c.ends, doerr.ErrReset)
				want(t, "the next instance", h.number(), 2)
				close(end)
				wantErr(t, "the stray one", <-stray, doerr.ErrReset)
			})
		})
	}
}

// T5: such a handler commits nothing: what is open belongs to another event by then.
func TestT5ReturnCommitsNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wrote := make(chan struct{})
		c := h.post(func(ctx context.Context, _ *object) error {
			go func() { _ = await(ctx, until(nil)) }()
			<-wrote
			return nil
		})
		other := h.post(func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "half"))
			close(wrote)
			<-ctx.Done()
			return h.write(ctx, "a turn")
		})
		wantErr(t, "answer", <-c.ends, doerr.ErrReset)
		wantErr(t, "the other", <-other.ends, doerr.ErrReset)
		want(t, "committed", h.committed(), "")
	})
}

// T5: so does a section that returns while a wait or a section of its own runs, at once.
func TestT5SectionReturnsWithAWaitRunning(t *testing.T) {
	for name, use := range map[string]func(ctx context.Context, fn func(context.Context) error) error{
		"wait":    await,
		"section": func(ctx context.Context, fn func(context.Context) error) error { return life(ctx).Block(ctx, fn) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				c := h.post(func(ctx context.Context, _ *object) error {
					l := life(ctx)
					err := l.Block(ctx, func(ctx context.Context) error {
						go func() { _ = use(ctx, func(context.Context) error { <-l.Over(); return nil }) }()
						synctestYield()
						return nil
					})
					wantErr(t, "Block", err, doerr.ErrReset)
					return nil
				})
				queued := h.post(nothing)
				wantErr(t, "answer", <-c.ends, doerr.ErrReset)
				wantErr(t, "queued", <-queued.ends, doerr.ErrReset)
				want(t, "the next instance", h.number(), 2)
			})
		})
	}
}

func synctestYield() { time.Sleep(time.Nanosecond) }

// T9: a caller's cancellation reaches the turn at a wait only; then WithoutCancel keeps the
// turn for cleaning up.
func TestT9Cancellation(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble(t, nil, func(t *testing.T, h *host) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hold, told := make(chan struct{}), make(chan struct{})
			c := h.postCtx(ctx, func(ctx context.Context, _ *object) error {
				<-hold
				wantNil(t, "ctx in the turn after the hang-up", ctx.Err())
				wantNil(t, "its cause", context.Cause(ctx))
				if late {
					_ = ctx.Done() // whether somebody looks makes no difference
				}
				wantNil(t, "write", h.write(ctx, "1"))
				err := await(ctx, func(ctx context.Context) error {
					if !late {
						t.Error("the wait's code ran for a caller who had gone")
					}
					<-ctx.Done()
					return ctx.Err()
				})
				<-told
				wantErr(t, "Wait", err, context.Canceled)
				wantErr(t, "ctx after the wait", ctx.Err(), context.Canceled)
				wantErr(t, "another Wait", await(ctx, func(context.Context) error { t.Error("it ran"); return nil }), context.Canceled)
				clean := context.WithoutCancel(ctx)
				ran := false
				wantNil(t, "a clean-up's wait", await(clean, func(context.Context) error { ran = true; return nil }))
				want(t, "the clean-up ran", ran, true)
				return h.write(clean, "2")
			})
			synctest.Wait()
			if !late {
				cancel()
			}
			synctest.Wait()
			close(hold)
			synctest.Wait()
			cancel()
			wantErr(t, "the caller", <-c.ends, context.Canceled) // T10: at once
			close(told)
			<-c.did
			synctest.Wait()
			want(t, "committed", h.committed(), "1 2") // T10: its writes stay
			want(t, "dropped", c.dropped(), 1)
		})
	}
}

// T9: a deadline is not shown, and reaches the turn as one at a wait.
func TestT9Deadline(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := h.postCtx(ctx, func(ctx context.Context, _ *object) error {
			if _, ok := ctx.Deadline(); ok {
				t.Error("the turn shows a deadline that does not apply")
			}
			time.Sleep(2 * time.Second)
			wantNil(t, "ctx in the turn after the deadline", ctx.Err())
			err := await(ctx, func(context.Context) error { t.Error("it ran"); return nil })
			wantErr(t, "Wait", err, context.DeadlineExceeded)
			wantErr(t, "cause", context.Cause(ctx), context.DeadlineExceeded)
			return nil
		})
		wantErr(t, "the caller", <-c.ends, context.DeadlineExceeded)
		<-c.did
	})
}

// T9: a hang-up during a wait is delivered in the wait, never some time after it.
func TestT9HangUpStaysInTheWait(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			c := h.postCtx(ctx, func(ctx context.Context, _ *object) error {
				err := await(ctx, func(context.Context) error { cancel(); return nil })
				gone := ctx.Err()
				synctestYield()
				if ctx.Err() != gone {
					t.Error("the cancellation came in the middle of a turn")
				}
				return errors.Join(err, gone)
			})
			wantErr(t, "the caller", <-c.ends, context.Canceled)
			<-c.did
		}
	})
}

// F4 and L10: a turn shows its caller's values but for the hidden one, and whatever the
// context package looks for in it is its own.
func TestF4Values(t *testing.T) {
	type key struct{}
	bubble(t, nil, func(t *testing.T, h *host) {
		caller := context.WithValue(context.WithValue(t.Context(), key{}, "v"), hiddenKey{}, "secret")
		caller, cancel := context.WithCancelCause(caller)
		var kept, child context.Context
		c := h.postCtx(caller, func(ctx context.Context, _ *object) error {
			kept = ctx
			want(t, "a value", ctx.Value(key{}), any("v"))
			want(t, "the hidden value", ctx.Value(hiddenKey{}), nil)
			var stop context.CancelFunc
			child, stop = context.WithCancel(ctx)
			t.Cleanup(stop)
			cancel(errBoom)
			synctestYield()
			wantNil(t, "a child of the turn after the hang-up", child.Err())
			want(t, "a value, when somebody has looked for Done", ctx.Value(key{}), any("v"))
			want(t, "the hidden value, likewise", ctx.Value(hiddenKey{}), nil)
			return nil
		})
		<-c.ends
		<-c.did
		synctest.Wait()
		wantErr(t, "a child after the end", child.Err(), context.Canceled)
		wantErr(t, "cause after the end", context.Cause(kept), context.Canceled)
		c = h.post(func(ctx context.Context, _ *object) error {
			kept = ctx
			life(ctx).Abort(ctx, errBoom)
			return nil
		})
		wantErr(t, "aborted", <-c.ends, doerr.ErrReset)
		wantErr(t, "cause after a reset, never asked for Done", context.Cause(kept), doerr.ErrReset, errBoom)
		wantErr(t, "ctx after a reset", kept.Err(), context.Canceled)
	})
}

package actor_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

func panics(context.Context) error { panic(errBoom) }
func exits(context.Context) error  { runtime.Goexit(); return nil }
func aborts(ctx context.Context) error {
	life(ctx).Abort(ctx, errBoom)
	return nil
}

// T34.2, T34.3: a panic, Goexit or Abort undoes what was written since the commit point,
// answers running and parked events with ErrReset and leaves the queue to the next instance.
func TestT34_2PanicGoexitAbort(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"T34.2 panic": panics, "T34.2 Goexit": exits, "T34.3 Abort": aborts,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				parked := h.post(func(ctx context.Context, _ *object) error {
					return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
				})
				synctest.Wait()
				hold := make(chan struct{})
				c := h.post(func(ctx context.Context, _ *object) error {
					wantNil(t, "write", h.write(ctx, "kept"))
					wantNil(t, "Sync", life(ctx).Sync(ctx))
					wantNil(t, "write", h.write(ctx, "lost"))
					<-hold
					return fail(ctx)
				})
				queued := h.post(func(_ context.Context, o *object) error {
					want(t, "instance of the queued one", o.number, 2)
					return nil
				})
				synctest.Wait()
				close(hold)
				why := reason(t, <-c.ends)
				wantErr(t, "answer", why, doerr.ErrReset)
				if name != "T34.2 Goexit" {
					wantErr(t, "answer", why, errBoom)
				}
				want(t, "reason of the parked one", reason(t, <-parked.ends), why)
				if why.Overloaded || why.Retryable || why.Storage || why.Constructor || why.Closed { // L24.2
					t.Errorf("%+v, want a plain reset", why)
				}
				wantNil(t, "queued", <-queued.ends)
				want(t, "instance", h.number(), 2)
				want(t, "committed", h.committed(), "kept")
				if fail := "object reset"; countOf(h.logged(), fail) != 1 {
					t.Errorf("logged %d times, want once: %s", countOf(h.logged(), fail), h.logged())
				}
			})
		})
	}
}

// T34.2: in Await too, and no recover of the handler can swallow it; L11: Abort in Await
// returns, for that is no turn.
func TestT34_2InAwait(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"T34.2 panic": panics, "T34.2 Goexit": exits,
		"T34.3 Abort": func(ctx context.Context) error {
			actor.Outside(ctx).Abort(ctx, errBoom)
			wantErr(t, "the wait's ctx", context.Cause(ctx), errBoom)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				went := false
				c := h.post(func(ctx context.Context, _ *object) error {
					defer func() {
						_ = recover()
						wantErr(t, "write", h.write(ctx, "lost"), doerr.ErrReset)
						wantErr(t, "Wait", await(ctx, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrReset)
						wantErr(t, "Block", life(ctx).Block(ctx, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrReset)
						wantErr(t, "WaitUntil", life(ctx).WaitUntil(ctx, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrReset)
						wantErr(t, "Sync", life(ctx).Sync(ctx), doerr.ErrReset)
					}()
					wantNil(t, "write", h.write(ctx, "kept"))
					wantErr(t, "Await", await(ctx, fail), doerr.ErrReset, errBoom)
					went = true
					return nil
				})
				wantErr(t, "answer", <-c.ends, doerr.ErrReset)
				<-c.did
				synctest.Wait()
				want(t, "the handler went on", went, name == "T34.3 Abort")
				want(t, "instance", h.number(), 2)
				want(t, "committed", h.committed(), "kept")
			})
		})
	}
}

// L11: Abort inside a turn does not return, also when another reset was faster; deferred
// functions run, fenced. Elsewhere it returns, and then no event runs before the fence.
func TestL11Abort(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		for n, faster := range []bool{false, true} {
			var deferred error
			c := h.post(func(ctx context.Context, o *object) error {
				want(t, "instance", o.number, n+1)
				defer func() { deferred = h.write(ctx, "no") }()
				if faster {
					go life(ctx).Abort(context.Background(), errBoom)
					<-ctx.Done()
				}
				life(ctx).Abort(ctx, errBoom)
				t.Error("Abort returned in a turn")
				return nil
			})
			wantErr(t, "answer", <-c.ends, doerr.ErrReset, errBoom)
			<-c.did
			wantErr(t, "a deferred write", deferred, doerr.ErrReset)
		}
	})
	bubble(t, nil, func(t *testing.T, h *host) {
		hold := make(chan struct{})
		c := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		queued := h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 2); return nil })
		l := c.Turn().Life()
		l.Abort(t.Context(), errBoom)
		want(t, "fenced when Abort has returned", h.isFenced(l), true)
		wantErr(t, "Why", l.Why(), errBoom)
		<-l.Over()
		wantErr(t, "running, although it still runs", <-c.ends, doerr.ErrReset, errBoom)
		wantNil(t, "queued", <-queued.ends)
		close(hold)
	})
}

// L10: after a reset the old goroutine's ctx is done, with ErrReset as its cause, and
// whatever it does, the next instance is not touched by it.
func TestL10OldGoroutine(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		free := make(chan struct{})
		var old []error
		c := h.post(func(ctx context.Context, _ *object) error {
			l := life(ctx)
			go l.Abort(context.Background(), errBoom)
			<-ctx.Done()
			<-free
			old = append(old, context.Cause(ctx), h.write(ctx, "no"), l.Check(ctx), l.Sync(ctx),
				await(ctx, nil), l.Block(ctx, nil), l.WaitUntil(ctx, nil), l.Run(ctx, nil))
			return nil
		})
		wantErr(t, "answer", <-c.ends, doerr.ErrReset)
		hold := make(chan struct{})
		second := h.post(func(ctx context.Context, o *object) error { <-hold; return h.write(ctx, "yes") })
		synctest.Wait()
		close(free) // the old one goes on while the next instance runs
		<-c.did
		for i, err := range old {
			if wantErr(t, "old goroutine", err, doerr.ErrReset, errBoom); t.Failed() {
				t.Fatalf("use %d", i)
			}
		}
		close(hold)
		wantNil(t, "second", <-second.ends)
		want(t, "committed", h.committed(), "yes")
		want(t, "instances", h.number(), 2)
	})
}

// L10: while an old call is inside storage, events wait for a second and are then refused
// at once, with a reason of our own; after 10 s it is logged with its stack.
func TestL10StuckInsideStorage(t *testing.T) {
	const text = "an instance that was reset is still inside storage"
	stuck := make(chan struct{})
	set := func(h *host) {
		stuck = make(chan struct{})
		h.recover = func(*actor.ResetError) error { insideStorage(stuck); return nil }
	}
	bubble(t, set, func(t *testing.T, h *host) {
		c := h.post(func(ctx context.Context, _ *object) error { return aborts(ctx) })
		wantErr(t, "answer", <-c.ends, errBoom)
		waits := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		after(999 * time.Millisecond)
		want(t, "refused within the grace", waits.answered(), false)
		after(time.Millisecond)
		want(t, "refused after it", waits.answered(), true)
		why := reason(t, <-waits.ends)
		wantErr(t, "refusal", why, doerr.ErrReset)
		if countOf(why.Error(), "boom") > 0 {
			t.Errorf("the refusal %q tells of the instance", why)
		}
		now := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		want(t, "a new event is refused at once", now.answered(), true)
		after(8 * time.Second)
		want(t, "logged before 10 s", countOf(h.logged(), text), 0)
		after(2 * time.Second)
		want(t, "logged after 10 s", countOf(h.logged(), text), 1)
		want(t, "logged with the stack", countOf(h.logged(), "insideStorage") > 0, true)
		close(stuck)
		synctest.Wait()
		want(t, "the next instance", h.number(), 2)
	})
	bubble(t, func(h *host) { // within the grace nobody notices
		h.recover = func(*actor.ResetError) error { time.Sleep(900 * time.Millisecond); return nil }
	}, func(t *testing.T, h *host) {
		c := h.post(func(ctx context.Context, _ *object) error { return aborts(ctx) })
		wantErr(t, "answer", <-c.ends, errBoom)
		want(t, "the next instance", h.number(), 2)
		time.Sleep(time.Minute)
		want(t, "the instance later", h.number(), 2)
		want(t, "logged", countOf(h.logged(), text), 0)
	})
}

//go:noinline
func insideStorage(stuck <-chan struct{}) { <-stuck }

// L10, T15: if recovery fails, what waits is told, and the next event tries again.
func TestT15RecoveryFails(t *testing.T) {
	fail := true
	bubble(t, func(h *host) {
		h.recover = func(*actor.ResetError) error {
			time.Sleep(time.Millisecond)
			return errBoom
		}
		h.begin = func(*actor.Life) error {
			if fail && h.get(func() int { return h.lives }) > 0 {
				return errBoom
			}
			return nil
		}
	}, func(t *testing.T, h *host) {
		c := h.post(func(ctx context.Context, _ *object) error { return exits(ctx) })
		wantErr(t, "answer", <-c.ends, doerr.ErrReset)
		waits := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		wantErr(t, "what waited", <-waits.ends, doerr.ErrReset, errBoom)
		why := reason(t, h.do(func(context.Context, *object) error { t.Error("it ran"); return nil }))
		wantErr(t, "the next", why, errBoom)
		want(t, "Retryable", why.Retryable, true)
		fail = false
		want(t, "when storage is there again", h.number(), 2)
	})
}

// T15: if recovery fails, whoever waits for it is told, whether or not Begin would do.
func TestT15WhoWaitsForAFailedRecovery(t *testing.T) {
	bubble(t, func(h *host) {
		h.recover = func(*actor.ResetError) error { time.Sleep(time.Millisecond); return errBoom }
	}, func(t *testing.T, h *host) {
		c := h.post(func(ctx context.Context, _ *object) error { return exits(ctx) })
		wantErr(t, "answer", <-c.ends, doerr.ErrReset)
		waits := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		wantErr(t, "what waited", <-waits.ends, doerr.ErrReset, errBoom)
		synctest.Wait()
		want(t, "the next", h.number(), 2)
	})
}

// L7: a reset while nothing runs drops the instance; the mailbox is quiet again after it.
func TestL7ResetWhileIdle(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		c := h.post(func(context.Context, *object) error { return nil })
		wantNil(t, "event", <-c.ends)
		synctest.Wait()
		quiets := h.get(func() int { return h.quiets })
		c.Turn().Life().Abort(t.Context(), errBoom)
		synctest.Wait()
		want(t, "Quiet", h.get(func() int { return h.quiets }), quiets+1)
		want(t, "Running", h.mb.Running(), false)
		want(t, "instance", h.number(), 2)
	})
}

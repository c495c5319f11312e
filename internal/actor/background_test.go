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

// T29: WaitUntil work starts when the commit of the turn that asked is durable, runs
// outside turns and keeps the object in memory; its error is logged.
func TestT29WaitUntil(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		began, end := false, make(chan struct{})
		var l *actor.Life
		c := h.post(func(ctx context.Context, _ *object) error {
			l = life(ctx)
			wantNil(t, "write", h.write(ctx, "1"))
			return l.WaitUntil(ctx, func(ctx context.Context) error {
				began = true
				wantErr(t, "storage", h.write(ctx, "no"), doerr.ErrOutsideTurn)
				wantNil(t, "Run", l.Run(ctx, func(ctx context.Context) error { return h.write(ctx, "2") }))
				h.openAll()
				wantNil(t, "Sync", l.Sync(ctx))
				<-end
				wantNil(t, "ctx", ctx.Err())
				return errBoom
			})
		})
		synctest.Wait()
		want(t, "it ran before the ticket", began, false)
		h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "later") }) // ticket 2: not waited for
		synctest.Wait()
		h.gate.Open(1)
		synctest.Wait()
		want(t, "it ran at the ticket", began, true)
		wantNil(t, "answer", <-c.ends)
		want(t, "TryLeave beside it", h.mb.TryLeave(actor.StopIdle), false)
		quiets := h.get(func() int { return h.quiets })
		close(end)
		synctest.Wait()
		want(t, "Quiet at its end", h.get(func() int { return h.quiets }), quiets+1)
		want(t, "logged", countOf(h.logged(), "boom"), 1)
		want(t, "committed", h.committed(), "1 later 2")
	})
}

// T29: if the turn that asked is undone, by a panic, a failed commit or a failed fsync, the
// work never starts; what an earlier commit point of the event launched does.
func TestT29UndoneTurn(t *testing.T) {
	for _, how := range []string{"panic", "commit", "fsync"} {
		bubble(t, nil, func(t *testing.T, h *host) {
			h.hold()
			earlier := false
			c := h.post(func(ctx context.Context, _ *object) error {
				l := life(ctx)
				wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(context.Context) error { earlier = true; return nil }))
				wantNil(t, "Sync", l.Sync(ctx)) // nothing is pending
				synctestYield()
				wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(context.Context) error { t.Error(how + ": it ran"); return nil }))
				wantNil(t, "write", h.write(ctx, "1"))
				switch how {
				case "panic":
					panic(how)
				case "commit":
					h.set(func() { h.commitErr = errBoom })
				}
				return nil
			})
			after(time.Second)
			if how == "fsync" {
				h.gate.Break(errBoom)
				h.mb.ResetAny(&actor.ResetError{Cause: errBoom, Storage: true})
			}
			wantErr(t, how, <-c.ends, doerr.ErrReset)
			h.openAll()
			synctest.Wait()
			want(t, "the work of the earlier turn ran", earlier, true)
		})
	}
}

// T29, T34.2: a panic or Goexit of the work resets the object; a reset ends its ctx.
func TestT29WorkFails(t *testing.T) {
	for _, fail := range []func(){func() { panic(errBoom) }, runtime.Goexit} {
		bubble(t, nil, func(t *testing.T, h *host) {
			hold := make(chan struct{})
			var causes []error
			c := h.post(func(ctx context.Context, _ *object) error {
				l := life(ctx)
				wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(context.Context) error { <-hold; fail(); return nil }))
				wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					causes = append(causes, context.Cause(ctx), l.WaitUntil(ctx, nil), l.Run(ctx, nil), l.Sync(ctx))
					return nil
				}))
				return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			})
			synctest.Wait()
			busy := make(chan struct{})
			h.post(func(ctx context.Context, _ *object) error {
				l := life(ctx)
				wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(ctx context.Context) error {
					wantErr(t, "Run that was queued", l.Run(ctx, func(context.Context) error { t.Error("it ran"); return nil }), doerr.ErrReset)
					return nil
				}))
				wantNil(t, "Sync", l.Sync(ctx))
				<-busy
				return nil
			})
			synctest.Wait()
			defer close(busy)
			close(hold)
			wantErr(t, "parked", <-c.ends, doerr.ErrReset)
			synctest.Wait()
			want(t, "what the other work saw", len(causes), 4)
			for _, cause := range causes {
				wantErr(t, "ctx and calls of the other work", cause, doerr.ErrReset)
			}
			want(t, "the next instance", h.number(), 2)
		})
	}
}

// L8: work of an older instance is no activity of the present one.
func TestL8WorkOfAnOlderInstance(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		end := make(chan struct{})
		c := h.post(func(ctx context.Context, _ *object) error {
			wantNil(t, "WaitUntil", life(ctx).WaitUntil(ctx, func(context.Context) error { <-end; return nil }))
			return nil
		})
		wantNil(t, "event", <-c.ends)
		c = h.post(func(ctx context.Context, _ *object) error { life(ctx).Abort(ctx, errBoom); return nil })
		wantErr(t, "aborted", <-c.ends, doerr.ErrReset)
		want(t, "the next instance", h.number(), 2)
		synctest.Wait()
		quiets := h.get(func() int { return h.quiets })
		close(end)
		synctest.Wait()
		want(t, "Quiet at the end of the old work", h.get(func() int { return h.quiets }), quiets)
	})
}

// T30: Run is an event: queued in order, of one turn or more; it returns when committed,
// before durable, with fn's own error.
func TestT30Run(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		var l *actor.Life
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error { l = life(ctx); return nil }))
		var s track
		hold := make(chan struct{})
		h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		h.post(noting(&s, "before"))
		ran := make(chan error)
		go func() {
			ran <- l.Run(t.Context(), func(ctx context.Context) error {
				s.add("run")
				wantNil(t, "write", h.write(ctx, "1"))
				h.gate.Open(h.gate.Newest())
				wantNil(t, "wait", await(ctx, func(context.Context) error { h.gate.Open(h.gate.Newest()); return nil }))
				wantNil(t, "write", h.write(ctx, "2"))
				return errBoom
			})
		}()
		synctest.Wait()
		inside := h.post(noting(&s, "after"))
		close(hold)
		synctest.Wait()
		h.gate.Open(1)
		want(t, "Run", <-ran, errBoom)
		want(t, "committed", h.committed(), "1 2")
		want(t, "open tickets", h.gate.Opened(), 1)
		wantNil(t, "one that ran in its wait", <-inside.ends)
		c := h.post(noting(&s, "late"))
		synctest.Wait()
		want(t, "the one after it, which saw its writes, was answered", c.answered(), false)
		h.openAll()
		wantNil(t, "after", <-c.ends)
		want(t, "order", s.String(), "before run after late")
	})
}

// T30 and T34: a Run that waits when its instance is reset is refused; it never runs on
// another instance.
func TestT30RunOfAnOldInstance(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		hold := make(chan struct{})
		var l *actor.Life
		c := h.post(func(ctx context.Context, _ *object) error {
			l = life(ctx)
			<-hold
			panic(errBoom)
		})
		synctest.Wait()
		ran := make(chan error)
		for _, ctx := range []context.Context{context.Background(), t.Context()} {
			go func() {
				ran <- l.Run(ctx, func(context.Context) error { t.Error("it ran"); return nil })
			}()
		}
		synctest.Wait()
		close(hold)
		wantErr(t, "running", <-c.ends, doerr.ErrReset, errBoom)
		wantErr(t, "Run", <-ran, doerr.ErrReset, errBoom)
		wantErr(t, "Run", <-ran, doerr.ErrReset, errBoom)
		want(t, "instance", h.number(), 2)
		wantErr(t, "a late Run", l.Run(t.Context(), nil), doerr.ErrReset)
		wantNil(t, "Leave", h.mb.Leave(t.Context(), actor.StopIdle, true))
		wantErr(t, "Run after the object left", l.Run(t.Context(), nil), doerr.ErrReset)
	})
}

// T31: Sync commits, waits for the newest ticket and lets nobody in; at once if nothing is
// pending; later writes are not covered.
func TestT31Sync(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		var s track
		c := h.post(func(ctx context.Context, _ *object) error {
			l := life(ctx)
			wantNil(t, "Sync with nothing pending", l.Sync(ctx))
			wantNil(t, "write", h.write(ctx, "1"))
			wantNil(t, "Sync", l.Sync(ctx))
			s.add("synced")
			return h.write(ctx, "2")
		})
		h.post(noting(&s, "other"))
		synctest.Wait()
		want(t, "committed", h.committed(), "1")
		want(t, "what ran before the ticket", s.String(), "")
		h.gate.Open(1)
		synctest.Wait()
		want(t, "order", s.String(), "synced other")
		want(t, "answered before the second ticket", c.answered(), false)
		h.openAll()
		wantNil(t, "answer", <-c.ends)
	})
}

// T31: from WaitUntil and Await it only waits; a reset ends it with its reason.
func TestT31SyncOutside(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		var sync error
		c := h.post(func(ctx context.Context, _ *object) error {
			l := life(ctx)
			wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(ctx context.Context) error {
				time.Sleep(time.Second)
				sync = l.Sync(ctx)
				return nil
			}))
			wantNil(t, "Sync", l.Sync(ctx))
			wantNil(t, "write", h.write(ctx, "1"))
			return nil
		})
		after(2 * time.Second)
		l := life(c.Turn())
		want(t, "answered", c.answered(), false)
		l.Abort(context.Background(), errBoom)
		synctest.Wait()
		wantErr(t, "Sync", sync, doerr.ErrReset, errBoom)
		h.openAll()
		wantNil(t, "answer", <-c.ends)
	})
}

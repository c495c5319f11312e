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

// L21, T34.12: Kill answers whatever runs, waits or is parked with ErrClosed, at once,
// undoes what was not committed, and comes back when storage is closed.
func TestT34_12Kill(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold() // the gate does not open any more
		parked := h.post(func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "kept"))
			return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
		})
		synctest.Wait()
		var work error
		hold := make(chan struct{})
		running := h.post(func(ctx context.Context, _ *object) error {
			l := life(ctx)
			wantNil(t, "WaitUntil", l.WaitUntil(ctx, func(ctx context.Context) error { <-ctx.Done(); work = context.Cause(ctx); return nil }))
			h.gate.Open(1)
			wantNil(t, "Sync", l.Sync(ctx))
			synctestYield()
			wantNil(t, "write", h.write(ctx, "durable some time"))
			go func() { _ = l.Sync(ctx) }()
			synctestYield()
			wantNil(t, "write", h.write(ctx, "lost"))
			<-hold
			return h.write(ctx, "lost")
		})
		queued := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		after(time.Second)
		told := make(chan struct{})
		h.recover = func(*actor.ResetError) error { <-told; return nil }
		killed := make(chan struct{})
		go func() { h.mb.Kill(canceled()); close(killed) }()
		synctest.Wait()
		for name, c := range map[string]*call{"parked": parked, "running": running, "queued": queued} {
			want(t, name+" is answered at once", c.answered(), true)
		}
		close(told)
		<-killed
		for name, c := range map[string]*call{"parked": parked, "running": running, "queued": queued} {
			why := reason(t, <-c.ends)
			wantErr(t, name, why, doerr.ErrClosed, context.Canceled)
			want(t, name+" is ErrReset too", errors.Is(why, doerr.ErrReset), false)
		}
		want(t, "Post", h.do(nothing), actor.ErrGone)
		close(hold)
		synctest.Wait()
		wantErr(t, "WaitUntil work", work, doerr.ErrClosed)
		want(t, "committed", h.committed(), "kept durable some time")
	})
}

// T34.12: whatever is under way, Kill waits for it, closes storage once, and events that
// come meanwhile get ErrClosed.
func TestT34_12KillMeanwhile(t *testing.T) {
	slow := func() { time.Sleep(time.Minute) }
	for name, prepare := range map[string]func(t *testing.T, h *host){
		"nothing ever": func(*testing.T, *host) {},
		"idle":         func(t *testing.T, h *host) { wantNil(t, "event", h.do(nothing)) },
		"no instance": func(t *testing.T, h *host) {
			wantErr(t, "event", h.do(func(ctx context.Context, _ *object) error { return aborts(ctx) }), errBoom)
		},
		"recovering": func(t *testing.T, h *host) {
			h.recover = func(*actor.ResetError) error { slow(); return nil }
			h.post(func(ctx context.Context, _ *object) error { return aborts(ctx) })
		},
		"beginning": func(t *testing.T, h *host) { h.begin = func(*actor.Life) error { slow(); return nil }; h.post(nothing) },
		"begin fails": func(t *testing.T, h *host) {
			h.begin = func(*actor.Life) error { slow(); return errBoom }
			h.post(nothing)
		},
		"constructing": func(t *testing.T, h *host) {
			h.construct = func(context.Context, *actor.Life) (any, error) { slow(); return nil, nil }
			h.post(nothing)
		},
		"leaving": func(t *testing.T, h *host) {
			h.leave = func() error { slow(); return nil }
			wantNil(t, "event", h.do(nothing))
			h.mb.TryLeave(actor.StopIdle)
		},
		"cannot leave": func(t *testing.T, h *host) {
			h.leave = func() error { slow(); return errBoom }
			wantNil(t, "event", h.do(nothing))
		},
		"stopping": func(t *testing.T, h *host) {
			h.stop = func(context.Context, actor.StopReason) error { slow(); return nil }
			wantNil(t, "event", h.do(nothing))
			h.mb.TryLeave(actor.StopIdle)
		},
		"in a chore": func(t *testing.T, h *host) { h.set(func() { h.chore = slow }); wantNil(t, "event", h.do(nothing)) },
		"exclusive": func(t *testing.T, h *host) {
			wantNil(t, "event", h.do(nothing))
			synctest.Wait()
			want(t, "TryExclusive", h.mb.TryExclusive(func() { defer h.alone("exclusive")(); slow() }), true)
		},
		"killed already": func(t *testing.T, h *host) { h.leave = func() error { slow(); return nil }; go h.mb.Kill(canceled()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				prepare(t, h)
				synctest.Wait()
				killed := make(chan struct{})
				go func() { h.mb.Kill(canceled()); close(killed) }()
				synctest.Wait()
				if err := h.do(nothing); !errors.Is(err, doerr.ErrClosed) && err != actor.ErrGone {
					t.Errorf("an event after Kill = %v", err)
				}
				<-killed
				want(t, "Post", h.do(nothing), actor.ErrGone)
				want(t, "Retired", h.get(func() int { return h.retired }), 1)
				after(time.Hour)
			})
		})
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

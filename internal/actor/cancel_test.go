package actor_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/doerr"
)

// T10: a caller that gives up while its event is queued: it never starts.
func TestT10GivesUpQueued(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		hold := make(chan struct{})
		first := h.post(func(context.Context, *object) error { <-hold; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		c := h.postCtx(ctx, func(context.Context, *object) error { t.Error("it ran"); return nil })
		synctest.Wait()
		cancel()
		wantErr(t, "the caller, at once", <-c.ends, context.Canceled)
		close(hold)
		wantNil(t, "first", <-first.ends)
	})
}

// T10: also when the object is free before the caller has noticed.
func TestT10NeverStartsForACallerWhoHasGone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			hold := make(chan struct{})
			first := h.post(func(context.Context, *object) error { <-hold; return nil })
			c := h.postCtx(ctx, func(context.Context, *object) error { t.Error("it ran"); return nil })
			synctest.Wait()
			cancel()
			close(hold)
			wantErr(t, "the caller", <-c.ends, context.Canceled)
			wantNil(t, "first", <-first.ends)
		}
		want(t, "the instance", h.number(), 1)
	})
	bubble(t, nil, func(t *testing.T, h *host) { // nothing is built for it either
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := h.event(ctx, func(context.Context, *object) error { t.Error("it ran"); return nil })
		wantErr(t, "Do", h.mb.Do(ctx, &c.Event), context.Canceled)
		synctest.Wait()
		want(t, "instances", h.get(func() int { return h.lives }), 0)
		want(t, "Running", h.mb.Running(), false)
		if h.get(func() int { return h.quiets }) == 0 {
			t.Error("Quiet was not called: the mailbox would stay for ever")
		}
	})
}

// T10: a caller that gives up while its event runs gets its error at once; the event goes
// on, its writes stay, its answer is dropped, once, and after the task has returned.
func TestT10GivesUpRunning(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		c := h.postCtx(ctx, func(ctx context.Context, _ *object) error {
			<-hold
			return h.write(ctx, "1")
		})
		synctest.Wait()
		cancel()
		wantErr(t, "the caller, at once", <-c.ends, context.Canceled)
		want(t, "dropped while it runs", c.dropped(), 0)
		close(hold)
		want(t, "the next event's instance", h.number(), 1)
		synctest.Wait()
		want(t, "committed", h.committed(), "1")
		want(t, "dropped", c.dropped(), 1)
	})
}

// T10 and T34.3: the caller has gone and the object is reset while the task still runs: its
// answer is dropped by nobody but itself, when it is there.
func TestT10ResetWhileItRuns(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		ctx, cancel := context.WithCancel(t.Context())
		hold, began := make(chan struct{}), make(chan struct{})
		c := h.postCtx(ctx, func(ctx context.Context, _ *object) error {
			l := life(ctx)
			go func() { <-began; l.Abort(context.Background(), errBoom) }()
			<-hold
			return nil
		})
		synctest.Wait()
		cancel()
		wantErr(t, "the caller", <-c.ends, context.Canceled)
		close(began)
		synctest.Wait()
		want(t, "dropped while it runs", c.dropped(), 0)
		close(hold)
		<-c.did
		synctest.Wait()
		want(t, "dropped", c.dropped(), 1)
		want(t, "the next instance", h.number(), 2)
	})
}

// T10: an answer is dropped once too when its caller goes while the gate holds it, whether
// the ticket opens or breaks.
func TestT10GivesUpAtTheGate(t *testing.T) {
	for _, breaks := range []bool{false, true} {
		bubble(t, nil, func(t *testing.T, h *host) {
			h.hold()
			ctx, cancel := context.WithCancel(t.Context())
			c := h.postCtx(ctx, func(ctx context.Context, _ *object) error { return h.write(ctx, "1") })
			synctest.Wait()
			cancel()
			wantErr(t, "the caller", <-c.ends, context.Canceled)
			want(t, "dropped before the ticket", c.dropped(), 0)
			if breaks {
				h.gate.Break(errBoom)
			}
			h.openAll()
			synctest.Wait()
			want(t, "dropped", c.dropped(), 1)
		})
	}
}

// A panic of Drop does not end the process: it is user code, a body's Close for one.
func TestT10DropPanics(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		c := &panicky{call: h.event(ctx, func(context.Context, *object) error { <-hold; return nil })}
		c.Init(c)
		wantNil(t, "Post", h.mb.Post(&c.Event))
		synctest.Wait()
		cancel()
		wantErr(t, "the caller", h.mb.Wait(ctx, &c.Event), context.Canceled)
		close(hold)
		synctest.Wait()
		want(t, "logged", countOf(h.logged(), "drop panics"), 1)
		want(t, "the instance", h.number(), 1)
	})
}

type panicky struct{ *call }

func (*panicky) Drop() { panic("drop panics") }

// L13: at most QueueLimit events wait; internal ones, resumed ones and those whose callers
// have gone do not count, and Run does (T30).
func TestL13QueueLimit(t *testing.T) {
	bubble(t, func(h *host) { h.limit = 3 }, func(t *testing.T, h *host) {
		wake := make(chan struct{})
		var l0 func(context.Context, func(context.Context) error) error
		var parked []*call
		for range 4 {
			parked = append(parked, h.post(func(ctx context.Context, _ *object) error {
				l0 = life(ctx).Run
				return await(ctx, until(wake))
			}))
			synctest.Wait()
		}
		hold := make(chan struct{})
		running := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		ran := func(context.Context, *object) error { return nil }
		ctx, cancel := context.WithCancel(t.Context())
		a, b := h.postCtx(ctx, ran), h.post(ran)
		run := make(chan error, 1)
		go func() { run <- l0(t.Context(), func(context.Context) error { return nil }) }()
		synctest.Wait()
		over := h.post(ran)
		wantErr(t, "the fourth that waits, at once", <-over.ends, doerr.ErrOverloaded) // T17: not held
		wantErr(t, "Run over the limit", l0(t.Context(), func(context.Context) error { return nil }), doerr.ErrOverloaded)
		close(wake) // four resume
		synctest.Wait()
		internal := h.event(t.Context(), ran)
		internal.Internal = true
		wantNil(t, "an internal one", h.mb.Post(&internal.Event))
		cancel()
		wantErr(t, "the caller who gives up", <-a.ends, context.Canceled)
		c := h.post(ran) // in its place
		synctest.Wait()
		over = h.post(ran)
		wantErr(t, "one more", <-over.ends, doerr.ErrOverloaded)
		close(hold)
		for _, e := range append(parked, running, b, c) {
			wantNil(t, "answer", <-e.ends)
		}
		wantNil(t, "Run", <-run)
		wantNil(t, "internal", h.mb.Wait(t.Context(), &internal.Event))
		for range 2 { // the count is back at zero
			wantNil(t, "later", h.do(ran))
		}
	})
}

// L13, N19: callers that come and go while the object is stuck leave nothing behind.
func TestL13GoneCallersDoNotPileUp(t *testing.T) {
	bubble(t, func(h *host) { h.limit = 2 }, func(t *testing.T, h *host) {
		hold := make(chan struct{})
		stuck := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		var s track
		first := h.post(noting(&s, "first"))
		for range 10_000 {
			ctx, cancel := context.WithCancel(t.Context())
			c := h.postCtx(ctx, func(context.Context, *object) error { t.Error("it ran"); return nil })
			cancel()
			wantErr(t, "a caller who has gone", <-c.ends, context.Canceled)
		}
		if n := h.mb.QueueLen(); n > 200 {
			t.Errorf("%d events of callers who have gone are kept", n)
		}
		last := h.post(noting(&s, "last"))
		close(hold)
		wantNil(t, "stuck", <-stuck.ends)
		wantNil(t, "first", <-first.ends)
		wantNil(t, "last", <-last.ends)
		want(t, "order", s.String(), "first last")
	})
}

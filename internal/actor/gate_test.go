package actor_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// T13, T17: the answer of an event waits for the newest ticket before it, also of one that
// only read; an event that wrote nothing takes none.
func TestT17AnswersAreHeld(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		nothing := func(context.Context, *object) error { return nil }
		wantNil(t, "before any commit", h.do(nothing))
		want(t, "tickets", h.gate.Newest(), 0)
		h.hold()
		w := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "1") })
		r := h.post(nothing)
		synctest.Wait()
		if w.answered() || r.answered() {
			t.Error("an answer left before what it rests on was durable")
		}
		h.gate.Open(1)
		wantNil(t, "writer", <-w.ends)
		wantNil(t, "reader", <-r.ends)
	})
}

// T18, T12, T34.1: a returned error commits and is held like any answer.
func TestT18ReturnedErrorIsHeld(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		c := h.post(func(ctx context.Context, o *object) error {
			wantNil(t, "write", h.write(ctx, "1"))
			return errBoom
		})
		synctest.Wait()
		want(t, "committed", h.committed(), "1")
		want(t, "answered before the ticket", c.answered(), false)
		h.openAll()
		want(t, "answer", <-c.ends, errBoom)
		want(t, "FromTask", c.FromTask(), true)
		want(t, "instance", h.number(), 1)
		wantErr(t, "answer of a reset", h.do(func(ctx context.Context, _ *object) error {
			life(ctx).Abort(ctx, errBoom)
			return nil
		}), errBoom)
	})
}

// T18: ErrReset after a panic, an Abort or a constructor's failure is held: its text may
// tell of what is not durable yet. So is what queued events are told of it.
func TestT18ResetIsHeld(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"panic": func(context.Context) error { panic("42 apples") },
		"abort": func(ctx context.Context) error { life(ctx).Abort(ctx, errBoom); return nil },
		"section": func(ctx context.Context) error {
			return life(ctx).Block(ctx, func(context.Context) error { return errBoom })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				wantNil(t, "event", h.do(func(context.Context, *object) error { return nil }))
				h.hold()
				hold := make(chan struct{})
				h.post(func(ctx context.Context, _ *object) error { <-hold; return h.write(ctx, "1") })
				c := h.post(func(ctx context.Context, _ *object) error { return fail(ctx) })
				queued := h.post(func(ctx context.Context, _ *object) error { return nil })
				synctest.Wait()
				close(hold)
				synctest.Wait()
				want(t, "answered before the ticket", c.answered(), false)
				want(t, "queued answered before the ticket", queued.answered(), false)
				h.openAll()
				wantErr(t, "answer", <-c.ends, doerr.ErrReset)
				want(t, "FromTask", c.FromTask(), false)
				<-queued.ends
			})
		})
	}
}

// T18, T34.7: ErrReset after a failed commit is sent at once; older commits are kept.
func TestT18FailedCommitIsSentAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		older := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "older") })
		synctest.Wait()
		told := make(chan struct{})
		h.recover = func(why *actor.ResetError) error {
			<-told
			h.openAll() // the older one becomes durable
			return nil
		}
		c := h.post(func(ctx context.Context, _ *object) error {
			h.set(func() { h.commitErr = errBoom })
			return h.write(ctx, "lost")
		})
		why := reason(t, <-c.ends)
		close(told)
		wantErr(t, "answer", why, doerr.ErrReset, errBoom)
		if !why.Retryable || !why.Storage || why.Overloaded || why.Constructor { // L24.5
			t.Errorf("%+v, want Retryable and Storage", why)
		}
		wantNil(t, "older", <-older.ends)
		want(t, "committed", h.committed(), "older")
		want(t, "instance", h.number(), 2)
	})
}

// T34.7: a commit that fails at a wait, at Sync or at the entry of a section resets as well,
// whatever the handler makes of it.
func TestT34_7CommitFailsInside(t *testing.T) {
	for name, point := range map[string]func(ctx context.Context) error{
		"wait": func(ctx context.Context) error { return await(ctx, func(context.Context) error { return nil }) },
		"Sync": func(ctx context.Context) error { return life(ctx).Sync(ctx) },
		"section": func(ctx context.Context) error {
			return life(ctx).Block(ctx, func(context.Context) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				c := h.post(func(ctx context.Context, _ *object) error {
					wantNil(t, "write", h.write(ctx, "lost"))
					h.set(func() { h.commitErr = errBoom })
					wantErr(t, name, point(ctx), doerr.ErrReset, errBoom)
					wantErr(t, name+" again", point(ctx), doerr.ErrReset, errBoom)
					return nil
				})
				queued := h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 2); return nil })
				wantErr(t, "answer", <-c.ends, doerr.ErrReset, errBoom)
				wantNil(t, "queued", <-queued.ends)
				want(t, "committed", h.committed(), "")
			})
		})
	}
}

// T34.8: a failed fsync answers what is held, what runs and what is parked with ErrReset;
// queued events go to the next instance, whose answers are not touched by it.
func TestT34_8FsyncFails(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		parked := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
		})
		synctest.Wait()
		held := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "1") })
		waits := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(context.Context) error { t.Error("it ran"); return nil })
		})
		synctest.Wait()
		hold := make(chan struct{})
		running := h.post(func(ctx context.Context, _ *object) error { <-hold; return nil })
		synctest.Wait()
		queued := h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 2); return nil })
		h.gate.Break(errBoom)
		h.mb.ResetAny(&actor.ResetError{Cause: errBoom, Storage: true, Retryable: true})
		for name, c := range map[string]*call{"held": held, "parked": parked, "waits": waits, "running": running} {
			wantErr(t, name, <-c.ends, doerr.ErrReset, errBoom)
		}
		close(hold)
		wantNil(t, "queued", <-queued.ends)
	})
}

// T34.8: whoever finds a ticket broken, a wait or Sync, resets the object without being told.
func TestT34_8BrokenTicketIsFound(t *testing.T) {
	for name, point := range map[string]func(ctx context.Context) error{
		"wait": func(ctx context.Context) error { return await(ctx, func(context.Context) error { return nil }) },
		"Sync": func(ctx context.Context) error { return life(ctx).Sync(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				h.hold()
				c := h.post(func(ctx context.Context, _ *object) error {
					wantNil(t, "write", h.write(ctx, "1"))
					wantErr(t, name, point(ctx), doerr.ErrReset, errBoom)
					wantErr(t, "write", h.write(ctx, "2"), doerr.ErrReset)
					return nil
				})
				synctest.Wait()
				h.gate.Break(errBoom)
				wantErr(t, "answer", <-c.ends, doerr.ErrReset, errBoom)
				want(t, "instance", h.number(), 2)
			})
		})
	}
}

// T34.8: ResetAny ends the life of the moment of the call, not one that begins after it.
func TestT34_8LateReport(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the report's goroutine comes late
	bubble(t, nil, func(t *testing.T, h *host) {
		h.mb.ResetAny(&actor.ResetError{Cause: errBoom}) // there is none: nothing happens
		want(t, "instance", h.number(), 1)
		hold := make(chan struct{})
		c := h.post(func(ctx context.Context, _ *object) error {
			h.mb.ResetAny(&actor.ResetError{Cause: errBoom})
			panic(errBoom) // one of the two is first
		})
		next := h.post(func(_ context.Context, o *object) error { <-hold; return nil })
		wantErr(t, "answer", <-c.ends, doerr.ErrReset, errBoom)
		synctest.Wait()
		close(hold)
		wantNil(t, "the next instance, which the report is not about", <-next.ends)
		want(t, "instances", h.number(), 2)
	})
}

// T16, T34.8: the Host says what a failure of storage means for callers.
func TestT16Failure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.mb = actor.New(actor.Options{Host: h, Gate: &h.gate, Failure: func(err error) *actor.ResetError {
			return &actor.ResetError{Cause: err, Storage: true, Overloaded: true}
		}})
		h.hold()
		c := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "1") })
		synctest.Wait()
		h.gate.Break(errBoom)
		why := reason(t, <-c.ends)
		want(t, "Overloaded", why.Overloaded, true)
		want(t, "Retryable", why.Retryable, false)
		wantNil(t, "Leave", h.mb.Leave(t.Context(), actor.StopClose, true))
	})
}

// T19: code outside turns lets nothing out before what was written is durable.
func TestT19WaitDurable(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		var l *actor.Life
		c := h.post(func(ctx context.Context, _ *object) error { l = life(ctx); return h.write(ctx, "1") })
		synctest.Wait()
		out := make(chan error, 2)
		go func() { out <- l.WaitDurable(context.Background()) }()
		synctest.Wait()
		want(t, "out before the ticket", len(out), 0)
		h.openAll()
		wantNil(t, "WaitDurable", <-out)
		wantNil(t, "answer", <-c.ends)
		h.hold()
		h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "2") })
		synctest.Wait()
		go func() { out <- l.WaitDurable(context.Background()) }()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		want(t, "WaitDurable of one who gives up", l.WaitDurable(ctx), context.Canceled)
		synctest.Wait()
		h.gate.Break(errBoom)
		wantErr(t, "WaitDurable", <-out, doerr.ErrReset, errBoom)
	})
}

// T15, T34.8: an answer rests on the tickets of its own time. A commit that is lost while its
// event ends is never answered for, though the recovery opens a newer ticket at once.
func TestT15AnswerOfALostCommit(t *testing.T) {
	h := newHost(t, nil)
	h.hold()
	for round := range 20_000 {
		before := h.gate.Newest()
		lives := make(chan *actor.Life, 1)
		c := h.post(func(ctx context.Context, _ *object) error {
			lives <- life(ctx)
			return h.write(ctx, "1")
		})
		l := <-lives
		for h.gate.Newest() == before {
			runtime.Gosched()
		}
		h.mb.Reset(l, &actor.ResetError{Cause: errBoom, Storage: true})
		if err := <-c.ends; err == nil {
			t.Fatalf("round %d: a lost commit was answered for", round)
		}
	}
}

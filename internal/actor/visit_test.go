package actor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// fence runs work behind a fence, in the background.
func (h *host) fence(ctx context.Context, work func(l *actor.Life)) <-chan error {
	end := make(chan error, 1)
	go func() {
		end <- h.mb.Fenced(ctx, func(l *actor.Life) {
			defer h.alone("fence")()
			work(l)
		})
	}()
	synctest.Wait()
	return end
}

// L15, T34.10: a fence lets events that began end, parked ones too, and holds back queued and
// new ones, which go to the next instance. WaitUntil work is not waited for, Stop not called.
func TestL15Fence(t *testing.T) {
	set := func(h *host) {
		h.stop = func(context.Context, actor.StopReason) error {
			if h.get(func() int { return h.lives }) == 1 {
				t.Error("Stop before the fence")
			}
			return nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		var s track
		hold, wake, work, cut := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		parked := h.post(func(ctx context.Context, o *object) error {
			wantNil(t, "WaitUntil", life(ctx).WaitUntil(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				close(cut)
				return nil
			}))
			err := await(ctx, until(wake))
			s.add("resumed")
			want(t, "instance", o.number, 1)
			return err
		})
		synctest.Wait()
		running := h.post(func(context.Context, *object) error { <-hold; s.add("ran"); return nil })
		synctest.Wait()
		queued := h.post(func(_ context.Context, o *object) error {
			s.add("queued")
			want(t, "instance of what was queued", o.number, 2)
			return nil
		})
		end := h.fence(t.Context(), func(l *actor.Life) {
			<-cut
			s.add("fenced")
			wantErr(t, "the life of before", l.Why(), doerr.ErrReset)
			want(t, "fenced", h.isFenced(l), true)
			<-work
		})
		late := h.post(noting(&s, "late"))
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), false)
		close(hold)
		wantNil(t, "running", <-running.ends)
		synctest.Wait()
		want(t, "order", s.String(), "ran")
		close(wake)
		wantNil(t, "parked", <-parked.ends)
		synctest.Wait()
		want(t, "order", s.String(), "ran resumed fenced")
		want(t, "queued is answered", queued.answered(), false)
		close(work)
		wantNil(t, "the fence", <-end)
		wantNil(t, "queued", <-queued.ends)
		wantNil(t, "late", <-late.ends)
		want(t, "order", s.String(), "ran resumed fenced queued late")
	})
}

// L15: without an instance there is nothing to wait for, and when ctx ends before the fence
// has its turn nothing has changed.
func TestL15FenceAlone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "fence", <-h.fence(t.Context(), func(l *actor.Life) { want(t, "life", l, nil) }))
		hold := make(chan struct{})
		running := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		end := h.fence(ctx, func(*actor.Life) { t.Error("it ran") })
		second := h.fence(ctx, func(*actor.Life) { t.Error("the second ran") })
		queued := h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 1); return nil })
		cancel()
		wantErr(t, "fence", <-end, context.Canceled)
		wantErr(t, "second fence", <-second, context.Canceled)
		close(hold)
		wantNil(t, "running", <-running.ends)
		wantNil(t, "queued", <-queued.ends)
		wantNil(t, "Leave", h.mb.Leave(t.Context(), actor.StopIdle, false))
		want(t, "fence of what is gone", h.mb.Fenced(t.Context(), func(*actor.Life) {}), actor.ErrGone)
		want(t, "visit of what is gone", h.mb.Between(t.Context(), func(*actor.Life) {}), actor.ErrGone)
	})
}

// L15: what an event that began waits for passes the fence: a call that comes back to the
// object, queued before the fence or after it, and the instance's own Run.
func TestL15FenceLetsThrough(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		hold, go1, go2 := make(chan struct{}), make(chan struct{}), make(chan struct{})
		back := func(ctx context.Context) error {
			return <-h.postCtx(ctx, func(_ context.Context, o *object) error {
				want(t, "instance", o.number, 1)
				return nil
			}).ends
		}
		first := h.post(func(ctx context.Context, _ *object) error { return await(ctx, back) })
		second := h.post(func(ctx context.Context, _ *object) error {
			<-hold // the call of the first is queued
			return await(ctx, func(ctx context.Context) error {
				<-go1
				return back(ctx)
			})
		})
		synctest.Wait()
		third := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				<-go2
				return actor.Outside(ctx).Run(t.Context(), func(context.Context) error { return nil })
			})
		})
		go close(hold)
		synctest.Wait()
		end := h.fence(t.Context(), func(*actor.Life) {})
		close(go1)
		wantNil(t, "first", <-first.ends)
		wantNil(t, "second", <-second.ends)
		close(go2)
		wantNil(t, "third", <-third.ends)
		wantNil(t, "fence", <-end)
	})
}

// L15: what was let through is not forgotten when the fence is taken back.
func TestL15FenceTakenBack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		hold, back := make(chan struct{}), make(chan struct{})
		var s track
		caller := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				<-back
				return <-h.postCtx(ctx, noting(&s, "back")).ends
			})
		})
		synctest.Wait()
		running := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		queued := h.post(noting(&s, "queued"))
		ctx, cancel := context.WithCancel(t.Context())
		end := h.fence(ctx, func(*actor.Life) { t.Error("it ran") })
		close(back)
		synctest.Wait()
		cancel()
		wantErr(t, "fence", <-end, context.Canceled)
		close(hold)
		for _, c := range []*call{caller, running, queued} {
			wantNil(t, "event", <-c.ends)
		}
		want(t, "order", s.String(), "back queued")
	})
}

// L15: who waits for the object's end from inside it gets ErrDeadlock: in a wait of its own
// event, by way of another object, and when two objects fence each other.
func TestL15FenceDeadlock(t *testing.T) {
	never := func(*actor.Life) { t.Error("it ran") }
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				want(t, "own fence", h.mb.Fenced(ctx, never), doerr.ErrDeadlock)
				return nil
			})
		}))
		g := newHost(t, nil)
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				return <-g.postCtx(ctx, func(ctx context.Context, _ *object) error {
					return await(ctx, func(ctx context.Context) error {
						want(t, "fence of the caller", h.mb.Fenced(ctx, never), doerr.ErrDeadlock)
						return nil
					})
				}).ends
			})
		}))
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			return life(ctx).Block(ctx, func(ctx context.Context) error {
				return await(ctx, func(ctx context.Context) error {
					want(t, "Between in a blocked section", h.mb.Between(ctx, func(*actor.Life) { t.Error("it ran") }), doerr.ErrDeadlock)
					return nil
				})
			})
		}))
		var deadlocks int
		fences := func(own, other *host) *call {
			return own.post(func(ctx context.Context, _ *object) error {
				return await(ctx, func(ctx context.Context) error {
					time.Sleep(time.Second)
					err := other.mb.Fenced(ctx, func(*actor.Life) {})
					if err == doerr.ErrDeadlock {
						h.set(func() { deadlocks++ })
						return nil
					}
					return err
				})
			})
		}
		a, b := fences(h, g), fences(g, h)
		wantNil(t, "one", <-a.ends)
		wantNil(t, "the other", <-b.ends)
		if n := h.get(func() int { return deadlocks }); n == 0 {
			t.Error("two objects that fence each other did not notice")
		}
		wantNil(t, "Leave", g.mb.Leave(t.Context(), actor.StopClose, true))
	})
}

// L15: an event may wait for a call of another object without any chain of callers that
// shows it. After 5 s such calls pass.
func TestL15FenceRelents(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		g := newHost(t, nil)
		hold := make(chan struct{})
		of := g.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				<-hold
				return <-h.postCtx(ctx, nothing).ends // behind the fence of h
			})
		})
		synctest.Wait()
		waits := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error { // for the end of the event of g
				return g.mb.Fenced(ctx, func(*actor.Life) {})
			})
		})
		synctest.Wait()
		began := time.Now()
		end := h.fence(t.Context(), func(*actor.Life) {})
		close(hold)
		wantNil(t, "fence", <-end)
		want(t, "it took", time.Since(began), 5*time.Second)
		wantNil(t, "event", <-waits.ends)
		wantNil(t, "event of the other", <-of.ends)
		wantNil(t, "Leave", g.mb.Leave(t.Context(), actor.StopClose, true))
	})
}

// A visit comes between two turns and before what is queued, beside parked events, and not
// in a blocked section.
func TestL18Between(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		hold, wake := make(chan struct{}), make(chan struct{})
		parked := h.post(func(ctx context.Context, _ *object) error {
			return life(ctx).Block(ctx, func(ctx context.Context) error { return await(ctx, until(wake)) })
		})
		synctest.Wait()
		visit := func(name string) <-chan error {
			end := make(chan error, 1)
			go func() {
				end <- h.mb.Between(t.Context(), func(*actor.Life) { defer h.alone(name)(); time.Sleep(time.Second); s.add(name) })
			}()
			synctest.Wait()
			return end
		}
		first := visit("first")
		time.Sleep(time.Minute / 4)
		want(t, "in a blocked section", s.String(), "")
		running := h.post(func(context.Context, *object) error { <-hold; s.add("ran"); return nil })
		close(wake)
		wantNil(t, "first", <-first)
		wantNil(t, "parked", <-parked.ends)
		synctest.Wait() // the next event runs
		second, third := visit("second"), visit("third")
		queued := h.post(noting(&s, "queued"))
		close(hold)
		wantNil(t, "second", <-second)
		wantNil(t, "third", <-third)
		wantNil(t, "running", <-running.ends)
		wantNil(t, "queued", <-queued.ends)
		want(t, "order", s.String(), "first ran second third queued")
		want(t, "instances", h.get(func() int { return h.lives }), 1)
	})
}

// T34.12: Kill refuses what was let through a fence, too, and the fence has its turn.
func TestT34_12KillBehindAFence(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		hold, back := make(chan struct{}), make(chan struct{})
		var through *call
		caller := h.post(func(ctx context.Context, _ *object) error {
			return await(ctx, func(ctx context.Context) error {
				<-back
				through = h.postCtx(ctx, func(context.Context, *object) error { t.Error("it ran"); return nil })
				return <-through.ends
			})
		})
		synctest.Wait()
		running := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		end := h.fence(t.Context(), func(*actor.Life) {})
		close(back)
		synctest.Wait()
		h.mb.Kill(canceled())
		wantNil(t, "fence", <-end)
		for _, c := range []*call{caller, running} {
			want(t, "Closed", reason(t, <-c.ends).Closed, true)
		}
		close(hold)
	})
}

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

// T26, T34.5: an error, a panic or Goexit of a blocked section, or 30 s, resets the object,
// whatever the handler makes of it; parked and queued events get the same.
func TestT26SectionFails(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"T34.5 error":  func(context.Context) error { return errBoom },
		"T34.5 panic":  func(context.Context) error { panic(errBoom) },
		"T34.5 Goexit": func(context.Context) error { runtime.Goexit(); return nil },
		"T34.5 30 s":   func(context.Context) error { time.Sleep(time.Minute); return nil }, // N12
		"T34.5 30 s in a wait": func(ctx context.Context) error {
			return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *host) {
				began := time.Now()
				parked := h.post(func(ctx context.Context, _ *object) error {
					return await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
				})
				synctest.Wait()
				hold := make(chan struct{})
				c := h.post(func(ctx context.Context, _ *object) error {
					defer func() { _ = recover() }() // swallowing it does not help
					<-hold
					wantNil(t, "write", h.write(ctx, "before"))
					_ = life(ctx).Block(ctx, func(ctx context.Context) error {
						wantNil(t, "write", h.write(ctx, "inside"))
						return fail(ctx)
					})
					wantErr(t, "write after the section", h.write(ctx, "after"), doerr.ErrReset)
					return nil
				})
				queued := h.post(func(context.Context, *object) error { t.Error("a queued event ran"); return nil })
				synctest.Wait()
				close(hold)
				why := reason(t, <-c.ends)
				wantErr(t, "running", why, doerr.ErrReset)
				want(t, "running's reason is that of the parked one", reason(t, <-parked.ends) == why, true)
				want(t, "and of the queued one", reason(t, <-queued.ends) == why, true)
				timed := time.Since(began) > 0
				want(t, "Overloaded (L24.4)", why.Overloaded, timed)
				want(t, "Constructor", why.Constructor, false)
				if timed {
					want(t, "the limit", time.Since(began), 30*time.Second)
				}
				want(t, "the next instance (L14)", h.number(), 2)
				committed := "before"
				if name == "T34.5 30 s in a wait" {
					committed = "before inside" // a wait is a commit point
				}
				want(t, "committed", h.committed(), committed)
				after(time.Minute) // the handler that was cut off returns
			})
		})
	}
}

// T26: 30 s count per outermost section, and end with it.
func TestT26LimitEndsWithTheSection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			for range 3 {
				if err := life(ctx).Block(ctx, func(context.Context) error { time.Sleep(29 * time.Second); return nil }); err != nil {
					return err
				}
			}
			time.Sleep(time.Hour)
			return nil
		}))
	})
}

// T27: a chain that comes back to an object that it blocks is answered at once; one that
// comes back to an object that only waits is served.
func TestT27Deadlock(t *testing.T) {
	bubble(t, nil, func(t *testing.T, a *host) {
		b := newHost(t, nil)
		via := func(ctx context.Context) error { // a → b → a
			return await(ctx, func(ctx context.Context) error {
				there := b.event(ctx, func(ctx context.Context, _ *object) error {
					if actor.Outside(ctx) != nil {
						t.Error("a turn passes for the wait of its caller")
					}
					return await(ctx, func(ctx context.Context) error {
						back := a.event(ctx, func(context.Context, *object) error { return nil })
						return a.mb.Do(ctx, &back.Event)
					})
				})
				return b.mb.Do(ctx, &there.Event)
			})
		}
		wantNil(t, "through a waiting object", a.do(func(ctx context.Context, _ *object) error { return via(ctx) }))
		began := time.Now()
		wantNil(t, "event", a.do(func(ctx context.Context, _ *object) error {
			return life(ctx).Block(ctx, func(ctx context.Context) error {
				wantErr(t, "through a blocked object", via(ctx), doerr.ErrDeadlock)
				wantErr(t, "Run in its wait", await(ctx, func(inner context.Context) error {
					return actor.Outside(inner).Run(inner, func(context.Context) error { return nil })
				}), doerr.ErrDeadlock)
				return nil
			})
		}))
		want(t, "time", time.Since(began), 0)
		wantNil(t, "Leave", b.mb.Leave(t.Context(), actor.StopClose, true))
	})
}

// T27: Run inside a turn, and a constructor whose chain comes back.
func TestT27RunInATurn(t *testing.T) {
	set := func(h *host) {
		h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
			wantErr(h.t, "Run in the constructor", l.Run(ctx, nil), doerr.ErrDeadlock)
			wantErr(h.t, "a call from the constructor to itself", await(ctx, func(ctx context.Context) error {
				e := h.event(ctx, nil)
				return h.mb.Do(ctx, &e.Event)
			}), doerr.ErrDeadlock)
			return nil, nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			wantErr(t, "Run in a turn", life(ctx).Run(ctx, nil), doerr.ErrDeadlock)
			return await(ctx, func(inner context.Context) error {
				return life(ctx).Run(inner, func(ctx context.Context) error { return h.write(ctx, "run") })
			})
		}))
		want(t, "committed", h.committed(), "run")
	})
}

// T28, L2: the constructor runs once, as a blocked section of the first event's turn; its
// ctx is a turn's and dead when it has returned.
func TestT28Constructor(t *testing.T) {
	var kept context.Context
	set := func(h *host) {
		h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
			kept = ctx
			if err := h.write(ctx, "made"); err != nil {
				return nil, err
			}
			return nil, await(ctx, func(context.Context) error { time.Sleep(29 * time.Second); return nil })
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		var s track
		a, b := h.post(noting(&s, "a")), h.post(noting(&s, "b"))
		after(time.Second)
		want(t, "what ran beside the constructor", s.String(), "")
		want(t, "committed at its wait", h.committed(), "made")
		wantNil(t, "a", <-a.ends)
		wantNil(t, "b", <-b.ends)
		want(t, "order", s.String(), "a b")
		want(t, "constructed", h.number(), 1)
		wantErr(t, "its ctx later", life(kept).Check(kept), doerr.ErrOutsideTurn)
		wantErr(t, "its ctx later", kept.Err(), context.Canceled)
		time.Sleep(time.Minute) // the limit has ended with it
		want(t, "instance", h.number(), 1)
	})
}

// T34.4, L12: whatever fails in the constructor, all queued events get that error, and the
// next one tries again.
func TestT34_4ConstructorFails(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"error":  func(context.Context) error { return errBoom },
		"panic":  func(context.Context) error { panic(errBoom) },
		"Goexit": func(context.Context) error { runtime.Goexit(); return nil },
		"30 s":   func(context.Context) error { time.Sleep(time.Minute); return errBoom },
		"section": func(ctx context.Context) error {
			_ = life(ctx).Block(ctx, func(context.Context) error { return errBoom })
			return nil
		},
		"a wait of its own runs": func(ctx context.Context) error {
			go func() { _ = await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }) }()
			synctestYield()
			return nil
		},
		"a section of its own runs": func(ctx context.Context) error {
			go func() {
				_ = life(ctx).Block(ctx, func(ctx context.Context) error { <-life(ctx).Over(); return nil })
			}()
			synctestYield()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			broken := true
			set := func(h *host) {
				h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
					if !broken {
						return nil, nil
					}
					time.Sleep(time.Millisecond) // all are queued
					if err := h.write(ctx, "lost"); err != nil {
						return nil, err
					}
					return nil, fail(ctx)
				}
			}
			bubble(t, set, func(t *testing.T, h *host) {
				var all []*call
				for range 3 {
					all = append(all, h.post(func(context.Context, *object) error { t.Error("it ran"); return nil }))
				}
				for _, c := range all {
					why := reason(t, <-c.ends)
					want(t, "Constructor (L24.3)", why.Constructor, true)
					want(t, "Overloaded", why.Overloaded, name == "30 s")
				}
				broken = false
				want(t, "the next instance", h.number(), 2)
				if name != "section" && name != "a wait of its own runs" && name != "a section of its own runs" { // commit points
					want(t, "committed", h.committed(), "")
				}
				time.Sleep(2 * time.Minute)
				want(t, "the instance later", h.number(), 2)
			})
		})
	}
}

// L10: a reset ends the ctx of a constructor as well.
func TestL10ConstructorIsCut(t *testing.T) {
	var cause error
	set := func(h *host) {
		h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
			if h.get(func() int { return h.lives }) == 1 {
				<-ctx.Done()
				cause = context.Cause(ctx)
			}
			return nil, nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		why := reason(t, h.do(nothing))
		want(t, "Overloaded", why.Overloaded, true)
		want(t, "instance", h.number(), 2)
		wantErr(t, "cause", cause, why)
	})
}

// T34.3 and T34.4: Abort in the constructor is an Abort: queued events go to the next one.
func TestT34_3AbortInConstructor(t *testing.T) {
	set := func(h *host) {
		h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
			if h.get(func() int { return h.lives }) == 1 {
				l.Abort(ctx, errBoom)
				h.t.Error("Abort returned in a turn")
			}
			return nil, nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		hold := make(chan struct{})
		h.set(func() { h.manual = false })
		a := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		b := h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 2); return nil })
		close(hold)
		wantErr(t, "the first", <-a.ends, doerr.ErrReset, errBoom)
		wantNil(t, "the second", <-b.ends)
	})
}

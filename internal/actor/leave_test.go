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

func nothing(context.Context, *object) error { return nil }

// L4, L5, T34.11: a quiet object leaves after its Stop; what Stop wrote is saved before the
// next constructor, and events that arrive meanwhile wait for the next instance.
func TestL5Leaving(t *testing.T) {
	var s track
	closing := make(chan struct{})
	set := func(h *host) {
		closing = make(chan struct{})
		h.stop = func(ctx context.Context, why actor.StopReason) error {
			s.add("stop")
			want(h.t, "reason", why, actor.StopIdle)
			return h.write(ctx, "stopped") // L9: Stop is a turn
		}
		h.leave = func() error {
			if h.get(func() int { return h.lives }) == 1 {
				s.add("leave")
				<-closing
			}
			return nil
		}
		h.construct = func(context.Context, *actor.Life) (any, error) { s.add("new"); return nil, nil }
	}
	bubble(t, set, func(t *testing.T, h *host) {
		h.stop = h.onceStop(h.stop)
		first := h.post(nothing)
		wantNil(t, "event", <-first.ends)
		synctest.Wait()
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), true)
		synctest.Wait()
		a, b := h.post(noting(&s, "a")), h.post(noting(&s, "b"))
		synctest.Wait()
		want(t, "order", s.String(), "new stop leave")
		want(t, "committed before the next constructor", h.committed(), "stopped")
		want(t, "TryLeave twice", h.mb.TryLeave(actor.StopIdle), false)
		wantErr(t, "the old instance", first.Turn().Life().Check(first.Turn()), doerr.ErrReset)
		close(closing)
		wantNil(t, "a", <-a.ends)
		wantNil(t, "b", <-b.ends)
		want(t, "order", s.String(), "new stop leave new a b")
	})
}

// onceStop is stop for the first call only.
func (h *host) onceStop(stop func(context.Context, actor.StopReason) error) func(context.Context, actor.StopReason) error {
	n := 0
	return func(ctx context.Context, why actor.StopReason) error {
		if n++; n > 1 {
			return nil
		}
		return stop(ctx, why)
	}
}

// L1: an object that left is gone: its mailbox says so, and Retired was called.
func TestL1Gone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		want(t, "Running before", h.mb.Running(), false)
		wantNil(t, "event", h.do(nothing))
		want(t, "Running", h.mb.Running(), true)
		var l *actor.Life
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error { l = life(ctx); return nil }))
		wantNil(t, "Leave", h.mb.Leave(t.Context(), actor.StopIdle, false))
		<-l.Over()
		want(t, "Running after", h.mb.Running(), false)
		want(t, "Post", h.do(nothing), actor.ErrGone)
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), false)
		want(t, "TryExclusive", h.mb.TryExclusive(func() {}), false)
		wantNil(t, "Leave again", h.mb.Leave(t.Context(), actor.StopClose, true))
		wantNil(t, "WaitQuiet", h.mb.WaitQuiet(t.Context()))
	})
}

// L8: activity is what runs, waits, is parked or held; the end of each is told by Quiet.
func TestL8Activity(t *testing.T) {
	for _, name := range []string{"running", "parked", "constructor", "held body", "WaitUntil", "exclusive", "chore"} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			wait := func(context.Context) error { <-end; return nil }
			set := func(h *host) {
				end = make(chan struct{})
				h.construct = func(ctx context.Context, _ *actor.Life) (any, error) {
					if name == "constructor" {
						return nil, await(ctx, wait)
					}
					return nil, nil
				}
			}
			bubble(t, set, func(t *testing.T, h *host) {
				h.post(func(ctx context.Context, _ *object) error {
					switch name {
					case "running":
						return wait(ctx)
					case "parked":
						return await(ctx, wait)
					case "held body":
						release := life(ctx).Hold()
						go func() { <-end; release(); release() }()
					case "WaitUntil":
						return life(ctx).WaitUntil(ctx, wait)
					case "chore":
						h.set(func() { h.chore = func() { <-end } })
					}
					return nil
				})
				synctest.Wait()
				if name == "exclusive" {
					want(t, "TryExclusive", h.mb.TryExclusive(func() { <-end }), true)
				}
				quiets := h.get(func() int { return h.quiets })
				want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), false)
				quiet := make(chan error, 1)
				go func() { quiet <- h.mb.WaitQuiet(t.Context()) }()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				want(t, "Leave", h.mb.Leave(ctx, actor.StopIdle, false), context.DeadlineExceeded)
				want(t, "WaitQuiet is back", len(quiet), 0)
				close(end)
				wantNil(t, "WaitQuiet", <-quiet)
				synctest.Wait()
				want(t, "Quiet", h.get(func() int { return h.quiets }), quiets+1)
				want(t, "instances", h.get(func() int { return h.lives }), 1)
				want(t, "TryLeave at last", h.mb.TryLeave(actor.StopIdle), true)
			})
		})
	}
}

// L5: a reset that comes when the object has just begun to leave goes first.
func TestL5ResetComesFirst(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that leaving begins late
	bubble(t, func(h *host) {
		h.recover = func(*actor.ResetError) error { time.Sleep(500 * time.Millisecond); return nil }
		h.leave = func() error { time.Sleep(500 * time.Millisecond); return nil }
		h.stop = func(context.Context, actor.StopReason) error {
			t.Error("Stop of an instance that was reset")
			return nil
		}
	}, func(t *testing.T, h *host) {
		c := h.post(nothing)
		wantNil(t, "event", <-c.ends)
		synctest.Wait()
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), true)
		c.Turn().Life().Abort(t.Context(), errBoom)
		h.stop = nil
		want(t, "the next instance", h.number(), 2)
	})
}

// L9, N18: Stop has 10 s, waits included, lets nobody in, and its failures are logged; the
// object leaves all the same.
func TestL9StopFails(t *testing.T) {
	for name, stop := range map[string]func(ctx context.Context, h *host) error{
		"error":  func(ctx context.Context, h *host) error { _ = h.write(ctx, "kept"); return errBoom },
		"panic":  func(ctx context.Context, h *host) error { _ = h.write(ctx, "lost"); panic(errBoom) },
		"Goexit": func(ctx context.Context, _ *host) error { return exits(ctx) },
		"Abort":  func(ctx context.Context, _ *host) error { return aborts(ctx) },
		"commit": func(ctx context.Context, h *host) error {
			h.set(func() { h.commitErr = errBoom })
			return nil
		},
		"10 s": func(ctx context.Context, h *host) error {
			_ = h.write(ctx, "lost")
			time.Sleep(time.Minute)
			return nil
		},
		"10 s in a wait": func(ctx context.Context, _ *host) error { return await(ctx, until(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			set := func(h *host) {
				h.stop = func(ctx context.Context, _ actor.StopReason) error { return stop(ctx, h) }
				h.stop = h.onceStop(h.stop)
			}
			bubble(t, set, func(t *testing.T, h *host) {
				first := h.post(nothing)
				wantNil(t, "event", <-first.ends)
				began := time.Now()
				gone := make(chan error)
				go func() { gone <- h.mb.Leave(t.Context(), actor.StopIdle, false) }()
				synctest.Wait()
				late := name == "10 s" || name == "10 s in a wait"
				var c *call
				if late {
					time.Sleep(9 * time.Second)
					c = h.post(func(_ context.Context, o *object) error { want(t, "instance", o.number, 2); return nil })
					synctest.Wait()
					want(t, "it waits for the next instance", c.answered(), false)
				}
				wantNil(t, "Leave", <-gone)
				wantErr(t, "the old instance", first.Turn().Life().Check(first.Turn()), doerr.ErrReset)
				if late {
					want(t, "Stop had", time.Since(began), 10*time.Second)
					wantNil(t, "the event that waited", <-c.ends)
				}
				if countOf(h.logged(), "boom") == 0 && countOf(h.logged(), "10 s") == 0 && countOf(h.logged(), "Goexit") == 0 {
					t.Errorf("not logged: %q", h.logged())
				}
				want(t, "committed", h.committed(), map[bool]string{true: "kept"}[name == "error"])
				after(time.Minute)
			})
		})
	}
}

// L10: while storage of a leaving object recovers, and that takes long, events are refused.
func TestL10LeavingIsStuck(t *testing.T) {
	free, tries := make(chan struct{}), 0
	set := func(h *host) {
		free = make(chan struct{})
		h.leave = func() error {
			if tries++; tries == 1 {
				return errBoom
			}
			<-free
			return nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(nothing))
		synctest.Wait()
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), true)
		waits := h.post(func(context.Context, *object) error { t.Error("it ran"); return nil })
		after(999 * time.Millisecond)
		want(t, "refused within the grace", waits.answered(), false)
		after(time.Millisecond)
		wantErr(t, "what waited", <-waits.ends, doerr.ErrReset)
		wantErr(t, "a new event", h.do(nothing), doerr.ErrReset)
		close(free)
		synctest.Wait()
		want(t, "Post", h.do(nothing), actor.ErrGone)
	})
}

// N18: an idle object whose Stop takes longer than 10 s leaves then.
func TestN18LateStop(t *testing.T) {
	bubble(t, func(h *host) {
		h.stop = func(context.Context, actor.StopReason) error { time.Sleep(time.Minute); return nil }
	}, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(nothing))
		synctest.Wait()
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), true)
		after(9 * time.Second)
		want(t, "Running", h.mb.Running(), true)
		after(time.Second)
		want(t, "Post", h.do(nothing), actor.ErrGone)
		after(time.Minute)
	})
}

// L1: Leave with retire is back when the Host has been told, whoever asks, and storage is
// closed once.
func TestL1LeaveWaitsForRetired(t *testing.T) {
	told, leaves := make(chan struct{}), 0
	set := func(h *host) {
		told = make(chan struct{})
		h.retire = func() { <-told }
		h.leave = func() error { leaves++; return nil }
	}
	bubble(t, set, func(t *testing.T, h *host) {
		back := make(chan error, 2)
		for range 2 {
			go func() { back <- h.mb.Leave(t.Context(), actor.StopClose, true) }()
			synctest.Wait()
		}
		want(t, "back before the Host was told", len(back), 0)
		close(told)
		wantNil(t, "Leave", <-back)
		wantNil(t, "Leave", <-back)
		want(t, "storage was closed", leaves, 1)
	})
}

// L9: WaitUntil work that Stop asks for is waited for; Stop is called again only if an
// event has run since.
func TestL9WaitUntilInStop(t *testing.T) {
	stops := 0
	end := make(chan struct{})
	set := func(h *host) {
		end = make(chan struct{})
		h.stop = func(ctx context.Context, _ actor.StopReason) error {
			stops++
			l := life(ctx)
			return l.WaitUntil(ctx, func(ctx context.Context) error {
				<-end
				return l.Run(ctx, func(ctx context.Context) error { return h.write(ctx, "bye") })
			})
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(nothing))
		gone := make(chan error)
		go func() { gone <- h.mb.Leave(t.Context(), actor.StopIdle, false) }()
		synctest.Wait()
		want(t, "Stop was called", stops, 1)
		want(t, "an event in between", h.number(), 1)
		close(end)
		wantNil(t, "Leave", <-gone)
		want(t, "Stop was called", stops, 2)
		want(t, "committed", h.committed(), "bye bye")
	})
}

// T15, L16: storage that cannot be closed keeps the object in memory, so that nobody opens
// the same files beside it; it is tried again. Only a mailbox to be retired gives up.
func TestT15LeaveFails(t *testing.T) {
	for _, retire := range []bool{false, true} {
		tries, broken := 0, true
		set := func(h *host) {
			h.leave = func() error {
				if tries++; broken {
					return errBoom
				}
				return nil
			}
		}
		bubble(t, set, func(t *testing.T, h *host) {
			wantNil(t, "event", h.do(nothing))
			quiets := h.get(func() int { return h.quiets })
			wantNil(t, "Leave", h.mb.Leave(t.Context(), actor.StopClose, retire))
			synctest.Wait()
			want(t, "tries", tries, 2)
			want(t, "Running", h.mb.Running(), false)
			if retire {
				want(t, "Post", h.do(nothing), actor.ErrGone)
				return
			}
			want(t, "Quiet, to try again", h.get(func() int { return h.quiets }), quiets+1)
			broken = false
			want(t, "the next instance", h.number(), 2)
		})
	}
}

// L21: Leave with retire goes on while events come, until there are none.
func TestL21LeaveWhileEventsCome(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.leave = func() error { time.Sleep(time.Second); return nil }
		n := 0
		go func() {
			for h.do(func(context.Context, *object) error { n++; return nil }) == nil {
				if n == 5 {
					return
				}
				time.Sleep(700 * time.Millisecond) // the next comes while the object leaves
			}
		}()
		synctest.Wait()
		done := make(chan error, 3)
		for range 3 {
			go func() { done <- h.mb.Leave(t.Context(), actor.StopClose, true) }()
		}
		for range 3 {
			wantNil(t, "Leave", <-done)
		}
		want(t, "events that ran", n, 5)
	})
}

package actor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// L18: exclusive work runs between turns only, parked ones included, and what comes
// meanwhile waits for it.
func TestL18Exclusive(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		hold, wake, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
		parked := h.post(func(ctx context.Context, _ *object) error {
			err := await(ctx, until(wake))
			s.add("resumed")
			return err
		})
		synctest.Wait()
		running := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		want(t, "beside an event", h.mb.TryExclusive(func() { s.add("never") }), false)
		close(hold)
		wantNil(t, "running", <-running.ends)
		synctest.Wait()
		want(t, "beside a parked one", h.mb.TryExclusive(func() { s.add("begun"); <-end; s.add("ended") }), true)
		want(t, "twice", h.mb.TryExclusive(func() { s.add("never") }), false)
		c := h.post(noting(&s, "event"))
		close(wake)
		synctest.Wait()
		want(t, "order", s.String(), "begun")
		close(end)
		wantNil(t, "event", <-c.ends)
		wantNil(t, "parked", <-parked.ends)
		want(t, "order", s.String(), "begun ended resumed event")
	})
}

// T16, N21: the Host's chore runs between turns, at the end of an event and in a wait, also
// in that of a blocked section; the turn comes back after it.
func TestT16Chore(t *testing.T) {
	for _, blocked := range []bool{false, true} {
		bubble(t, nil, func(t *testing.T, h *host) {
			var s track
			chore := func(name string) {
				h.set(func() {
					h.chore = func() { time.Sleep(time.Second); s.add(name) }
				})
			}
			wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
				chore("in a wait")
				use := func(ctx context.Context) error {
					return await(ctx, func(context.Context) error { s.add("asked"); return nil })
				}
				if blocked {
					wantNil(t, "Block", life(ctx).Block(ctx, use))
				} else {
					wantNil(t, "Wait", use(ctx))
				}
				s.add("back")
				chore("at the end")
				return nil
			}))
			c := h.post(noting(&s, "next"))
			wantNil(t, "next", <-c.ends)
			want(t, "order", s.String(), "asked in a wait back at the end next")
		})
	}
}

// L10, T15: a reset in the middle of the Host's own work on storage does not let recovery
// in beside it, nor the next instance before it. (The fake fails if two are at work.)
func TestT15RecoveryWaitsForTheHost(t *testing.T) {
	for _, work := range []string{"exclusive", "chore", "begin", "begin fails"} {
		t.Run(work, func(t *testing.T) {
			slow := func() { time.Sleep(500 * time.Millisecond) }
			begins := 0
			set := func(h *host) {
				h.begin = func(*actor.Life) error {
					if begins++; begins == 1 {
						slow()
						if work == "begin fails" {
							return errBoom
						}
					}
					return nil
				}
			}
			bubble(t, set, func(t *testing.T, h *host) {
				c := h.post(func(ctx context.Context, _ *object) error {
					if work == "chore" {
						h.set(func() { h.chore = slow })
					}
					return nil
				})
				if work == "exclusive" || work == "chore" {
					wantNil(t, "event", <-c.ends)
				}
				after(time.Millisecond)
				if work == "exclusive" {
					want(t, "TryExclusive", h.mb.TryExclusive(func() { defer h.alone("exclusive")(); slow() }), true)
				}
				after(time.Millisecond)
				l := c.Turn().Life()
				l.Abort(t.Context(), errBoom)
				if work == "begin" || work == "begin fails" {
					wantErr(t, "the first event", <-c.ends, doerr.ErrReset, errBoom)
				}
				began := time.Now()
				if work == "begin fails" {
					want(t, "instance", h.number(), 1)
				} else {
					h.number()
				}
				if wait := time.Since(began); wait < 400*time.Millisecond {
					t.Errorf("the next instance came after %v, beside the Host's work", wait)
				}
				want(t, "fenced", h.isFenced(l), work != "begin fails")
			})
		})
	}
}

// L2: an error of Begin answers all that wait, and the next event tries again.
func TestL2BeginFails(t *testing.T) {
	broken := true
	set := func(h *host) {
		h.begin = func(*actor.Life) error {
			time.Sleep(time.Millisecond)
			if broken {
				return errBoom
			}
			return nil
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		var all []*call
		for range 3 {
			all = append(all, h.post(func(context.Context, *object) error { t.Error("it ran"); return nil }))
		}
		for _, c := range all {
			why := reason(t, <-c.ends)
			wantErr(t, "answer", why, doerr.ErrReset, errBoom)
			want(t, "Storage", why.Storage, true)
		}
		broken = false
		want(t, "the next", h.number(), 1)
	})
}

// T34.2: a Host that panics resets the object; the process and the mailbox live on.
func TestT34_2HostPanics(t *testing.T) {
	broken := true
	bubble(t, func(h *host) {
		h.begin = func(*actor.Life) error {
			if broken {
				broken = false
				panic(errBoom)
			}
			return nil
		}
	}, func(t *testing.T, h *host) {
		wantErr(t, "answer", h.do(nothing), doerr.ErrReset, errBoom)
		want(t, "the next", h.number(), 1)
	})
}

package actor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

// tell posts an event that nobody waits for; its answer is noted.
func (h *host) tell(s *track, name string, set func(*actor.Event), fn func(context.Context, *object) error) *call {
	c := h.event(context.Background(), fn)
	c.Tell(func(err error) {
		switch {
		case err == nil:
			s.add(name + ":told")
		case errors.Is(err, doerr.ErrReset):
			s.add(name + ":reset")
		default:
			s.add(name + ":" + err.Error())
		}
	})
	if set != nil {
		set(&c.Event)
	}
	wantNil(h.t, "Post", h.mb.Post(&c.Event))
	return c
}

func patient(e *actor.Event) { e.Patient = true }

// W9, L13: patient events stand outside a full queue, come in by their order, and are answered
// by what answers the queue.
func TestW9PatientEvents(t *testing.T) {
	bubble(t, func(h *host) { h.limit = 2 }, func(t *testing.T, h *host) {
		var s track
		hold := make(chan struct{})
		first := h.post(func(context.Context, *object) error { <-hold; return nil })
		synctest.Wait()
		for i := range 5 {
			h.tell(&s, fmt.Sprint("p", i), patient, nothing)
		}
		synctest.Wait()
		wantErr(t, "a call beside them", <-h.post(nothing).ends, doerr.ErrOverloaded)
		want(t, "queued", h.mb.QueueLen(), 2)
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), false)
		close(hold)
		wantNil(t, "first", <-first.ends)
		synctest.Wait()
		want(t, "order", s.String(), "p0:told p1:told p2:told p3:told p4:told")

		hold = make(chan struct{})
		h.post(func(ctx context.Context, o *object) error {
			<-hold
			return life(ctx).Block(ctx, func(context.Context) error { return errBoom })
		})
		synctest.Wait()
		for i := range 4 {
			h.tell(&s, fmt.Sprint("q", i), patient, nothing)
		}
		close(hold)
		synctest.Wait()
		want(t, "order", s.String(), "p0:told p1:told p2:told p3:told p4:told q0:reset q1:reset q2:reset q3:reset")
		wantNil(t, "the next event", h.do(nothing))
	})
}

// W9: OnWait is called once, at the first wait; an answer that is told is not held (T30).
func TestW9OnWait(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		h.hold()
		wake, again := make(chan struct{}), make(chan struct{})
		h.tell(&s, "waits", func(e *actor.Event) { e.OnWait(func() { s.add("first wait") }) }, func(ctx context.Context, _ *object) error {
			s.add("runs")
			if err := await(ctx, until(wake)); err != nil {
				return err
			}
			if err := await(ctx, until(again)); err != nil {
				return err
			}
			return h.write(ctx, "word")
		})
		synctest.Wait()
		want(t, "order", s.String(), "runs first wait")
		close(wake)
		synctest.Wait()
		close(again)
		synctest.Wait()
		want(t, "order", s.String(), "runs first wait waits:told")
		h.tell(&s, "panics", func(e *actor.Event) { e.OnWait(func() { s.add("never") }) }, func(context.Context, *object) error { panic("boom") })
		synctest.Wait()
		want(t, "order", s.String(), "runs first wait waits:told panics:reset")
	})
}

// W12: a turn is open from its beginning to its commit, in the constructor, after each wait and
// after each commit in its middle; never between turns.
func TestW12TurnOpen(t *testing.T) {
	var s track
	note := func(ctx context.Context, where string) {
		if !life(ctx).TurnOpen() {
			s.add(where)
		}
	}
	set := func(h *host) {
		h.construct = func(ctx context.Context, l *actor.Life) (any, error) {
			note(ctx, "constructor")
			err := await(ctx, func(context.Context) error { return nil })
			note(ctx, "after a wait of the constructor")
			return nil, err
		}
	}
	bubble(t, set, func(t *testing.T, h *host) {
		var l *actor.Life
		err := h.do(func(ctx context.Context, _ *object) error {
			l = life(ctx)
			note(ctx, "event")
			err := await(ctx, func(context.Context) error {
				if l.TurnOpen() {
					s.add("open while it waits")
				}
				return nil
			})
			note(ctx, "after a wait")
			err = errors.Join(err, l.Sync(ctx))
			note(ctx, "after Sync")
			return errors.Join(err, l.Block(ctx, func(ctx context.Context) error { note(ctx, "blocked"); return nil }))
		})
		wantNil(t, "event", err)
		synctest.Wait()
		if l.TurnOpen() {
			s.add("open after it")
		}
		want(t, "wrong", s.String(), "")
	})
}

// L6, W19: a mailbox that somebody needs is not retired when its instance leaves, and Ended is
// told of resets only.
func TestL6Stays(t *testing.T) {
	var s track
	needed := true
	set := func(h *host) {
		needed = true
		h.stays = func() bool { return needed }
		h.ended = func(_ *actor.Life, why *actor.ResetError) { s.add("ended:" + why.Cause.Error()) }
	}
	bubble(t, set, func(t *testing.T, h *host) {
		want(t, "first instance", h.number(), 1)
		synctest.Wait()
		want(t, "TryLeave", h.mb.TryLeave(actor.StopIdle), true)
		synctest.Wait()
		want(t, "Running", h.mb.Running(), false)
		want(t, "retired", h.get(func() int { return h.retired }), 0)
		want(t, "next instance, same mailbox", h.number(), 2)
		wantErr(t, "Abort", h.do(func(ctx context.Context, _ *object) error { life(ctx).Abort(ctx, errBoom); return nil }), doerr.ErrReset)
		synctest.Wait()
		want(t, "ended", s.String(), "ended:boom")
		needed = false
		want(t, "TryLeave of a mailbox without instance", h.mb.TryLeave(actor.StopIdle), true)
		synctest.Wait()
		want(t, "retired", h.get(func() int { return h.retired }), 1)
	})
}

package actor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// T1: events start in the order in which they arrive.
func TestT1OrderOfArrival(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		hold := make(chan struct{})
		first := h.post(func(context.Context, *object) error { <-hold; return nil })
		var last *call
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			last = h.post(noting(&s, name))
		}
		synctest.Wait()
		want(t, "what ran beside the first", s.String(), "")
		close(hold)
		wantNil(t, "first", <-first.ends)
		wantNil(t, "last", <-last.ends)
		want(t, "order", s.String(), "a b c d e")
	})
}

// T1: an event whose wait is over goes before all that have not started, and such events
// keep their order among themselves.
func TestT1ResumedBeforeNew(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		var parked []*call
		var wakes []chan struct{}
		for _, name := range []string{"p", "q", "r"} {
			wake := make(chan struct{})
			wakes = append(wakes, wake)
			parked = append(parked, h.post(func(ctx context.Context, _ *object) error {
				err := await(ctx, until(wake))
				s.add(name)
				return err
			}))
			synctest.Wait()
		}
		hold := make(chan struct{})
		h.post(func(context.Context, *object) error { <-hold; s.add("running"); return nil })
		last := h.post(noting(&s, "new"))
		synctest.Wait()
		for _, i := range []int{1, 2, 0} {
			close(wakes[i])
			synctest.Wait()
		}
		want(t, "what ran beside the running one", s.String(), "")
		close(hold)
		wantNil(t, "last", <-last.ends)
		for _, c := range parked {
			wantNil(t, "parked", <-c.ends)
		}
		want(t, "order", s.String(), "running q r p new")
	})
}

// T3: at a wait what is open commits, others run, and the code of the wait starts only
// when the commit is durable.
func TestT3Wait(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		var s track
		release := make(chan struct{})
		c := h.post(func(ctx context.Context, o *object) error {
			wantNil(t, "write", h.write(ctx, "before"))
			err := await(ctx, func(ctx context.Context) error {
				s.add("asked")
				return until(release)(ctx)
			})
			s.add("back")
			wantNil(t, "write after the wait", h.write(ctx, "after"))
			return err
		})
		synctest.Wait()
		want(t, "committed at the wait", h.committed(), "before")
		other := h.post(noting(&s, "other"))
		synctest.Wait()
		want(t, "before the ticket opens", s.String(), "other")
		h.openAll()
		synctest.Wait()
		want(t, "after the ticket opened", s.String(), "other asked")
		close(release)
		wantNil(t, "answer", <-c.ends)
		wantNil(t, "the other's answer", <-other.ends)
		want(t, "order", s.String(), "other asked back")
		want(t, "committed", h.committed(), "before after")
	})
}

// T14: a wait and an answer are held by the newest ticket before them, not by later commits.
func TestT14LaterCommitsDoNotDelay(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		asked := false
		waits := h.post(func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "1"))
			return await(ctx, func(context.Context) error { asked = true; return nil })
		})
		reads := h.post(func(context.Context, *object) error { return nil }) // sees ticket 1
		synctest.Wait()
		writes := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "2") })
		synctest.Wait()
		want(t, "the wait's code ran before ticket 1", asked, false)
		want(t, "a reader was answered before ticket 1", reads.answered(), false)
		h.gate.Open(1)
		synctest.Wait()
		want(t, "the wait's code ran at ticket 1", asked, true)
		want(t, "the reader was answered at ticket 1", reads.answered(), true)
		want(t, "the writer was answered at ticket 1", writes.answered(), false)
		want(t, "what only saw ticket 2 was answered at ticket 1", waits.answered(), false)
		h.openAll()
		wantNil(t, "writer", <-writes.ends)
		wantNil(t, "waiter", <-waits.ends)
	})
}

// T14: not even if they come between the turn's end and the wait's beginning.
func TestT14CommitInBetween(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		h.hold()
		asked := false
		parked := false
		caller := &nosyContext{Context: t.Context()}
		caller.look = func() {
			if parked { // its turn has just ended
				parked = false
				c := h.post(func(ctx context.Context, _ *object) error { return h.write(ctx, "2") })
				<-c.did
				synctestYield()
			}
		}
		c := h.event(caller, func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "1"))
			parked = true
			return await(ctx, func(context.Context) error { asked = true; return nil })
		})
		wantNil(t, "Post", h.mb.Post(&c.Event))
		after(time.Second)
		want(t, "committed", h.committed(), "1 2")
		h.gate.Open(1)
		synctest.Wait()
		want(t, "the wait's code ran at its own ticket", asked, true)
	})
}

// nosyContext tells when somebody asks for Done.
type nosyContext struct {
	context.Context
	look func()
}

func (c *nosyContext) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

// T25: no other event runs until a blocked section ends, not even in its waits, and a turn
// whose wait ended meanwhile comes back after it, before new ones.
func TestT25BlockedSection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		wake, inner := make(chan struct{}), make(chan struct{})
		parked := h.post(func(ctx context.Context, _ *object) error {
			err := await(ctx, until(wake))
			s.add("resumed")
			return err
		})
		synctest.Wait()
		blocker := h.post(func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "1"))
			err := life(ctx).Block(ctx, func(ctx context.Context) error {
				want(t, "committed at the entry", h.committed(), "1")
				err := await(ctx, until(inner))
				s.add("inside")
				return err
			})
			s.add("outside")
			return err
		})
		last := h.post(noting(&s, "new"))
		synctest.Wait()
		close(wake)
		synctest.Wait()
		want(t, "what ran beside the section", s.String(), "")
		want(t, "TryExclusive beside a section", h.mb.TryExclusive(func() {}), false)
		close(inner)
		for _, c := range []*call{parked, blocker, last} {
			wantNil(t, "answer", <-c.ends)
		}
		want(t, "order", s.String(), "inside outside resumed new")
	})
}

// T25 and T23: sections nest, to a depth of 64, and only the outermost one lets others in.
func TestT25Nesting(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		var s track
		depth := 0
		c := h.post(func(ctx context.Context, _ *object) error {
			var nest func(ctx context.Context) error
			nest = func(ctx context.Context) error {
				depth++
				err := life(ctx).Block(ctx, nest)
				if depth == 64 {
					wantErr(t, "section 65", err, doerr.ErrTooDeep)
					depth++
				}
				return await(ctx, func(context.Context) error { return nil })
			}
			err := life(ctx).Block(ctx, nest)
			s.add("blocker")
			return err
		})
		last := h.post(noting(&s, "new"))
		wantNil(t, "blocker", <-c.ends)
		wantNil(t, "new", <-last.ends)
		want(t, "order", s.String(), "blocker new")
	})
}

// T25: inside a Transaction a section commits nothing.
func TestT25InTransaction(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *host) {
		wantNil(t, "event", h.do(func(ctx context.Context, _ *object) error {
			wantNil(t, "write", h.write(ctx, "1"))
			h.set(func() { h.inTx = true })
			err := life(ctx).Block(ctx, func(context.Context) error { return nil })
			want(t, "committed inside the Transaction", h.committed(), "")
			h.set(func() { h.inTx = false })
			return err
		}))
	})
}

// T8: what is no wait holds the object, whatever it waits for. A turn of over 30 s is
// logged, once, with its stack; waits and recoveries are no turns.
func TestT8LongTurnIsLogged(t *testing.T) {
	const text = "a turn has held its object for over 30s"
	bubble(t, nil, func(t *testing.T, h *host) {
		count := func() int { return countOf(h.logged(), text) }
		h.post(func(context.Context, *object) error { time.Sleep(9 * time.Second); return nil })
		c := h.post(func(ctx context.Context, _ *object) error {
			time.Sleep(25 * time.Second)
			err := await(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
			time.Sleep(25 * time.Second)
			return err
		})
		wantNil(t, "answer", <-c.ends)
		want(t, "turns of 9 and 25 s and a wait of 60 s were logged", count(), 0)
		c = h.post(func(context.Context, *object) error { heldByTheTest(2 * time.Minute); return nil })
		after(29 * time.Second)
		want(t, "logged before 30 s", count(), 0)
		after(12 * time.Second)
		want(t, "logged after 41 s", count(), 1)
		wantNil(t, "answer", <-c.ends)
		want(t, "logged after 120 s", count(), 1)
		if countOf(h.logged(), "heldByTheTest") == 0 {
			t.Error("the log does not show where the turn is")
		}
	})
}

//go:noinline
func heldByTheTest(d time.Duration) { time.Sleep(d) }

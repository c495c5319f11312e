package actor_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/actor"
)

// sevent is an event of the stress test: some steps, each of which may go wrong.
type sevent struct {
	actor.Event
	s       *stress
	slot    *slot
	host    *shost
	rng     *rand.Rand
	depth   int
	own     error // what it may return
	began   bool
	chained bool // it returns the error of something else
	drops   atomic.Int32

	returned bool // Do did; before the answer if that is the task's
	answer   error
}

func (e *sevent) Drop() { e.drops.Add(1) }

func (e *sevent) Do(ctx context.Context, instance any) error {
	if e.began {
		e.s.t.Error("an event began twice")
	}
	e.began = true
	o := instance.(*sobject)
	e.in(ctx, o)
	for range e.rng.IntN(4) {
		if err := e.step(ctx, o); err != nil {
			// Cut off, or the caller has gone: in the first case nothing may be touched.
			e.slot.exit(ctx)
			e.chained, e.returned = true, true
			return err
		}
	}
	e.out(ctx, o)
	e.returned = true
	if e.rng.IntN(4) == 0 {
		return e.own
	}
	return nil
}

// in and out are the ends of a turn's code.
func (e *sevent) in(ctx context.Context, o *sobject) {
	e.slot.enter(ctx)
	o.n++
	e.host.write(ctx)
}

func (e *sevent) out(ctx context.Context, o *sobject) {
	o.n++
	e.slot.exit(ctx)
}

// step is one thing an event does; after an error the instance is not to be touched.
func (e *sevent) step(ctx context.Context, o *sobject) error {
	l := life(ctx)
	switch n := e.rng.IntN(100); {
	case n < 30:
		return e.wait(ctx, o, func(ctx context.Context) error { return e.outside(ctx) })
	case n < 45:
		return l.Block(ctx, func(ctx context.Context) error {
			o.n++
			e.host.write(ctx)
			if e.rng.IntN(15) == 0 {
				e.crash(ctx)
				return errBoom
			}
			if e.rng.IntN(40) == 0 {
				time.Sleep(time.Minute)
			}
			return e.step(ctx, o)
		})
	case n < 60:
		if err := l.WaitUntil(ctx, e.work(l, e.rng.IntN(30))); err != nil {
			return err
		}
	case n < 65:
		release := l.Hold()
		d := time.Duration(e.rng.Int64N(int64(time.Second)))
		go func() { time.Sleep(d); release() }()
	case n < 80:
		return l.Sync(ctx)
	case n < 82:
		e.crash(ctx)
	case n < 84:
		go l.Abort(context.Background(), errBoom)
	case n < 85:
		e.slot.exit(ctx)
		go func() { _ = await(ctx, func(context.Context) error { time.Sleep(time.Second); return nil }) }()
		runtime.Gosched()
		runtime.Goexit() // or it returns while its own wait runs: both reset
	case n < 90:
		time.Sleep(time.Duration(e.rng.Int64N(int64(20 * time.Millisecond))))
	default:
		runtime.Gosched()
	}
	return nil
}

// wait is Await.
func (e *sevent) wait(ctx context.Context, o *sobject, fn func(context.Context) error) error {
	e.out(ctx, o)
	err := await(ctx, fn)
	if life(ctx).Check(ctx) != nil || err != nil {
		if err == nil {
			err = errBoom
		}
		return err
	}
	e.in(ctx, o)
	return nil
}

// outside is the code of a wait.
func (e *sevent) outside(ctx context.Context) error {
	switch n := e.rng.IntN(100); {
	case n < 40 && e.depth > 0:
		e.s.call(ctx, e.rng, e.depth-1)
	case n < 55:
		time.Sleep(time.Duration(e.rng.Int64N(int64(50 * time.Millisecond))))
	case n < 57:
		if h := e.s.slots[e.rng.IntN(len(e.s.slots))].cell(); h != nil { // nobody's ctx ends it
			_ = h.mb.Fenced(ctx, h.destroy)
		}
	case n < 60:
		_ = e.host.mb.Between(ctx, func(*actor.Life) { defer e.host.alone("between")() })
	case n < 63:
		panic(errBoom)
	case n < 66:
		runtime.Goexit()
	case n < 69:
		actor.Outside(ctx).Abort(ctx, errBoom)
	case n < 75:
		return actor.Outside(ctx).Run(ctx, func(ctx context.Context) error { e.host.write(ctx); return nil })
	}
	return nil
}

// work is WaitUntil work.
func (e *sevent) work(l *actor.Life, n int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		switch {
		case n == 0:
			panic(errBoom)
		case n == 1:
			runtime.Goexit()
		case n == 2:
			l.Abort(ctx, errBoom)
		case n < 10:
			time.Sleep(time.Second)
		case n < 20:
			_ = l.Run(ctx, func(ctx context.Context) error {
				o := l.Instance.(*sobject)
				e.in(ctx, o)
				e.out(ctx, o)
				return nil
			})
			_ = l.Sync(ctx)
		}
		return nil
	}
}

// crash ends the turn badly.
func (e *sevent) crash(ctx context.Context) {
	switch e.rng.IntN(4) {
	case 0:
		runtime.Goexit()
	case 1:
		life(ctx).Abort(ctx, errBoom)
	case 2:
		e.slot.mu.Lock()
		e.host.mu.Lock()
		e.host.broken = true
		e.host.mu.Unlock()
		e.slot.mu.Unlock()
	default:
		panic(errBoom)
	}
}

package do

import (
	"context"
	"errors"
	"sync"

	"github.com/durablego/do/internal/actor"
)

// tasks are the operations on objects as a whole that run: deletions and copies. Close
// waits for them before it closes what they use.
type tasks struct {
	over   context.Context // done when Close begins: copies end
	cancel context.CancelCauseFunc

	mu     sync.Mutex // guards following
	n      int
	closed bool
	idle   chan struct{} // closed when n is 0 after all; nil if nobody waits
}

func newTasks() *tasks {
	t := &tasks{}
	t.over, t.cancel = context.WithCancelCause(context.Background())
	return t
}

// begin admits a task; ErrClosed if that is too late.
func (t *tasks) begin() (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	t.n++
	return t.end, nil
}

// beginCopy is begin for a task that Close cuts short: the cause is ErrClosed.
func (t *tasks) beginCopy(ctx context.Context) (_ context.Context, end func(), err error) {
	done, err := t.begin()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.over, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		done()
	}, nil
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// close admits no more, and waits for those that run.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	t.idle = idle
	t.mu.Unlock()
	<-idle
}

// apart runs an operation on objects as a whole by the rules for the code that holds ctx:
// for a turn it is a wait, and it begins when what that code's object wrote is durable.
func (rt *Runtime) apart(ctx context.Context, owner *actor.Life, fn func(ctx context.Context) error) error {
	t, outside, err := callerFor(ctx, owner)
	switch {
	case err != nil:
		return err
	case t != nil:
		return t.Wait(ctx, fn)
	case outside != nil:
		if err := outside.WaitDurable(ctx); err != nil {
			return err
		}
	case rt.closing.Load():
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(ctx)
}

// callerFor is actor.Caller for a namespace of owner's Env, or of nobody's (T7).
func callerFor(ctx context.Context, owner *actor.Life) (t *actor.Turn, outside *actor.Life, err error) {
	if ctx == nil {
		return nil, nil, ErrOutsideTurn // misuse, but no reason to panic
	}
	t, outside = actor.Caller(ctx)
	if owner != nil && (t != nil && t.Life() != owner || t == nil && outside != owner) {
		if why := owner.Why(); why != nil {
			return nil, nil, why
		}
		return nil, nil, ErrOutsideTurn
	}
	return t, outside, nil
}

// visit runs fn on an object between two turns, whether or not it is in memory. What fn
// leaves open of an object that was not is not closed: see settle.
func (s *served) visit(ctx context.Context, id ID, fn func(c *cell) error) error {
	return s.onCell(ctx, id, func(c *cell) (err error) {
		if verr := c.mb.Between(ctx, func(l *actor.Life) { err = c.work(l, fn) }); verr != nil {
			return verr
		}
		return err
	})
}

// fenced runs fn on an object when the events that began have ended and it has no instance;
// new events wait.
func (s *served) fenced(ctx context.Context, id ID, fn func(c *cell) error) error {
	defer s.settle(id)
	return s.onCell(ctx, id, func(c *cell) (err error) {
		if verr := c.mb.Fenced(ctx, func(*actor.Life) { err = c.work(nil, fn) }); verr != nil {
			return verr
		}
		return err
	})
}

// errAgain says that an object is being reset, and another visit comes after that.
var errAgain = errors.New("the object is being reset")

// onCell gives fn the object's cell, and again if that was retired or reset.
func (s *served) onCell(ctx context.Context, id ID, fn func(c *cell) error) error {
	for {
		c := s.cell(id)
		if c == nil {
			return ErrClosed
		}
		switch err := fn(c); err {
		case actor.ErrGone:
			if err := c.mb.Retirement(ctx); err != nil {
				return err
			}
		case errAgain:
		default:
			return err
		}
	}
}

// work runs fn on a database that is in order. Is it broken before or after, the instance
// that l is cannot use it any more.
func (c *cell) work(l *actor.Life, fn func(c *cell) error) error {
	if err := c.db.Broken(); err != nil && l != nil {
		c.mb.Reset(l, asReset(err))
		return errAgain
	} else if err != nil {
		if err := c.recoverDB(context.Background()); err != nil {
			return err
		}
	}
	err := fn(c)
	if broken := c.db.Broken(); broken != nil && l != nil {
		c.mb.Reset(l, asReset(broken))
	}
	return err
}

// settle takes an object that came for a visit, and has no instance, out of memory as soon
// as it has nothing to do. No idle time would do so for a class whose objects stay.
func (s *served) settle(id ID) {
	if c := s.peek(id); c != nil && !c.mb.Running() {
		c.guest.Store(true) // it may still be in use by those who ran the visit
		c.dismiss()
	}
}

func (c *cell) dismiss() {
	if !c.mb.Running() {
		c.mb.TryLeave(actor.StopIdle)
	}
}

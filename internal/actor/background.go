package actor

import (
	"context"

	"github.com/durablego/do/internal/doerr"
)

// WaitUntil runs fn outside turns, keeps the instance in memory until it returns, and
// logs its error (T29). Asked for in a turn, fn starts when that turn's commit is durable,
// and never if it is undone; asked for in Await or WaitUntil, when everything committed
// is durable. Errors: ErrOutsideTurn, the life's reset.
func (l *Life) WaitUntil(ctx context.Context, fn func(context.Context) error) error {
	if Outside(ctx) == l {
		if why := l.spawn(fn); why != nil {
			return why
		}
		return nil
	}
	if err := l.Check(ctx); err != nil {
		return err
	}
	l.pending = append(l.pending, fn)
	return nil
}

// launch starts what the turn asked for, once its commit is in place.
func (l *Life) launch() {
	for _, fn := range l.pending {
		l.spawn(fn)
	}
	l.pending = nil
}

// spawn starts fn; non-nil if l is over.
func (l *Life) spawn(fn func(context.Context) error) *ResetError {
	ticket := l.mb.gate.Newest()
	l.mb.mu.Lock()
	if why := l.why.Load(); why != nil {
		l.mb.mu.Unlock()
		return why
	}
	if l.background == nil {
		l.background, l.stopWork = context.WithCancelCause(context.Background())
	}
	ctx := &outsideContext{Context: l.background, life: l}
	l.holds++
	l.mb.mu.Unlock()
	go l.runBackground(ctx, ticket, fn)
	return nil
}

func (l *Life) runBackground(ctx context.Context, ticket uint64, fn func(context.Context) error) {
	returned := false
	defer func() {
		if !returned {
			l.mb.Reset(l, l.crashed(recover(), false))
		}
		l.drop()
	}()
	err := l.mb.gate.Wait(ctx, ticket)
	if err == nil && l.why.Load() == nil {
		err = fn(ctx)
	}
	returned = true
	if err != nil && l.why.Load() == nil {
		l.mb.host.Logger().Error("background work failed", "cause", err)
	}
}

// Run gives fn a turn of l: an event like any other, whose answer is not held (T30).
// Inside a turn of l it gives ErrDeadlock.
func (l *Life) Run(ctx context.Context, fn func(context.Context) error) error {
	if l.Check(ctx) == nil {
		return doerr.ErrDeadlock
	}
	if why := l.why.Load(); why != nil {
		return why
	}
	e := &Event{bound: l, loose: true}
	e.Init(taskFunc(fn))
	e.SetCaller(ctx)
	err := l.mb.Do(ctx, e)
	if err != nil && !e.FromTask() {
		if why := l.why.Load(); why != nil {
			return why
		}
	}
	return err
}

type taskFunc func(context.Context) error

func (f taskFunc) Do(ctx context.Context, _ any) error { return f(ctx) }
func (taskFunc) Drop()                                 {}

package actor

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// The states of a turn.
const (
	unborn int32 = iota
	live         // its code runs and holds the baton
	parked       // it waits
	over         // its event has ended, or its life
)

// Turn is the context of an event's code, and the key to the object's storage while
// it is live. One Turn serves all turns of its event.
//
// It shows the values of the caller's context, but neither its deadline nor, outside
// waits, its cancellation (T9).
type Turn struct {
	life   *Life
	caller context.Context
	parent *Turn // the turn whose wait made this event (T27)
	state  atomic.Int32
	err    atomic.Pointer[error]      // why the context is done
	inner  atomic.Pointer[cancelable] // made when somebody first wants Done
	wake   chan struct{}              // given the baton; made at a wait that has to queue
	blocks int                        // depth of blocked sections; turn goroutine only
	onWait func()                     // called at the first wait; turn goroutine only
}

type cancelable struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// scopeKey is the key under which a context shows the nearest *Turn or *outsideContext.
type scopeKey struct{}

var _ context.Context = (*Turn)(nil)

var errEnded = error(context.Canceled)

// Deadline is none: a deadline reaches the turn only at a wait.
func (t *Turn) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the event has ended, the object was reset, or a wait found the
// caller gone.
func (t *Turn) Done() <-chan struct{} { return t.cancelable().ctx.Done() }

// Err tells why Done is closed.
func (t *Turn) Err() error {
	p := t.err.Load()
	switch {
	case p == nil:
		return nil
	case *p == context.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// Value gives the turn itself for its own key, else what the caller's context has.
func (t *Turn) Value(key any) any {
	if key == (scopeKey{}) {
		return t
	}
	if t.life != nil && key == t.life.mb.hidden {
		return nil
	}
	if t.inner.Load() == nil && t.err.Load() == nil {
		return t.caller.Value(key)
	}
	// The context package looks for a cancelable ancestor, once it has seen Done, and for the
	// cause, once it has seen Err, under a key of its own: it must find ours.
	return t.cancelable().ctx.Value(key)
}

// String names the context without looking into it.
func (t *Turn) String() string { return "do.Turn" }

func (t *Turn) cancelable() *cancelable {
	if c := t.inner.Load(); c != nil {
		return c
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.caller))
	c := &cancelable{ctx, cancel}
	if !t.inner.CompareAndSwap(nil, c) {
		cancel(nil)
		return t.inner.Load()
	}
	if p := t.err.Load(); p != nil {
		cancel(*p)
	}
	return c
}

// cancel ends the context. err must not be changed afterwards; the first one stays.
func (t *Turn) cancel(err *error) {
	t.err.CompareAndSwap(nil, err)
	if c := t.inner.Load(); c != nil {
		c.cancel(*t.err.Load())
	}
}

// Life is the life the turn belongs to.
func (t *Turn) Life() *Life { return t.life }

// isLive says whether the turn's code holds the baton. After a reset it does not, even
// before the reset has got to this turn.
func (t *Turn) isLive() bool { return t.state.Load() == live && t.life.why.Load() == nil }

// wasCut says whether a reset ended the turn, rather than the end of its event.
func (t *Turn) wasCut() bool {
	return t.life.why.Load() != nil && t.state.Load() == over && t.err.Load() != &errEnded
}

// From gives the turn that ctx carries, whatever its state, or nil.
func From(ctx context.Context) *Turn {
	if t, ok := ctx.(*Turn); ok {
		return t
	}
	if ctx == nil {
		return nil // misuse, but no reason to panic in the middle of a turn
	}
	t, _ := ctx.Value(scopeKey{}).(*Turn)
	return t
}

// Check says whether ctx is the key to l's storage now: nil, ErrOutsideTurn, or the
// error of l's reset.
func (l *Life) Check(ctx context.Context) error {
	if t := From(ctx); t != nil && t.life == l && t.isLive() {
		return nil
	}
	return l.outside()
}

// outside is the answer to a use of l with a context that is no key to it.
func (l *Life) outside() error {
	if why := l.why.Load(); why != nil {
		return why
	}
	return doerr.ErrOutsideTurn
}

// within says whether t's chain of callers goes through other (T27).
func (t *Turn) within(other *Turn) bool {
	for ; t != nil; t = t.parent {
		if t == other {
			return true
		}
	}
	return false
}

// Caller says on whose behalf a call with ctx is made: a turn, whatever its state, or the
// Await or WaitUntil code of a life, or neither.
func Caller(ctx context.Context) (t *Turn, outside *Life) {
	if t, ok := ctx.(*Turn); ok {
		return t, nil
	}
	if ctx == nil {
		return nil, nil
	}
	switch scope := ctx.Value(scopeKey{}).(type) {
	case *Turn:
		return scope, nil
	case *outsideContext:
		return nil, scope.life
	}
	return nil, nil
}

// chainOf gives the turn that waits for a call with ctx, or nil.
func chainOf(ctx context.Context) *Turn {
	switch scope := ctx.Value(scopeKey{}).(type) {
	case *Turn:
		return scope
	case *outsideContext:
		return scope.turn
	}
	return nil
}

// outsideContext is the context of code that belongs to a life but runs outside its
// turns: Await and WaitUntil.
type outsideContext struct {
	context.Context
	life *Life
	turn *Turn // the turn that waits for this code; nil in WaitUntil
}

func (o *outsideContext) Value(key any) any {
	if key == (scopeKey{}) {
		return o
	}
	return o.Context.Value(key)
}

// Outside gives the life whose Await or WaitUntil code ctx belongs to, or nil.
func Outside(ctx context.Context) *Life {
	_, outside := Caller(ctx)
	return outside
}

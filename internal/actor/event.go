package actor

import (
	"context"
	"runtime/debug"
	"sync/atomic"

	"github.com/durablego/do/internal/gate"
)

// Task is the code of an event.
type Task interface {
	// Do runs in the event's turn. Its error is the event's answer and undoes nothing (T12).
	Do(ctx context.Context, instance any) error
	// Drop is called at most once, after Do has returned, if what Do made is not handed
	// over: the caller has gone, the life is over, or storage failed. It runs outside turns
	// on a goroutine of its own.
	Drop()
}

// The states of an event, see the package comment.
const (
	queued int32 = iota
	running
	done
	left
	cancelled
)

// Event is one piece of work for an object. Init and SetCaller make it ready; it is used once.
type Event struct {
	task  Task
	turn  Turn
	state atomic.Int32
	err   error         // the answer; written before done gets its value
	ours  bool          // err is what the task returned; written with err
	cut   bool          // the answer is not the task's; written with err
	done  chan struct{} // gets one value once answered, unless the caller has gone; lent by Answers at Post

	// Name is the object's name as its caller knows it, or empty (I13).
	Name string
	// Internal events are not counted by the queue limit (L13).
	Internal bool
	// Patient events are not refused when the queue is full: they stand outside until there
	// is room (W9). Who posts them bounds their number.
	Patient bool
	// Parks says that other goroutines wait for the caller's thread who are better off if the
	// caller goes on before them: it parks until the answer comes, and does not yield first.
	Parks bool
	// Bare events need no instance: where there is none they run without, on a life that ends
	// with them unless another event built one meanwhile. Do gets nil then.
	Bare bool

	bound *Life           // Run: the only life it may run on
	loose bool            // Run: the answer is not held (T30)
	stop  bool            // it is the life's Stop
	tell  func(err error) // instead of done

	// guarded by Mailbox.mu
	waits      bool   // it is in the queue and its caller is still there
	prev, next *Event // in Life.started
}

var _ gate.Waiter = (*Event)(nil)

// Init prepares e to run task.
func (e *Event) Init(task Task) {
	e.task = task
}

// SetCaller says who calls: the event's turn shows the values of ctx, and its cancellation
// reaches the turn at waits (T9). It must be called before the event is posted.
func (e *Event) SetCaller(ctx context.Context) {
	e.turn.caller = ctx
	e.turn.parent = chainOf(ctx)
}

// Tell has fn hear the answer, on any goroutine and once, instead of a Wait: nobody waits,
// so the answer is not held by the gate. fn must not block. Before the event is posted.
func (e *Event) Tell(fn func(err error)) { e.tell, e.loose = fn, true }

// OnWait has fn called when the event's code is in its first wait. Before the event is posted,
// or by its code.
func (e *Event) OnWait(fn func()) { e.turn.onWait = fn }

// Turn is the turn of the event's code.
func (e *Event) Turn() *Turn { return &e.turn }

// FromTask says whether the answer is an error that the task itself returned.
func (e *Event) FromTask() bool { return e.state.Load() == done && e.ours }

// begin claims the event for its turn; false if its caller has gone (T10).
func (e *Event) begin() bool { return e.state.CompareAndSwap(queued, running) }

// Released is called by the gate when the answer may leave, or must not.
func (e *Event) Released(err error) {
	if err != nil {
		l := e.turn.life
		why := l.mb.failure(err)
		e.err, e.ours = why, false
		if !e.cut {
			e.cut = true
			e.drop()
		}
		l.mb.Reset(l, why) // first: the caller's next call is for a fresh instance (L14)
	}
	e.deliver()
}

// deliver hands the answer over, or drops it if nobody waits for it. An answer that is not
// the task's leaves nothing to drop here: Do may be running still.
func (e *Event) deliver() {
	if e.state.CompareAndSwap(running, done) {
		if e.tell != nil {
			e.tell(e.err)
			return
		}
		e.done <- struct{}{}
	} else if !e.cut {
		e.drop()
	}
}

// drop lets the task give back what it made. Who calls this holds the baton or is the gate:
// neither may wait for a user's code.
func (e *Event) drop() {
	go func() {
		defer func() {
			if v := recover(); v != nil {
				e.turn.life.mb.host.Logger().Error("an answer that nobody waits for could not be given back",
					"panic", v, "stack", string(debug.Stack()))
			}
		}()
		e.task.Drop()
	}()
}

// refuse answers an event that never began.
func (e *Event) refuse(err error) {
	if e.begin() {
		e.err, e.cut = err, true
		e.deliver()
	}
}

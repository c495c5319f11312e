package do

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/socket"
)

// What peers are told of why the library closes (W19).
const (
	resetReason   = "the object was reset"
	restartReason = "the server restarts"
)

var handlerType = reflect.TypeFor[WebSocketHandler]()

// mayHandleSockets says whether objects of a type can be WebSocketHandlers.
func mayHandleSockets(t reflect.Type) bool {
	return t.Implements(handlerType) || t.Kind() == reflect.Interface
}

// socketHost is a cell as its sockets see it.
type socketHost cell

var _ socket.Host = (*socketHost)(nil)

// Message has the object hear of a message.
func (h *socketHost) Message(s *socket.Socket, m socket.Message) {
	c := (*cell)(h)
	e := &socketEvent{socket: s, message: m}
	if !c.served.class.sockets || c.served.rt.closing.Load() {
		e.next()
		return
	}
	e.Patient = true // the socket is not read meanwhile (W9)
	e.OnWait(e.next)
	e.post(c)
}

// Closed has the object hear of the end of a connection.
func (h *socketHost) Closed(s *socket.Socket, info socket.Close) {
	h.last(&socketEvent{socket: s, close: &info})
}

// Failed has the object hear of a peer's fault.
func (h *socketHost) Failed(s *socket.Socket, err error) {
	h.last(&socketEvent{socket: s, fault: err})
}

func (h *socketHost) last(e *socketEvent) {
	c := (*cell)(h)
	if !c.served.class.sockets || c.served.rt.closing.Load() { // sockets are not heard any more (L21)
		e.socket.Finish()
		return
	}
	e.Internal = true // not counted (L13)
	e.post(c)
}

// Empty is told when the last socket has gone: a parked object becomes absent (L6).
func (h *socketHost) Empty() {
	if c := (*cell)(h); !c.mb.Running() {
		c.leaveParked()
	}
}

// leaveParked retires the mailbox of an object without instance, unless it has sockets: the
// last one that goes comes here (L6).
func (c *cell) leaveParked() {
	if !c.stays() {
		c.mb.TryLeave(actor.StopIdle) // else it is busy, and its next Quiet comes
	}
}

// socketEvent is the event of a message, a close or a fault, and its task.
type socketEvent struct {
	actor.Event
	socket  *socket.Socket
	message socket.Message
	close   *socket.Close
	fault   error
	moved   atomic.Bool // the next message may be read
}

func (e *socketEvent) isLast() bool { return e.close != nil || e.fault != nil }

func (e *socketEvent) post(c *cell) {
	e.Init(e)
	e.SetCaller(context.Background())
	e.Tell(e.answered)
	if err := c.mb.Post(&e.Event); err != nil {
		e.answered(err) // the mailbox is gone with its runtime
	}
}

// next has the socket's next message read, once.
func (e *socketEvent) next() {
	if !e.isLast() && e.moved.CompareAndSwap(false, true) {
		e.socket.Next()
	}
}

// answered is told when the event is over, however it ended.
func (e *socketEvent) answered(error) {
	if e.isLast() {
		e.socket.Finish()
	} else {
		e.next()
	}
}

// Do runs the handler.
func (e *socketEvent) Do(ctx context.Context, object any) error {
	t := actor.From(ctx)
	l := t.Life()
	state := instanceOf(l).state
	defer e.next()
	handler, ok := object.(WebSocketHandler)
	if !ok {
		return nil
	}
	if d := state.WebSocketTimeout(); d > 0 {
		limit := time.AfterFunc(d, func() { state.cell.mb.Reset(l, lateSocketEvent(d)) })
		defer limit.Stop()
	}
	w := state.face(e.socket)
	var err error
	switch {
	case e.close != nil:
		err = handler.WebSocketClose(ctx, w, CloseInfo{Code: e.close.Code, Reason: e.close.Reason, Clean: e.close.Clean})
	case e.fault != nil:
		err = handler.WebSocketError(ctx, w, e.fault)
	default:
		err = handler.WebSocketMessage(ctx, w, messageOf(e.message))
	}
	if e.isLast() {
		state.forgetFace(e.socket)
	}
	err = state.closeTxs(err)
	state.settle(t, nil)
	if err != nil {
		state.Logger().Error("a socket handler failed", "cause", err)
	}
	return nil
}

// Drop has nothing to give back.
func (e *socketEvent) Drop() {}

// lateSocketEvent is the reset by the time limit (W20, L24.5, T34.14).
func lateSocketEvent(d time.Duration) *actor.ResetError {
	return &actor.ResetError{Cause: fmt.Errorf("a socket event took longer than %v", d), Retryable: true}
}

// messageOf gives m, whose bytes nobody else has.
func messageOf(m socket.Message) Message {
	switch {
	case !m.Binary:
		return Message{Text: unsafe.String(unsafe.SliceData(m.Data), len(m.Data))}
	case m.Data == nil:
		return Message{Binary: []byte{}}
	}
	return Message{Binary: m.Data}
}

// ended closes the sockets of an object that was reset (W19).
func (c *cell) ended(_ *actor.Life, why *actor.ResetError) {
	set := c.sockets.Load()
	switch {
	case set == nil:
	case why.Closed:
		set.Close(socket.CodeRestart, restartReason, false)
	default:
		set.Close(socket.CodeReset, resetReason, false)
	}
}

// stays says whether the object has sockets: then its mailbox outlives its instance (L6).
func (c *cell) stays() bool {
	set := c.sockets.Load()
	return set != nil && set.Len() > 0
}

// epoch is the one in which a new instance may have sockets.
func (c *cell) epoch() uint64 {
	if set := c.sockets.Load(); set != nil {
		return set.Epoch()
	}
	return 0
}

// closeSockets closes all sockets of the object, in memory or parked, and tells it nothing.
// Without keep what the object said of them is forgotten too.
func (c *cell) closeSockets(code int, reason string, keep bool) {
	if set := c.sockets.Load(); set != nil {
		set.Close(code, reason, keep)
		(*socketHost)(c).Empty()
	}
}

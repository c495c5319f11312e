package actor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// How long recovery may take before events are refused, and before it is logged (L10).
const (
	recoverGrace = time.Second
	recoverLog   = 10 * time.Second
)

var errStillInside = errors.New("an instance that was reset is still inside storage")

// Reset ends l because of why, unless it is over already. It returns when l is fenced and
// its events are answered or their answers queued; storage recovers in the background.
// From any goroutine.
func (mb *Mailbox) Reset(l *Life, why *ResetError) {
	if epoch, first := mb.reset(l, why); first {
		go mb.recoverAndWork(l, epoch)
	}
}

// ResetAny ends, in the background, the life of the time of the call, because storage
// failed. False without one: the next one finds storage broken when it begins.
func (mb *Mailbox) ResetAny(why *ResetError) bool {
	mb.mu.Lock()
	l := mb.life
	mb.mu.Unlock()
	if l != nil {
		go mb.Reset(l, why)
	}
	return l != nil
}

// Abort ends l with reason. Inside a turn of l it does not return: the goroutine ends, so
// that no recover can swallow it (L11), also if a reset was faster. Elsewhere it returns.
func (l *Life) Abort(ctx context.Context, reason error) {
	t := From(ctx)
	inside := t != nil && t.life == l && (t.state.Load() == live || t.wasCut())
	l.mb.Reset(l, &ResetError{Cause: reason})
	if inside {
		runtime.Goexit()
	}
}

// reset does it. If first, the caller holds the baton of the new epoch and must see to
// recovery before it goes on.
func (mb *Mailbox) reset(l *Life, why *ResetError) (epoch uint64, first bool) {
	mb.mu.Lock()
	if !l.why.CompareAndSwap(nil, why) {
		mb.mu.Unlock()
		return 0, false
	}
	events, ctor, begun, stopWork := l.started, l.ctor, l.begun, l.stopWork
	l.started, l.resume = nil, queue[*Turn]{}
	l.stopTimer()
	var refused []*Event
	if why.WholeQueue {
		refused = mb.takeQueueLocked()
	}
	mb.life = nil
	mb.epoch++
	mb.busy = true
	mb.watch.endLocked()
	epoch = mb.epoch
	mb.mu.Unlock()

	if begun {
		mb.host.Fence(l)
	}
	if mb.ended != nil {
		mb.ended(l, why)
	}
	close(l.dead)
	cause := error(why)
	if ctor != nil {
		ctor.state.Store(over)
		ctor.cancel(&cause)
	}
	if stopWork != nil {
		stopWork(why)
	}
	for e := events; e != nil; {
		following := e.next
		e.prev, e.next = nil, nil
		e.turn.state.Store(over)
		e.turn.cancel(&cause)
		mb.answer(e, why)
		e = following
	}
	for _, e := range refused {
		if e.begin() {
			e.turn.life = l
			mb.answer(e, why)
		}
	}
	mb.logReset(why)
	return epoch, true
}

// answer answers an event with the reset that ended it, through the gate where the reason
// may tell of what was written before it (T18).
func (mb *Mailbox) answer(e *Event, why *ResetError) {
	e.err, e.cut = why, true
	if why.Storage || why.Closed || e.loose {
		e.deliver()
		return
	}
	mb.gate.Notify(mb.gate.Newest(), e)
}

func (mb *Mailbox) takeQueueLocked() []*Event {
	outside := mb.outside.take()
	events := append(mb.through.take(), mb.queue.take()...)
	for _, e := range events {
		mb.awayLocked(e)
	}
	return append(events, outside...)
}

func (mb *Mailbox) logReset(why *ResetError) {
	log := mb.host.Logger()
	switch cause := why.Cause.(type) {
	case *PanicError:
		log.Error("object reset by a panic", "panic", fmt.Sprint(cause.Value), "stack", string(cause.Stack))
	default:
		log.Warn("object reset", "cause", cause)
	}
}

// recover lets the Host make storage ready for the next life, once it does nothing else
// with it. The caller holds the baton.
func (mb *Mailbox) recover(l *Life) {
	why := l.why.Load()
	mb.mu.Lock()
	working := mb.working
	mb.mu.Unlock()
	err := mb.watchRecovery(why, func() error {
		if working != nil {
			<-working
		}
		if !l.hasBegun() {
			return nil // it has touched nothing, and Begin readies storage itself
		}
		return mb.host.Recover(l, why)
	})
	if err == nil {
		return
	}
	// Begin tries again for the next event; those that waited for this are told.
	mb.host.Logger().Error("storage is not ready after a reset", "cause", err)
	mb.mu.Lock()
	waiting := mb.takeQueueLocked()
	mb.mu.Unlock()
	for _, e := range waiting {
		e.refuse(mb.failure(err))
	}
}

func (mb *Mailbox) recoverAndWork(l *Life, epoch uint64) {
	mb.recover(l)
	mb.work(epoch)
}

// watchRecovery runs fn, which has to wait for an old call that is inside storage. If that
// takes long, events are refused meanwhile, and it is logged (L10).
func (mb *Mailbox) watchRecovery(why *ResetError, fn func() error) error {
	mb.mu.Lock()
	mb.recovering = why
	mb.mu.Unlock()
	slow := time.AfterFunc(recoverGrace, func() { mb.refuse(why) })
	stuck := time.AfterFunc(recoverLog, func() {
		mb.host.Logger().Error(errStillInside.Error(), "stacks", string(allStacks()))
	})
	err := fn()
	slow.Stop()
	stuck.Stop()
	mb.mu.Lock()
	mb.recovering, mb.refused = nil, nil
	mb.mu.Unlock()
	return err
}

// refuse answers what waits, and what comes until the recovery after why is done. The answer
// tells nothing of the instance: what that wrote may not be durable yet.
func (mb *Mailbox) refuse(why *ResetError) {
	refused := &ResetError{Cause: errStillInside, Overloaded: why.Overloaded, Retryable: why.Retryable, Storage: true}
	mb.mu.Lock()
	if mb.recovering != why {
		mb.mu.Unlock()
		return
	}
	mb.refused = refused
	waiting := mb.takeQueueLocked()
	mb.mu.Unlock()
	for _, e := range waiting {
		e.refuse(refused)
	}
}

func allStacks() []byte {
	for n := 64 << 10; ; n *= 2 {
		buf := make([]byte, n)
		if m := runtime.Stack(buf, true); m < n || n >= 16<<20 {
			return buf[:m]
		}
	}
}

package actor

import (
	"context"
	"errors"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// strictFence is how long a fence holds back calls of other objects. Events that began may
// wait for one of them in ways that no chain of callers shows.
const strictFence = 5 * time.Second

// errFenced is why a life ends that Fenced takes away.
var errFenced = errors.New("the object was taken out of memory for work on its data")

// visit is work on the object's storage that waits for the baton, or has it.
type visit struct {
	drain   bool  // it wants every event that began to end, and no other to begin
	lenient bool  // calls of other objects may begin all the same
	chain   *Turn // the turn that waits for it, or nil
	ready   chan struct{}
	granted bool

	// Set when granted.
	epoch uint64
	done  func()
	life  *Life // or nil; of drain it is over now
}

// Between runs fn as holder of the baton, between two turns and outside blocked sections:
// nothing of the object runs meanwhile, and everything it wrote is committed. Events that
// wait come after it. fn gets the life, or nil, which it may reset. Errors: ctx's if it ends before fn begins, ErrGone, ErrDeadlock if
// fn would wait for who waits for it, a reset's if the mailbox is closed or refuses events.
func (mb *Mailbox) Between(ctx context.Context, fn func(l *Life)) error {
	return mb.visit(ctx, &visit{}, fn)
}

// Fenced lets the events that began end, those that they wait for included, and no other
// begin, but for calls of other objects after 5 s; then it ends the life, without Stop and
// whatever holds it, and runs fn as holder of the baton, with the life that ended or nil.
// Queued and new events wait for fn and go to the next instance. WaitUntil work and bodies
// are cut off, not waited for. Errors as of Between; when ctx ends first nothing has changed.
func (mb *Mailbox) Fenced(ctx context.Context, fn func(l *Life)) error {
	return mb.visit(ctx, &visit{drain: true}, fn)
}

func (mb *Mailbox) visit(ctx context.Context, v *visit, fn func(*Life)) error {
	v.chain, v.ready = chainOf(ctx), make(chan struct{})
	if err := mb.queueVisit(v); err != nil {
		return err
	}
	if v.drain {
		if mb.waitsFor(v.chain) && mb.withdrawVisit(v) {
			return doerr.ErrDeadlock
		}
		relent := time.AfterFunc(strictFence, func() { mb.relent(v) })
		defer relent.Stop()
	}
	select {
	case <-v.ready:
	case <-ctx.Done():
		if mb.withdrawVisit(v) {
			return ctx.Err()
		}
		<-v.ready
	}
	fn(v.life)
	mb.mu.Lock()
	mb.endVisitLocked(v)
	mb.mu.Unlock()
	v.done()
	mb.workers.start(mb, v.epoch)
	return nil
}

// queueVisit queues v, and grants it if the baton is free.
func (mb *Mailbox) queueVisit(v *visit) error {
	mb.mu.Lock()
	switch l := mb.life; {
	case mb.gone:
		mb.mu.Unlock()
		return ErrGone
	case mb.killed != nil:
		defer mb.mu.Unlock()
		return mb.killed
	case mb.refused != nil:
		defer mb.mu.Unlock()
		return mb.refused
	case l != nil && (l.blocker != nil && v.chain.within(l.blocker) || v.drain && v.chain.passes(mb)):
		mb.mu.Unlock()
		return doerr.ErrDeadlock
	}
	mb.visits = append(mb.visits, v)
	if len(mb.visits) == 1 {
		mb.fenceLocked()
	}
	granted := !mb.busy && mb.grantLocked()
	mb.busy = mb.busy || granted
	mb.mu.Unlock()
	if granted {
		mb.admitVisit(v)
	}
	return nil
}

// grantLocked gives the baton to the first visit, if it may have it now. REQUIRES: the
// caller has the baton, or nobody. admitVisit is to follow, without mu.
func (mb *Mailbox) grantLocked() bool {
	if !mb.mayVisitLocked() {
		return false
	}
	v := mb.visits[0]
	v.granted, v.epoch, v.done = true, mb.epoch, mb.occupyLocked()
	v.life = mb.life
	if l := v.life; v.drain && l != nil { // now, so that no reset takes the baton away
		l.why.Store(&ResetError{Cause: errFenced})
		mb.life = nil
	}
	return true
}

// mayVisitLocked says whether the first visit could have the baton if that is free.
func (mb *Mailbox) mayVisitLocked() bool {
	if len(mb.visits) == 0 || mb.visits[0].granted {
		return false
	}
	l := mb.life
	if l != nil && l.blocker != nil {
		return false
	}
	return !mb.visits[0].drain || l == nil || l.started == nil
}

// admitVisit lets a visit begin that was granted.
func (mb *Mailbox) admitVisit(v *visit) {
	if l := v.life; v.drain && l != nil {
		mb.mu.Lock()
		begun, stopWork := l.begun, l.stopWork
		mb.mu.Unlock()
		if begun {
			mb.host.Fence(l)
		}
		close(l.dead)
		if stopWork != nil {
			stopWork(l.why.Load())
		}
	}
	close(v.ready)
}

// withdrawVisit takes v back; false if it was granted already.
func (mb *Mailbox) withdrawVisit(v *visit) bool {
	mb.mu.Lock()
	if v.granted {
		mb.mu.Unlock()
		return false
	}
	mb.endVisitLocked(v)
	start := !mb.busy && mb.readyLocked()
	mb.busy = mb.busy || start
	epoch := mb.epoch
	quiet := !start && mb.quietLocked()
	mb.mu.Unlock()
	if start {
		mb.workers.start(mb, epoch)
	}
	if quiet {
		mb.host.Quiet()
	}
	return true
}

// relent lets calls of other objects through the fence of v.
func (mb *Mailbox) relent(v *visit) {
	mb.mu.Lock()
	v.lenient = true
	mb.fenceLocked()
	start := !mb.busy && mb.readyLocked()
	mb.busy = mb.busy || start
	epoch := mb.epoch
	mb.mu.Unlock()
	if start {
		mb.workers.start(mb, epoch)
	}
}

// endVisitLocked takes v off the list, and lifts its fence.
func (mb *Mailbox) endVisitLocked(v *visit) {
	first := mb.visits[0] == v
	for i, other := range mb.visits {
		if other == v {
			mb.visits = append(mb.visits[:i:i], mb.visits[i+1:]...)
			break
		}
	}
	if !first {
		return
	}
	if mb.through.len() > 0 { // they were let through, so they go first
		all := append(mb.through.take(), mb.queue.take()...)
		mb.queue = queue[*Event]{items: all}
	}
	mb.fenceLocked()
}

// fencedLocked says whether events that do not belong to those that began have to wait.
func (mb *Mailbox) fencedLocked() bool { return len(mb.visits) > 0 && mb.visits[0].drain }

// fenceLocked lets those queued events through the fence, if there is one, that may pass it.
func (mb *Mailbox) fenceLocked() {
	if !mb.fencedLocked() || mb.life == nil {
		return
	}
	mb.queue.keep(func(e *Event) bool {
		if mb.passesFenceLocked(e) {
			mb.through.push(e)
			return false
		}
		return true
	})
}

// passesFenceLocked says whether e may begin behind a fence: an event that began may wait for
// the instance's own Run, for a call that goes back to a turn of this life, and in the end
// for any call of an object.
func (mb *Mailbox) passesFenceLocked(e *Event) bool {
	if mb.life == nil {
		return false
	}
	return e.bound == mb.life || e.turn.parent.passes(mb) || mb.visits[0].lenient && e.turn.parent != nil
}

// passes says whether t's chain of callers goes through the life that mb has.
// REQUIRES: mb.mu held.
func (t *Turn) passes(mb *Mailbox) bool {
	for ; t != nil; t = t.parent {
		if t.life != nil && t.life == mb.life {
			return true
		}
	}
	return false
}

// waitsFor says whether a fence of mb would wait for itself: chain waits for it, somebody
// waits for the end of a turn in chain by a fence of his own, and so on, until that
// somebody is a turn of mb.
func (mb *Mailbox) waitsFor(chain *Turn) bool {
	seen := map[*Mailbox]bool{}
	for next := []*Turn{chain}; len(next) > 0; next = next[1:] {
		for t := next[0]; t != nil; t = t.parent {
			if t.life == nil || seen[t.life.mb] {
				continue
			}
			other := t.life.mb
			seen[other] = true
			for _, waiter := range other.fencers() {
				mb.mu.Lock()
				cycle := waiter.passes(mb)
				mb.mu.Unlock()
				if cycle {
					return true
				}
				next = append(next, waiter)
			}
		}
	}
	return false
}

// fencers are the turns that wait for a fence of mb.
func (mb *Mailbox) fencers() (turns []*Turn) {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	for _, v := range mb.visits {
		if v.drain && v.chain != nil {
			turns = append(turns, v.chain)
		}
	}
	return turns
}

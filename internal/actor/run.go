package actor

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/durablego/do/internal/doerr"
)

var (
	errGoexit   = errors.New("the handler ended its goroutine (runtime.Goexit)")
	errLateWait = errors.New("the handler returned while a wait or a blocked section of its own was running")
)

// work runs events until there are none, or the baton has gone to a waiting turn or a
// new epoch. The caller holds the baton of epoch.
func (mb *Mailbox) work(epoch uint64) {
	for {
		e, t := mb.next(epoch)
		if t != nil {
			t.wake <- struct{}{}
			return
		}
		if e == nil {
			return
		}
		keep, next := mb.run(e, epoch)
		if !keep {
			return
		}
		epoch = next
		if chore := mb.host.Chore(); chore != nil && !mb.chore(chore, epoch) {
			return
		}
	}
}

// chore does the Host's work between turns; false if the baton of epoch has gone.
func (mb *Mailbox) chore(chore func(), epoch uint64) bool {
	mb.mu.Lock()
	if mb.epoch != epoch {
		mb.mu.Unlock()
		return false
	}
	done := mb.occupyLocked()
	mb.mu.Unlock()
	chore()
	done()
	return true
}

// run gives e its turn. It says whether this goroutine still holds the baton, and of
// which epoch: a reset of its own making takes it into the next one.
func (mb *Mailbox) run(e *Event, epoch uint64) (keep bool, next uint64) {
	l, t := e.turn.life, &e.turn
	if err := t.caller.Err(); err != nil {
		mb.withdraw(e, err)
		return true, epoch
	}
	ended := false
	defer func() {
		if !ended {
			keep, next = mb.crash(l, recover(), e.Bare)
		}
	}()
	if why := mb.enliven(e); why != nil {
		ended = true
		return mb.fail(l, why)
	}
	if !t.state.CompareAndSwap(unborn, live) {
		ended = true
		return false, 0 // reset by others
	}
	l.open.Store(true)
	err := e.task.Do(t, l.Instance)
	ended = true
	if why := mb.finish(e, err); why != nil {
		e.drop()
		return mb.fail(l, why)
	}
	return true, epoch // after a reset by others, next refuses this epoch
}

// withdraw answers an event whose caller was gone before its first turn (T10).
func (mb *Mailbox) withdraw(e *Event, err error) {
	l := e.turn.life
	mb.mu.Lock()
	if l.why.Load() != nil {
		mb.mu.Unlock()
		return
	}
	l.remove(e)
	mb.watch.endLocked()
	mb.mu.Unlock()
	e.err, e.cut = err, true
	e.deliver()
}

// fail resets l as the holder of the baton, who keeps it unless l was over already.
func (mb *Mailbox) fail(l *Life, why *ResetError) (keep bool, next uint64) {
	next, keep = mb.reset(l, why)
	if keep {
		mb.recover(l)
	}
	return keep, next
}

// unbareLocked takes a life away that a bare event began, if it has no instance and nobody uses
// it: the next event begins another, which knows the name that the event knows (I13).
func (mb *Mailbox) unbareLocked(l *Life) bool {
	if l.built || l.started != nil {
		return false
	}
	l.why.Store(&ResetError{Cause: errLeft})
	mb.life = nil
	return true
}

// crash is fail after a panic with the value v, or Goexit, of a bare event or one that needed
// the instance.
func (mb *Mailbox) crash(l *Life, v any, bare bool) (keep bool, next uint64) {
	why := l.crashed(v, false)
	if bare {
		why.WholeQueue, why.Constructor = false, false // no constructor was to blame
	}
	if v == nil {
		mb.Reset(l, why) // this goroutine ends
		return false, 0
	}
	return mb.fail(l, why)
}

// crashed is the reason after a panic with the value v, or Goexit. Before there is an
// instance everybody waits for the same constructor (T34.4).
func (l *Life) crashed(v any, wholeQueue bool) *ResetError {
	why := &ResetError{Cause: errGoexit, WholeQueue: wholeQueue || !l.built, Constructor: !l.built}
	if v != nil {
		why.Cause = &PanicError{Value: v, Stack: debug.Stack()}
	}
	return why
}

// enliven makes sure that e's life has its instance.
func (mb *Mailbox) enliven(e *Event) *ResetError {
	l := e.turn.life
	if l.built {
		return nil
	}
	if why := mb.begin(l, e); why != nil || e.Bare {
		return why
	}
	c := &Turn{life: l, caller: e.turn.caller, parent: e.turn.parent}
	mb.mu.Lock()
	if why := l.why.Load(); why != nil {
		mb.mu.Unlock()
		return why
	}
	l.ctor = c
	l.enterLocked(mb, c)
	c.state.Store(live)
	mb.mu.Unlock()
	l.open.Store(true)
	instance, err := mb.host.Construct(c, l, e)
	late := !c.state.CompareAndSwap(live, over)
	mb.mu.Lock()
	why := l.why.Load()
	l.ctor = nil
	if why == nil {
		late = late || c.blocks > 1
		l.exitLocked(c)
	}
	mb.mu.Unlock()
	if why != nil {
		return why
	}
	c.cancel(&errEnded)
	if late {
		err = errLateWait
	}
	if err != nil {
		return &ResetError{Cause: err, Constructor: true, WholeQueue: true}
	}
	l.Instance, l.built = instance, true
	return nil
}

// begin lets the Host begin l, once.
func (mb *Mailbox) begin(l *Life, e *Event) *ResetError {
	mb.mu.Lock()
	if why := l.why.Load(); why != nil || l.begun {
		mb.mu.Unlock()
		return why
	}
	done := mb.occupyLocked()
	mb.mu.Unlock()
	defer done()
	err := mb.host.Begin(l, e)
	mb.mu.Lock()
	l.begun = err == nil
	why := l.why.Load()
	mb.mu.Unlock()
	switch {
	case err != nil && why == nil:
		return asReset(err, &ResetError{WholeQueue: true, Storage: true, Retryable: true})
	case err == nil && why != nil:
		mb.host.Fence(l) // the reset could not: there was nothing to fence yet
	}
	return why
}

// finish commits e's last turn and answers it. A reset it gives is the caller's to carry out.
func (mb *Mailbox) finish(e *Event, err error) *ResetError {
	l, t := e.turn.life, &e.turn
	if why := l.why.Load(); why != nil {
		return why
	}
	if t.state.Load() != live {
		return &ResetError{Cause: errLateWait}
	}
	if why := l.commit(); why != nil {
		return why
	}
	// Before l is known to be alive: what recovers storage opens newer tickets.
	ticket := mb.gate.Newest()
	if !t.state.CompareAndSwap(live, over) {
		return &ResetError{Cause: errLateWait}
	}
	mb.mu.Lock()
	why := l.why.Load()
	if why == nil && l.blocker == t && !e.stop {
		why = &ResetError{Cause: errLateWait}
	}
	if why != nil {
		mb.mu.Unlock()
		return why
	}
	l.remove(e)
	left := e.Bare && mb.unbareLocked(l)
	mb.watch.endLocked()
	mb.mu.Unlock()
	if left { // before the answer: who gets it finds no life
		mb.host.Fence(l)
		close(l.dead)
	}
	t.cancel(&errEnded)
	e.err, e.ours = err, err != nil
	if e.loose {
		e.deliver()
		return nil
	}
	mb.gate.Notify(ticket, e)
	return nil
}

// commit is a commit point (T11): what is open is committed, and WaitUntil work that the
// turn asked for may start.
func (l *Life) commit() *ResetError {
	if err := l.mb.host.Commit(l); err != nil {
		if why := l.why.Load(); why != nil {
			return why
		}
		return asReset(err, &ResetError{Storage: true, Retryable: true})
	}
	if len(l.pending) > 0 {
		l.launch()
	}
	return nil
}

// Sync is a commit point inside a turn, and waits until everything committed is
// durable (T31). The baton stays. In WaitUntil and Await it only waits.
func (l *Life) Sync(ctx context.Context) error {
	if Outside(ctx) == l {
		return l.WaitDurable(ctx)
	}
	if err := l.Check(ctx); err != nil {
		return err
	}
	if l.mb.host.InTransaction(l) {
		return doerr.ErrInTransaction
	}
	if why := l.commit(); why != nil {
		return l.end(why)
	}
	l.open.Store(true)
	err := l.mb.gate.Wait(ctx, l.mb.gate.Newest())
	if why := l.why.Load(); why != nil {
		return why
	}
	if err != nil && err != ctx.Err() {
		return l.end(l.mb.failure(err))
	}
	return err
}

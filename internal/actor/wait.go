package actor

import (
	"context"

	"github.com/durablego/do/internal/doerr"
)

// Wait is a wait of the turn that ctx carries (T3): it commits what is open, lets other
// events run, waits until everything committed is durable, runs fn, and comes back in a
// new turn. fn's context is no key to storage (T6). Errors: ErrOutsideTurn,
// ErrInTransaction, ctx's own when it is done before fn starts, the life's reset, else fn's.
func (t *Turn) Wait(ctx context.Context, fn func(context.Context) error) error {
	l := t.life
	if l == nil {
		return doerr.ErrOutsideTurn
	}
	mb := l.mb
	if !t.isLive() {
		return l.outside()
	}
	if mb.host.InTransaction(l) {
		return doerr.ErrInTransaction
	}
	// The caller's hang-up reaches the turn here (T9), but not in a blocked section, whose
	// failure would hit everybody (T26, T28).
	hears := t.blocks == 0
	if hears && t.caller.Err() != nil {
		t.hangUp()
	}
	if err := ctx.Err(); err != nil {
		if why := l.why.Load(); why != nil {
			return why
		}
		return err
	}
	if why := l.commit(); why != nil {
		return l.end(why)
	}
	ticket := mb.gate.Newest() // before others commit (T14)
	if !t.state.CompareAndSwap(live, parked) || !mb.park(l) {
		return l.outside()
	}
	if t.onWait != nil {
		t.onWait()
		t.onWait = nil
	}
	if hears && t.caller.Done() != nil {
		stop := context.AfterFunc(t.caller, t.hangUp)
		defer func() {
			if !stop() {
				t.hangUp() // now, not some time in the turn
			}
		}()
	}
	finished := false
	defer func() {
		if !finished {
			l.broken(recover(), false)
		}
	}()
	err := mb.gate.Wait(ctx, ticket)
	switch {
	case err == nil:
		err = fn(&outsideContext{Context: ctx, life: l, turn: t})
	case err != ctx.Err():
		err = l.end(mb.failure(err))
	}
	finished = true
	if why := mb.unpark(t); why != nil {
		return why
	}
	if !t.state.CompareAndSwap(parked, live) {
		return l.outside()
	}
	l.open.Store(true)
	return err
}

// broken ends l because code that it called panicked with v, or ended its goroutine. The
// handler might swallow that: so the life ends here (T34.2). The panic goes on.
func (l *Life) broken(v any, wholeQueue bool) {
	l.mb.Reset(l, l.crashed(v, wholeQueue))
	if v != nil {
		panic(v)
	}
}

func (t *Turn) hangUp() {
	err := t.caller.Err()
	t.cancel(&err)
}

// park puts the baton down for a wait; false if l is over.
func (mb *Mailbox) park(l *Life) bool {
	chore := mb.host.Chore()
	mb.mu.Lock()
	if l.why.Load() != nil {
		mb.mu.Unlock()
		return false
	}
	l.parked++
	mb.watch.endLocked()
	mb.busy = chore != nil || mb.readyLocked()
	goOn, epoch := mb.busy, mb.epoch
	mb.mu.Unlock()
	switch {
	case chore != nil:
		go mb.choreAndWork(chore, epoch)
	case goOn:
		mb.workers.start(mb, epoch)
	}
	return true
}

func (mb *Mailbox) choreAndWork(chore func(), epoch uint64) {
	if mb.chore(chore, epoch) {
		mb.work(epoch)
	}
}

// unpark takes the baton again for t, in order with others (T1); non-nil if l is over.
func (mb *Mailbox) unpark(t *Turn) *ResetError {
	l := t.life
	mb.mu.Lock()
	if why := l.why.Load(); why != nil {
		mb.mu.Unlock()
		return why
	}
	l.parked--
	if !mb.busy && (l.blocker == t || l.blocker == nil && l.resume.len() == 0) {
		mb.busy = true
		mb.watch.beginLocked(mb)
		mb.mu.Unlock()
		return nil
	}
	if t.wake == nil {
		t.wake = make(chan struct{}, 1)
	}
	if l.blocker == t {
		l.back = true
	} else {
		l.resume.push(t)
	}
	mb.mu.Unlock()
	select {
	case <-t.wake:
	case <-l.dead:
	}
	mb.mu.Lock()
	defer mb.mu.Unlock()
	if why := l.why.Load(); why != nil {
		return why
	}
	mb.watch.beginLocked(mb)
	return nil
}

// WaitDurable waits until everything committed so far is durable: what code outside
// turns must do before it lets something out (T19).
func (l *Life) WaitDurable(ctx context.Context) error {
	err := l.mb.gate.Wait(ctx, l.mb.gate.Newest())
	if why := l.why.Load(); why != nil {
		return why
	}
	if err != nil && err != ctx.Err() {
		return l.mb.failure(err)
	}
	return err
}
